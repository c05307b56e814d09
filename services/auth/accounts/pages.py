"""The few pages that a person sees outside the web client: no script, and nothing loaded from elsewhere."""

import html
from dataclasses import dataclass
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
:root{{color-scheme:light dark;--brand:light-dark(#0b6e61,#4cc9b4)}}
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;
background:light-dark(#fbfaf8,#14171a);color:light-dark(#1c1b19,#eceae6)}}
a{{color:var(--brand)}}
button,input{{font:inherit;padding:.6rem 1.2rem;border-radius:.625rem;box-sizing:border-box;max-width:100%}}
button{{background:var(--brand);color:light-dark(#fff,#06231f);border:0;cursor:pointer}}
input{{border:1px solid light-dark(#8a8478,#7b848d);background:transparent}}
footer{{margin-top:3rem;font-size:.875rem}}
</style></head><body><main><h1>{title}</h1>{body}</main>
<footer><a href="/">The marketplace, and where to get help</a></footer></body></html>
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks for a click about: mail scanners follow links, and only the click may use this one."""

    title: str
    text: str
    button: str
    field: str = ""
    """An input beside the button, in HTML."""


VERIFY: Final = Question("Confirm your e-mail address", "Confirm that this address is yours.", "Confirm my address")
CHANGE: Final = Question(
    "Confirm your new e-mail address",
    "From then on this is the address of your account.",
    "Use this address",
)
UNDO: Final = Question(
    "Was that not you?",
    "Your account gets this address back, everybody is logged out of it, and its password counts no more: "
    "we mail you a link to set another one.",
    "Give me my account back",
)
RESET: Final = Question(
    "Set a new password",
    "Everybody is logged out of your account then.",
    "Set the password",
    '<p><label>New password, at least 10 characters<br><input type="password" name="password" required minlength="10" '
    'maxlength="1000" autocomplete="new-password"></label></p>',
)


def confirm_page(question: Question, action: str, token: str) -> HTMLResponse:
    """Asks, and uses nothing."""
    body = (
        f'<form method="post" action="{html.escape(action)}">'
        f'<input type="hidden" name="token" value="{html.escape(token)}">'
        f"<p>{html.escape(question.text)}</p>{question.field}<button>{html.escape(question.button)}</button></form>"
    )
    return _page(question.title, body)


def done_page(text: str, home: str) -> HTMLResponse:
    """Says what was done, and leads on."""
    return _page("Thank you", f'<p>{html.escape(text)} <a href="{html.escape(home)}">Log in</a>.</p>')


def refused_page(status: int, title: str, detail: str) -> HTMLResponse:
    return _page(title, f"<p>{html.escape(detail)}</p>", status)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=html.escape(title), body=body), status, _HEADERS)
