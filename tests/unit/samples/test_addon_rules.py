"""What the sample add-on decides without talking to anybody."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from samples.addon.calls import without_secrets
from samples.addon.installs import Install, Installs
from samples.addon.lifecycle import changed
from samples.addon.manifest import manifest
from samples.addon.marketplace import join, user_url, workspace_url
from samples.addon.modes import Behaviour, Behaviours, Mode
from samples.addon.settings import Settings
from services.catalog.manifest import read_manifest

WORKSPACE = "64a000000000000000000001"
INSTALL = Install(addon="", addon_id="64b000000000000000000001", workspace_id=WORKSPACE)
INSTALLED = {
    "authToken": "secret-1",
    "apiUrl": "http://localhost:8080/addon-api/api",
    "asUser": "64c000000000000000000001",
    "webhooks": [{"path": "/webhooks/timer-stopped", "webhookType": "ADDON", "authToken": "secret-2"}],
}


@pytest.mark.parametrize(
    "api_url",
    [
        "http://localhost:8080/addon-api/api",
        "http://localhost:8080/addon-api/api/",
        "http://localhost:8080/addon-api/api/v1",
        "http://localhost:8080/addon-api/api/v1/",
    ],
)
def test_workspace_is_found_whatever_form_the_api_address_has(api_url: str) -> None:
    assert workspace_url(api_url, WORKSPACE) == f"http://localhost:8080/addon-api/api/v1/workspaces/{WORKSPACE}"


def test_joining_accepts_every_mix_of_slashes() -> None:
    assert join("http://h/a/", "/b/", "", "c") == "http://h/a/b/c"
    assert user_url("http://h/api/", "w") == "http://h/api/addon/workspaces/w/user"


def test_manifest_names_its_hooks_below_its_base_url() -> None:
    document = manifest("souk-sample", "Souk sample", "http://localhost:8301")
    assert document["schemaVersion"] == "1.3"
    assert {(hook["type"], hook["path"]) for hook in document["lifecycle"]} == {
        ("INSTALLED", "/lifecycle/installed"),
        ("DELETED", "/lifecycle/deleted"),
        ("STATUS_CHANGED", "/lifecycle/status-changed"),
        ("SETTINGS_UPDATED", "/lifecycle/settings-updated"),
    }
    assert [component["type"] for component in document["components"]] == ["sidebar"]
    assert len(document["webhooks"]) == 2


def test_manifest_passes_the_catalog_without_a_remark() -> None:
    body = json.dumps(manifest("souk-sample", "Souk sample", "http://localhost:8301")).encode()
    report = read_manifest(body, "application/json")
    assert (report.errors, report.warnings) == ((), ())


def test_install_keeps_its_tokens_until_it_is_deleted() -> None:
    installed = changed(INSTALL, "INSTALLED", INSTALLED, "http://backend")
    assert (installed.status, installed.token) == ("ACTIVE", "secret-1")
    assert installed.webhook_tokens == {"/webhooks/timer-stopped": "secret-2"}
    deleted = changed(installed, "DELETED", {}, "")
    assert (deleted.status, deleted.token, deleted.webhook_tokens) == ("DELETED", None, {})


def test_status_of_a_deleted_install_does_not_come_back() -> None:
    deleted = replace(INSTALL, status="DELETED")
    assert changed(deleted, "STATUS_CHANGED", {"status": "ACTIVE"}, "") == deleted
    active = replace(INSTALL, status="ACTIVE")
    assert changed(active, "STATUS_CHANGED", {"status": "INACTIVE"}, "").status == "INACTIVE"


def test_settings_are_kept_as_they_came() -> None:
    settings = [{"id": "text", "name": "What to say", "value": "Bravo"}]
    assert changed(INSTALL, "SETTINGS_UPDATED", {"settings": settings}, "").settings == settings


def test_no_secret_is_shown() -> None:
    shown = changed(INSTALL, "INSTALLED", INSTALLED, "http://backend").shown()
    assert "secret" not in str(shown)
    assert without_secrets(INSTALLED)["webhooks"][0] == {
        "path": "/webhooks/timer-stopped",
        "webhookType": "ADDON",
        "authToken": "***",
    }


def test_installs_survive_a_restart_and_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "data" / "installs.jsonl"
    first = Installs(path)
    first.save(replace(INSTALL, status="ACTIVE"))
    first.save(replace(INSTALL, status="INACTIVE", effects=["call-1"]))
    first.close()
    with path.open("a") as file:
        file.write('{"addon": "", "addon_id')
    second = Installs(path)
    second.close()
    assert second.of("") == [replace(INSTALL, status="INACTIVE", effects=["call-1"])]
    assert path.stat().st_mode & 0o777 == 0o600


def test_behaviour_for_one_workspace_leaves_the_others_alone() -> None:
    behaviours = Behaviours()
    behaviours.choose(Behaviour.parse({"mode": "refuse"}), WORKSPACE)
    assert behaviours.next_for(WORKSPACE, duplicate=False).mode is Mode.REFUSE
    assert behaviours.next_for("another", duplicate=False).mode is Mode.OK


def test_behaviour_for_a_number_of_calls_ends_after_them() -> None:
    behaviours = Behaviours()
    behaviours.choose(Behaviour.parse({"mode": "error", "times": 2}), None)
    modes = [behaviours.next_for(WORKSPACE, duplicate=False).mode for _ in range(3)]
    assert modes == [Mode.ERROR, Mode.ERROR, Mode.OK]


@pytest.mark.parametrize(("mode", "expected"), [("refuse", "ok"), ("late", "ok"), ("slow", "ok"), ("error", "error")])
def test_repetition_of_done_work_fails_only_when_the_server_is_broken(mode: str, expected: str) -> None:
    behaviours = Behaviours()
    behaviours.choose(Behaviour.parse({"mode": mode}), None)
    assert behaviours.next_for(WORKSPACE, duplicate=True).mode == expected


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ({"mode": "sulk"}, "mode: one of ok"),
        ({"mode": "refuse", "status": "403"}, "status: a number from 200 to 599"),
        ({"mode": "slow", "seconds": -1}, "seconds: a number from 0 to 3600"),
        ({"mode": "error", "times": 0}, "times: a number from 1"),
        ({"mode": "refuse", "reason": 3}, "reason: a text"),
    ],
)
def test_impossible_orders_name_the_field(order: dict[str, object], problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        Behaviour.parse(order)


def test_settings_follow_the_port_and_hide_the_control_token() -> None:
    settings = Settings.from_env({"SAMPLE_ADDON_PORT": "9000", "SAMPLE_ADDON_CONTROL_TOKEN": "hush"})
    assert settings.public_url == "http://localhost:9000"
    assert "hush" not in repr(settings)
