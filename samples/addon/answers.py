"""The answer to a call, or the way in which none is given."""

import asyncio
import socket
import struct

from aiohttp import web

from samples.addon.modes import Behaviour, Mode

DRIP = b"." * 1024


async def wait_before(behaviour: Behaviour) -> None:
    if behaviour.mode is Mode.SLOW:
        await asyncio.sleep(behaviour.seconds)


async def answer(request: web.Request, behaviour: Behaviour) -> web.StreamResponse:
    """Returns once the call is answered or its connection is gone."""
    match behaviour.mode:
        case Mode.REFUSE | Mode.ERROR:
            return web.json_response({"reason": behaviour.reason}, status=behaviour.status)
        case Mode.HANG:
            while is_open(request):  # noqa: ASYNC110 -- aiohttp has no event for a caller that goes away
                await asyncio.sleep(0.5)
        case Mode.LATE:
            await asyncio.sleep(behaviour.seconds)
        case Mode.RESET:
            _reset(request)
        case Mode.DRIP:
            return await _drip(request, behaviour)
        case _:
            pass
    return web.json_response({})


def is_open(request: web.Request) -> bool:
    """Whether the caller still waits."""
    return request.transport is not None and not request.transport.is_closing()


def _reset(request: web.Request) -> None:
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    # Lingering for no time makes the close a TCP reset, not an orderly end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


async def _drip(request: web.Request, behaviour: Behaviour) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while is_open(request):
            await response.write(DRIP)
            await asyncio.sleep(behaviour.seconds)
    except ConnectionError:
        pass  # the caller has read enough
    return response
