"""Alerts name metrics that exist, with labels that they have, and every metric says how processes are put together."""

import re
from pathlib import Path

import yaml

from docs.alerts import ALERTS, metrics

ROOT = Path(__file__).parents[2]
NAMES = {one.name: set(filter(None, one.labels.split(", "))) for one in metrics()}
SUFFIXES = re.compile(r"_(bucket|count|sum)$")
# Prometheus adds these to whatever it scrapes; `le` is a histogram's.
ADDED = {"job", "instance", "le"}


def test_every_alert_asks_for_a_metric_of_ours() -> None:
    unknown = [
        name
        for alert in ALERTS
        for name in re.findall(r"\bsouk_\w+", alert.expr)
        if name not in NAMES and SUFFIXES.sub("", name) not in NAMES
    ]

    assert unknown == []


def test_every_alert_uses_labels_that_its_metric_has() -> None:
    for alert in ALERTS:
        (name,) = set(re.findall(r"\b(?:souk_\w+|up)\b", alert.expr))
        used = {label.strip() for group in re.findall(r"by \(([^)]*)\)", alert.expr) for label in group.split(",")}
        used |= set(re.findall(r"(\w+)=~?\"", alert.expr))
        assert used <= NAMES.get(name, NAMES.get(SUFFIXES.sub("", name), set())) | ADDED, alert.name


def test_the_rules_file_is_one_that_prometheus_reads() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())["groups"][0]["rules"]

    assert [one["alert"] for one in rules] == [f"Souk{alert.name}" for alert in ALERTS]
    assert [one["expr"] for one in rules] == [alert.expr for alert in ALERTS]
    assert all(re.fullmatch(r"\d+m", one["for"]) and one["annotations"]["summary"] for one in rules)


def test_no_metric_is_forgotten() -> None:
    declared = {
        name
        for folder in ("shared", "services")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"(souk_\w+)\"", path.read_text())
    }

    assert {name.removesuffix("_total") for name in declared} == {name.removesuffix("_total") for name in NAMES}
