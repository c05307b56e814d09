"""Calls to the marketplace with the installation token."""

import asyncio
import json
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=5)
MAX_BODY_BYTES = 65_536


def join(*parts: str) -> str:
    """One address of several parts, whichever of them begin or end with a slash."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def workspace_url(api_url: str, workspace_id: str) -> str:
    """`apiUrl` comes with and without the version, depending on the environment."""
    versioned = api_url if api_url.rstrip("/").endswith("/v1") else join(api_url, "v1")
    return join(versioned, "workspaces", workspace_id)


def user_url(backend_url: str, workspace_id: str) -> str:
    return join(backend_url, "addon/workspaces", workspace_id, "user")


async def call_back(
    http: aiohttp.ClientSession, *, token: str, api_url: str, backend_url: str, workspace_id: str
) -> dict[str, Any]:
    """Where are we installed, and by whom? Never raises: an install does not fail because of it."""
    workspace, user = await asyncio.gather(
        _get(http, workspace_url(api_url, workspace_id), token),
        _get(http, user_url(backend_url, workspace_id), token),
    )
    return {"workspace": workspace, "user": user}


async def _get(http: aiohttp.ClientSession, url: str, token: str) -> dict[str, Any]:
    try:
        async with http.get(url, headers={"X-Addon-Token": token}, timeout=TIMEOUT, allow_redirects=False) as response:
            raw = await _start_of(response.content)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return {"url": url, "status": None, "error": type(error).__name__}
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw[:500].decode(errors="replace")
    return {"url": url, "status": response.status, "body": body}


async def _start_of(stream: aiohttp.StreamReader) -> bytes:
    """At most MAX_BODY_BYTES; one `read` gives only what has come so far."""
    found = b""
    while len(found) < MAX_BODY_BYTES and (chunk := await stream.read(MAX_BODY_BYTES - len(found))):
        found += chunk
    return found
