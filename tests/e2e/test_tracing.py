"""One install as a collector of OpenTelemetry sees it: one trace, through every service that has a part in it."""

import secrets
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from deploy.local.demo.people import eventually
from tests.e2e.conftest import SPANS
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn
from tests.e2e.publisher_site import Site


@dataclass(frozen=True)
class Span:
    """What a collector keeps of one."""

    service: str
    name: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool


def spans_of(site: Site, trace_id: str) -> list[Span]:
    found: list[Span] = []
    for received in site.to(SPANS):
        for resource in ExportTraceServiceRequest.FromString(received.body).resource_spans:
            service = attributes(resource.resource)["service.name"]
            for scope in resource.scope_spans:
                found += [
                    Span(
                        *(service, one.name, one.span_id.hex(), one.parent_span_id.hex(), attributes(one)),
                        failed=one.status.code == one.status.STATUS_CODE_ERROR,
                    )
                    for one in scope.spans
                    if one.trace_id.hex() == trace_id
                ]
    return found


def attributes(owner: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in owner.attributes}


def test_an_install_is_one_trace_through_every_service_with_a_part_in_it(
    marketplace: Marketplace, workspace: str, addon: SampleAddOn, site: Site
) -> None:
    addon.behave("error", status=503, times=1)
    marketplace.preflight(addon.key, workspace)
    trace_id, caller = secrets.token_hex(16), secrets.token_hex(8)
    body = {"workspace_id": workspace, "addon_key": addon.key}
    headers = {"Idempotency-Key": secrets.token_hex(8), "traceparent": f"00-{trace_id}-{caller}-01"}
    installation = marketplace.admin.call("POST", INSTALLATIONS, json=body, headers=headers)["id"]
    marketplace.topics.wait("AddOnInstalled", installation_id=installation)
    expected = {
        ("souk-installer", f"POST {INSTALLATIONS}"),
        ("souk-installer", "send installer.workspace-checks.v1"),
        ("souk-auth", "process CheckWorkspace"),
        ("souk-auth", "send auth.workspace-checks.v1"),
        ("souk-installer", "process WorkspaceChecked"),
        ("souk-installer", "call INSTALLED"),
        ("souk-installer", "send installer.installations.v1"),
        ("souk-notifier", "process AddOnInstalled"),
    }

    def all_there() -> list[Span] | None:
        found = spans_of(site, trace_id)
        complete = expected <= {(one.service, one.name) for one in found}
        calls = [one for one in found if one.name == "call INSTALLED"]
        return found if complete and len(calls) >= 2 else None

    spans = eventually(all_there, f"the spans {expected} of trace {trace_id}")
    (request,) = [one for one in spans if one.name.startswith("POST")]
    assert request.parent == caller
    assert {one.parent for one in spans if one is not request} == {request.id}
    assert request.attributes["http.response.status_code"] == 202
    calls = [one for one in spans if one.name == "call INSTALLED"]
    assert [one.attributes["http.response.status_code"] for one in calls] == [503, 200]
    assert {one.attributes["souk.installation"] for one in calls} == {installation}
    assert not any(one.failed for one in spans)


def test_spans_tell_no_secret(marketplace: Marketplace, site: Site) -> None:
    secret = secrets.token_hex(16)
    trace_id = secrets.token_hex(16)
    marketplace.admin.send(
        "GET",
        f"/api/auth/v1/verify-email?token={secret}",
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
    )
    eventually(lambda: spans_of(site, trace_id), f"spans of trace {trace_id}")
    everything = b"".join(one.body for one in site.to(SPANS))
    for each in (secret, marketplace.admin.token, marketplace.admin.email, marketplace.admin.password):
        assert each.encode() not in everything
