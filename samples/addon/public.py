"""The public door: what the marketplace and its users call."""

import hmac
import html
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from samples.addon.addons import AddOn, AddOns
from samples.addon.lifecycle import receive
from samples.addon.manifest import LIFECYCLE, manifest
from samples.addon.tokens import KeysUnavailableError, TokenRefusedError

MAX_BODY_BYTES = 1_048_576
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#2a7"/></svg>'

AddOnHandler = Callable[[web.Request, AddOns, AddOn], Awaitable[web.StreamResponse]]


def public_app(addons: AddOns) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    events = "|".join(LIFECYCLE)
    for prefix in ("", "/x/{name}"):
        app.router.add_get(f"{prefix}/manifest.json", for_addon(addons, show_manifest))
        app.router.add_get(f"{prefix}/icon.svg", for_addon(addons, show_icon))
        app.router.add_get(f"{prefix}/sidebar", for_addon(addons, show_sidebar))
        app.router.add_post(f"{prefix}/lifecycle/{{event:{events}}}", for_addon(addons, receive))
        app.router.add_post(f"{prefix}/webhooks/{{event}}", for_addon(addons, receive_event))
    app.router.add_get("/healthz", healthy)
    return app


def for_addon(addons: AddOns, handler: AddOnHandler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        addon = addons.named(request.match_info.get("name", ""))
        if addon is None:
            raise web.HTTPNotFound
        return await handler(request, addons, addon)

    return handle


async def show_manifest(_request: web.Request, _addons: AddOns, addon: AddOn) -> web.StreamResponse:
    title = f"Souk sample {addon.name}".strip()
    return web.json_response(manifest(addon.key, title, addon.base_url))


async def show_icon(_request: web.Request, _addons: AddOns, _addon: AddOn) -> web.StreamResponse:
    return web.Response(text=ICON, content_type="image/svg+xml")


async def show_sidebar(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
    """The page inside the product; its address carries a token of the user who looks at it."""
    try:
        claims = await addons.verifier.claims(request.query.get("auth_token", ""), key=addon.key)
    except (TokenRefusedError, KeysUnavailableError) as error:
        raise web.HTTPUnauthorized(text=str(error)) from error
    install = addons.installs.get(addon.name, str(claims.get("addonId")))
    if install is None or install.status != "ACTIVE":
        raise web.HTTPForbidden(text="not installed here")
    user = html.escape(str(claims.get("user")))
    return web.Response(
        text=f"<!doctype html><title>Greetings</title><p>Well done, {user} of {install.workspace_id}.",
        content_type="text/html",
        # The address carries the token, so it goes to no other site and into no cache.
        headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
    )


async def receive_event(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
    """An event of the product. Its signature is the token that INSTALLED gave for this very webhook."""
    call = addon.calls.begin(f"webhook {request.match_info['event']}", request.headers.get("webhook-id"))
    signature = request.headers.get("Clockify-Signature", "")
    try:
        claims = await addons.verifier.claims(signature, key=addon.key)
        install = addons.installs.get(addon.name, str(claims.get("addonId")))
        expected = "" if install is None else _webhook_token(install.webhook_tokens, request.match_info["event"])
        if not expected or not hmac.compare_digest(expected.encode(), signature.encode()):
            raise TokenRefusedError("the signature is not the token of this webhook")  # noqa: TRY301 -- one way out
    except TokenRefusedError as error:
        call.refusal, call.status = str(error), 401
        raise web.HTTPUnauthorized(text=str(error)) from error
    except KeysUnavailableError as error:
        call.refusal, call.status = str(error), 503
        raise web.HTTPServiceUnavailable(text=str(error)) from error
    addon.calls.verified(call, claims, {"size": len(await request.read())})
    addon.calls.end(call, 200)
    return web.json_response({})


def _webhook_token(tokens: dict[str, str], event: str) -> str:
    """The paths come as in the manifest, with a doubled slash, or as whole addresses."""
    return next((token for path, token in tokens.items() if urlsplit(path).path.rpartition("/")[2] == event), "")


async def healthy(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})
