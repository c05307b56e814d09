"""The page between a product and us: no script, and nothing loaded from elsewhere."""

import html
from typing import Final

from fastapi.responses import HTMLResponse

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address holds the log-in's code
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>One moment</title>
<meta http-equiv="refresh" content="0;url={address}"></head>
<body><p><a href="{address}">Go on</a></p></body></html>
"""


def onward_page(address: str) -> HTMLResponse:
    """Goes on to this address of ours at once, now from a page of ours: so the browser brings our strict cookies."""
    return HTMLResponse(_PAGE.format(address=html.escape(address)), headers=_HEADERS)
