"""The few pages that a person sees outside the web client: no script, and nothing loaded from elsewhere."""

import html
from typing import Final

from fastapi.responses import HTMLResponse

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address holds the link's secret
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1.2rem}}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def confirm_page(action: str, token: str) -> HTMLResponse:
    """Asks for a click: mail scanners follow links, and only the click may use this one."""
    body = (
        f'<form method="post" action="{html.escape(action)}">'
        f'<input type="hidden" name="token" value="{html.escape(token)}">'
        "<p>Confirm that this address is yours.</p><button>Confirm my address</button></form>"
    )
    return _page("Confirm your e-mail address", body)


def verified_page(home: str) -> HTMLResponse:
    return _page("Thank you", f'<p>Your address is confirmed. <a href="{html.escape(home)}">Log in</a>.</p>')


def refused_page(status: int, title: str, detail: str) -> HTMLResponse:
    return _page(title, f"<p>{html.escape(detail)}</p>", status)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=html.escape(title), body=body), status, _HEADERS)
