"""The control door: says how the add-on behaves, shows what it received, and stays open when the public one shuts."""

import hmac
import json
from dataclasses import asdict
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from samples.addon.addons import AddOn, AddOns
from samples.addon.door import Door
from samples.addon.lifecycle import call_home
from samples.addon.modes import Behaviour, Mode
from samples.addon.public import AddOnHandler, for_addon, healthy


def control_app(addons: AddOns, public_door: Door, control_token: str) -> web.Application:
    app = web.Application(middlewares=[_only_with(control_token)])
    for prefix in ("", "/x/{name}"):
        app.router.add_get(f"{prefix}/control", for_addon(addons, show_behaviour))
        app.router.add_post(f"{prefix}/control", for_addon(addons, _change_behaviour(public_door)))
        app.router.add_delete(f"{prefix}/control", for_addon(addons, _forget_orders(public_door)))
        app.router.add_get(f"{prefix}/installs", for_addon(addons, show_installs))
        app.router.add_post(f"{prefix}/installs/{{addon_id}}/call-back", for_addon(addons, repeat_call_back))
        app.router.add_get(f"{prefix}/calls", for_addon(addons, show_calls))
    app.router.add_get("/healthz", healthy)
    return app


def _only_with(control_token: str) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if control_token and not hmac.compare_digest(given, f"Bearer {control_token}".encode()):
            raise web.HTTPUnauthorized(text="Authorization: Bearer <SAMPLE_ADDON_CONTROL_TOKEN> is needed")
        return await handler(request)

    return check


def _change_behaviour(public_door: Door) -> AddOnHandler:
    async def change(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
        try:
            order = json.loads(await request.read())
            behaviour = Behaviour.parse(order)
        except (ValueError, TypeError, AttributeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        workspace_id = order.get("workspace")
        whole_process = addon.name == "" and workspace_id is None
        if behaviour.mode is Mode.DOWN:
            if not whole_process:
                raise web.HTTPBadRequest(text="down shuts the door of all add-ons here: POST it to /control")
            await public_door.shut()
        else:
            addon.behaviours.choose(behaviour, workspace_id)
            if whole_process:
                await public_door.open()
        return await show_behaviour(request, addons, addon)

    return change


def _forget_orders(public_door: Door) -> AddOnHandler:
    async def forget(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
        addon.behaviours.forget()
        await public_door.open()
        return await show_behaviour(request, addons, addon)

    return forget


async def show_behaviour(_request: web.Request, _addons: AddOns, addon: AddOn) -> web.StreamResponse:
    shown = {workspace: asdict(behaviour) for workspace, behaviour in addon.behaviours.shown().items()}
    return web.json_response({"key": addon.key, "base_url": addon.base_url, "behaviours": shown})


async def show_installs(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
    return web.json_response(_chosen(request, [install.shown() for install in addons.installs.of(addon.name)]))


async def show_calls(request: web.Request, _addons: AddOns, addon: AddOn) -> web.StreamResponse:
    return web.json_response(_chosen(request, addon.calls.shown()))


def _chosen(request: web.Request, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose fields are as in the query, as in `/calls?type=DELETED&addon_id=...`."""
    return [row for row in rows if all(str(row.get(name)) == value for name, value in request.query.items())]


async def repeat_call_back(request: web.Request, addons: AddOns, addon: AddOn) -> web.StreamResponse:
    """Uses the stored installation token again, to see whether the marketplace still accepts it."""
    install = addons.installs.get(addon.name, request.match_info["addon_id"])
    if install is None:
        raise web.HTTPNotFound
    if install.token is None:
        raise web.HTTPConflict(text="the installation token was thrown away when DELETED came")
    return web.json_response((await call_home(addons, install)).shown())
