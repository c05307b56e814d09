"""What to be woken by: one table, from which the page for operators and Prometheus's rules are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from prometheus_client import REGISTRY

SERVICES = ("auth", "catalog", "installer", "notifier")


@dataclass(frozen=True)
class Alert:
    """`expr` is PromQL over the metrics of all processes; `minutes` it must hold."""

    name: str
    expr: str
    minutes: int
    severity: str  # page: somebody gets up; ticket: in working hours
    says: str


ALERTS = (
    Alert("Stranded", "max(souk_installations_stranded) > 0", 1, "page", "A bug of ours; `doctor --fix` wakes them."),
    Alert(
        "BeyondDeadline",
        "max(souk_installations_beyond_deadline) > 0",
        5,
        "page",
        "Pending longer than promised: no worker gets on. See `overdue`, and the workers' logs.",
    ),
    Alert(
        "Overdue", "max(souk_installations_overdue_seconds) > 120", 2, "page", "No installer worker takes what is due."
    ),
    Alert(
        "Undecided",
        "sum by (job, what) (increase(souk_undecided_total[15m])) > 0",
        1,
        "page",
        "A bug of ours, or what a newer release wrote: put off again and again. See `installation_not_…` in the log.",
    ),
    Alert(
        "WaitingLong",
        "max(souk_installations_oldest_pending_seconds) > 86400",
        60,
        "ticket",
        "Somebody waits for a day: mostly an add-on that is down. `operator/installations` says for what.",
    ),
    Alert(
        "TroubleOfOurs",
        'max(souk_installations_troubled{side="us"}) > 0',
        10,
        "page",
        "Installs do not get on for a reason of ours. `operator/installations?side=us` names them.",
    ),
    Alert(
        "InstallsFail",
        'sum(rate(souk_installations_total{outcome="failed",reason!="cancelled"}[30m]))'
        " > 0.5 * sum(rate(souk_installations_total[30m]))",
        30,
        "ticket",
        "More than half of the installs fail: `operator/overview` counts them by reason.",
    ),
    Alert(
        "CleanupOwed",
        "max(souk_installations_cleanup_owed) > 1000",
        60,
        "ticket",
        "Add-ons do not confirm DELETED: `operator/installations?show=clean-up` says which.",
    ),
    Alert(
        "OutboxOld",
        "max by (job, collection) (souk_outbox_oldest_seconds) > 60",
        2,
        "page",
        "Events do not reach Kafka. See `souk_producer_connected`.",
    ),
    Alert(
        "StateUnsent",
        "max by (job, collection) (souk_state_unsent_oldest_seconds) > 60",
        2,
        "ticket",
        "Others see old states. Heals by itself when Kafka is back; else `resend-state`.",
    ),
    Alert(
        "ConsumerBehind",
        "max by (job, topic) (souk_consumer_lag_seconds) > 60",
        5,
        "page",
        "Records wait for their consumer. Start another worker, or look why its batches fail.",
    ),
    Alert(
        "ConsumerNotStarted",
        "min by (job, topic) (souk_consumer_started) == 0",
        5,
        "page",
        "Nobody there reads the topic: Kafka is away, or a topic is missing (`topics_missing` in the log).",
    ),
    Alert(
        "DeadLetters",
        "max by (job, reason) (souk_dead_letters_open) > 0",
        1,
        "ticket",
        "Records were set aside: `dead-letters list`, then replay or discard.",
    ),
    Alert(
        "DeadLettersFlood",
        "sum by (job, group) (rate(souk_dead_letters_total[5m])) > 1",
        5,
        "page",
        "A producer writes what this release cannot read, or a handler has a bug.",
    ),
    Alert(
        "ProducerAway", "min by (job) (souk_producer_connected) == 0", 5, "page", "Kafka cannot be reached from here."
    ),
    Alert(
        "PublishSlow",
        "histogram_quantile(0.99, sum by (job, le) (rate(souk_publish_seconds_bucket[5m]))) > 2.5",
        10,
        "ticket",
        "The brokers take their time.",
    ),
    Alert(
        "CleanupGivenUp", "max(souk_installations_cleanup_given_up) > 0", 1, "ticket", "Tell the add-ons' publishers."
    ),
    Alert(
        "BreakersOpen",
        "sum(max by (state) (souk_breakers)) > 5",
        15,
        "ticket",
        "Many add-ons at once: is it our way out?",
    ),
    Alert("NoticeForgotten", "max(souk_operator_notices) > 0", 1440, "ticket", "A notice keeps calls back."),
    Alert("EventLoopLate", "max by (job, instance) (souk_event_loop_lag_seconds) > 1", 5, "ticket", "Too little CPU."),
    Alert(
        "Rebalances",
        "sum by (job, topic) (increase(souk_consumer_rebalances_total[15m])) > 20",
        1,
        "ticket",
        "Workers come and go.",
    ),
    Alert(
        "CommitFailures",
        "sum by (job) (increase(souk_consumer_commit_failures_total[15m])) > 10",
        1,
        "ticket",
        "Records come again and again; harmless, and a sign of rebalances or slow batches.",
    ),
    Alert(
        "Conflicts",
        "sum by (what) (rate(souk_conflicts_total[5m])) > 50",
        10,
        "ticket",
        "Processes decide the same things: harmless and wasteful.",
    ),
    Alert(
        "ClockOff", "max by (instance) (abs(souk_clock_offset_seconds)) > 30", 10, "ticket", "Set the machine's clock."
    ),
    Alert(
        "NotMeasured",
        "time() - max by (job) (souk_measured_timestamp_seconds) > 300 or "
        + " or ".join(f'absent(souk_measured_timestamp_seconds{{job="{one}"}})' for one in SERVICES),
        5,
        "page",
        "No worker reads its gauges: none runs, or MongoDB is away.",
    ),
    Alert(
        "ProcessGone",
        " or ".join(f'absent(up{{job="{one}"}}) or max by (job) (up{{job="{one}"}}) == 0' for one in SERVICES),
        2,
        "page",
        "No process of the service answers Prometheus. The other alerts of this service cannot fire meanwhile.",
    ),
    Alert(
        "TimersLate",
        "max by (what) (souk_timers_late_seconds) > 120",
        2,
        "page",
        "Mails, digests or notices are due and nobody takes them: no worker, or the mail server is away.",
    ),
    Alert("MailsUndelivered", "max(souk_mails_undelivered) > 0", 1, "ticket", "Refused for good, or not sent in time."),
    Alert(
        "ServerErrors",
        'sum by (job) (rate(souk_request_seconds_count{status=~"5.."}[5m])) > 1',
        5,
        "page",
        "Clients get errors of ours.",
    ),
)
_MODULES = (
    "shared.plumbing.metrics",
    "services.installer.delivery.metrics",
    "services.notifier.live",
    "services.notifier.measures",
    "services.notifier.postman",
)
_COMBINED = ("sum", "max", "min")


@dataclass(frozen=True)
class Metric:
    """One metric as Prometheus shows it."""

    name: str
    kind: str
    labels: str
    combine: str
    says: str


def metrics() -> list[Metric]:
    """Every metric of ours, by name."""
    for module in _MODULES:
        import_module(module)
    found = {}
    for one in _collectors():
        (family, *_) = one.describe()
        says, _, combine = family.documentation.rpartition(" ")
        if family.type != "gauge":
            says, combine = family.documentation, "sum"
        elif combine not in _COMBINED:
            raise ValueError(f"{family.name} does not say whether processes add up")
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = Metric(name, family.type, ", ".join(one._labelnames), combine, says)  # noqa: SLF001 - told nowhere else
    return [found[name] for name in sorted(found)]


def _collectors() -> Iterator[Any]:
    registered = REGISTRY._collector_to_names.items()  # noqa: SLF001 - the public way shows no metric without a value
    return (one for one, names in registered if any(name.startswith("souk_") for name in names))


def metrics_table() -> str:
    """For the page."""
    rows = ["| metric | kind | labels | over processes | meaning |", "|---|---|---|---|---|"]
    rows += [f"| `{it.name}` | {it.kind} | {it.labels} | `{it.combine}` | {it.says} |" for it in metrics()]
    return "\n".join(rows)


def alerts_table() -> str:
    """For the page."""
    rows = ["| alert | when | for | urgency | what it means |", "|---|---|---|---|---|"]
    rows += [
        f"| {it.name} | `{it.expr.replace('|', chr(92) + '|')}` | {it.minutes} min | {it.severity} | {it.says} |"
        for it in ALERTS
    ]
    return "\n".join(rows)


def rules() -> str:
    """Prometheus's rules file. Jobs are the services' names."""
    lines = ["# Generated by `make docs`; do not edit.", "groups:", "  - name: souk", "    rules:"]
    for it in ALERTS:
        lines += [
            f"      - alert: Souk{it.name}",
            f"        expr: '{it.expr}'",
            f"        for: {it.minutes}m",
            f"        labels: {{severity: {it.severity}}}",
            f"        annotations: {{summary: {_quoted(it.says)}}}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
