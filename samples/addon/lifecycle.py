"""The marketplace's lifecycle calls: verified, given their effect once, and answered."""

import json
from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web

from samples.addon.addons import AddOn, AddOns
from samples.addon.answers import answer, is_open, wait_before
from samples.addon.calls import Call, now
from samples.addon.installs import REMEMBERED_CALLS, Install
from samples.addon.manifest import LIFECYCLE
from samples.addon.marketplace import call_back
from samples.addon.tokens import KeysUnavailableError, TokenRefusedError

STANDARD_WEBHOOKS_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

log = structlog.get_logger()


class RefusedError(Exception):
    """The call gets no effect."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def receive(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
    kind = LIFECYCLE[request.match_info["event"]]
    call = addon.calls.begin(kind, request.headers.get("webhook-id"))
    try:
        response = await _handle(request, addons, addon, call)
    except RefusedError as refusal:
        call.refusal = str(refusal)
        response = web.json_response({"reason": call.refusal}, status=refusal.status)
    addon.calls.end(call, response.status if is_open(request) else None)
    log.info(
        "lifecycle_call",
        addon=addon.key,
        type=kind,
        webhook_id=call.webhook_id,
        attempt=call.attempt,
        installation_id=call.addon_id,
        mode=call.mode,
        status=call.status,
        duplicate=call.duplicate,
        refusal=call.refusal,
    )
    return response


async def _handle(request: web.Request, addons: AddOns, addon: AddOn, call: Call) -> web.StreamResponse:
    body = await _verified_body(request, addons, addon, call)
    install = addons.installs.get(addon.name, body["addonId"])
    call.duplicate = install is not None and call.webhook_id in install.effects
    behaviour = addon.behaviours.next_for(body["workspaceId"], duplicate=call.duplicate)
    call.mode = behaviour.mode
    await wait_before(behaviour)
    if behaviour.applies and not call.duplicate:
        await _apply(addons, addon, call, body)
    return await answer(request, behaviour)


async def _verified_body(request: web.Request, addons: AddOns, addon: AddOn, call: Call) -> dict[str, Any]:
    token = request.headers.get("X-Addon-Lifecycle-Token")
    if not token:
        raise RefusedError(401, "X-Addon-Lifecycle-Token is missing")
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise RefusedError(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "the body is not an object")
    claims = await _claims(addons, addon, token, body)
    addon.calls.verified(call, claims, body)
    missing = [name for name in STANDARD_WEBHOOKS_HEADERS if not request.headers.get(name)]
    if missing:
        raise RefusedError(400, f"missing headers: {', '.join(missing)}")
    return body


async def _claims(addons: AddOns, addon: AddOn, token: str, body: dict[str, Any]) -> dict[str, Any]:
    """A token belongs to the installation that the body speaks of, or it is refused."""
    addressee = {name: str(body.get(name)) for name in ("workspaceId", "addonId")}
    try:
        return await addons.verifier.claims(token, key=addon.key, **addressee)
    except TokenRefusedError as error:
        raise RefusedError(401, str(error)) from error
    except KeysUnavailableError as error:
        raise RefusedError(503, str(error)) from error


async def _apply(addons: AddOns, addon: AddOn, call: Call, body: dict[str, Any]) -> None:
    """The effect of one logical call, on disk before anything is awaited that could let its repetition in between."""
    backend_url = ""
    if call.type == "INSTALLED":
        token_claims = await _claims(addons, addon, str(body.get("authToken")), body)
        backend_url = str(token_claims.get("backendUrl"))
    before = addons.installs.get(addon.name, body["addonId"]) or Install(
        addon=addon.name, addon_id=body["addonId"], workspace_id=body["workspaceId"]
    )
    if call.webhook_id is None or call.webhook_id in before.effects:
        call.duplicate = True  # the repetition was quicker than this call
        return
    try:
        install = changed(before, call.type, body, backend_url)
    except (KeyError, TypeError) as error:
        raise RefusedError(400, f"{call.type} is not as documented: {error!r}") from error
    effects = [*install.effects, call.webhook_id][-REMEMBERED_CALLS:]
    install = replace(install, effects=effects, changed_at=now())
    addons.installs.save(install)
    call.applied = True
    if call.type == "INSTALLED":
        await call_home(addons, install)


def changed(install: Install, kind: str, body: dict[str, Any], backend_url: str) -> Install:
    """The install after a call. Raises KeyError or TypeError if the call is not as documented."""
    if kind == "INSTALLED":
        return replace(
            install,
            status="ACTIVE",
            token=body["authToken"],
            webhook_tokens={hook["path"]: hook["authToken"] for hook in body.get("webhooks") or []},
            api_url=body["apiUrl"],
            backend_url=backend_url,
            installed_by=body.get("asUser"),
        )
    if kind == "DELETED":
        return replace(install, status="DELETED", token=None, webhook_tokens={})
    if kind == "STATUS_CHANGED":
        return install if install.status == "DELETED" else replace(install, status=body["status"])
    return replace(install, settings=body["settings"])


async def call_home(addons: AddOns, install: Install) -> Install:
    """Asks the marketplace about the workspace and the user, and keeps what it said."""
    said = await call_back(
        addons.http,
        token=install.token or "",
        api_url=install.api_url,
        backend_url=install.backend_url,
        workspace_id=install.workspace_id,
    )
    # A DELETED may have come meanwhile; what it left is what is kept.
    install = replace(addons.installs.get(install.addon, install.addon_id) or install, called_back=said)
    addons.installs.save(install)
    return install
