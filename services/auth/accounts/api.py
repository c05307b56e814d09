"""Sign-up, verification of the address, and one's own profile."""

from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from services.auth.accounts.accounts import Accounts, SignUp
from services.auth.accounts.local import LOCAL_ONLY
from services.auth.accounts.mails import VERIFY_PATH
from services.auth.accounts.pages import confirm_page, refused_page, verified_page
from services.auth.accounts.store import Users
from services.auth.accounts.views import Accepted, AddressOnly, LinkToken, NewAccount, Profile, User, Verified
from services.auth.domain import Change
from services.auth.web import Limits, cause
from shared.plumbing.errors import Problem
from shared.plumbing.http import problems
from shared.plumbing.problems import require_json
from shared.plumbing.security import CurrentUser

_FORM = "application/x-www-form-urlencoded"
_PAGE: dict[str, Any] = {"text/html": {}}
# The page's form gets its refusals as pages too.
_LINK_PROBLEMS = problems(
    "malformed-json", "404 link-unknown", "410 link-used", "410 link-expired", "too-many-requests"
)
_LINK_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Verified", "content": _PAGE},
    **{status: {**answer, "content": answer["content"] | _PAGE} for status, answer in _LINK_PROBLEMS.items()},
}
_EITHER: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": LinkToken.model_json_schema()} for kind in ("application/json", _FORM)},
    }
}


def router(accounts: Accounts, users: Users, limits: Limits, public_url: str) -> APIRouter:
    """Routes of accounts."""
    api = APIRouter(prefix="/api/auth/v1", tags=["accounts"])

    @api.post(
        "/accounts",
        status_code=202,
        dependencies=LOCAL_ONLY,
        responses=problems("403 local-accounts-off", "too-many-requests", "503 too-busy"),
    )
    async def sign_up(body: NewAccount, request: Request) -> Accepted:
        """Ask for an account. The answer is the same whether or not the address has one; the mail tells its owner."""
        limits.mail(request, body.email)
        wish = SignUp(body.email, body.password, body.display_name, body.locale)
        await accounts.sign_up(wish, cause(request))
        return Accepted()

    @api.get("/verify-email", response_class=HTMLResponse)
    async def show_verification(token: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
        """The page behind the mailed link. Looking at it uses nothing."""
        return confirm_page(VERIFY_PATH, token)

    @api.post("/verify-email", responses=_LINK_ANSWERS, openapi_extra=_EITHER, response_model=Verified)
    async def verify_email(request: Request) -> Verified | HTMLResponse:
        """Use a mailed link. As JSON it answers JSON, as the page's form it answers a page."""
        limits.network(request)
        body = await request.body()
        if not request.headers.get("content-type", "").startswith(_FORM):
            require_json(request)
            await accounts.verify(_token(body), cause(request))
            return Verified()
        try:
            fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=5)
            await accounts.verify(fields.get("token", [""])[0], cause(request))
        except Problem as problem:
            request.state.error_slug = problem.slug
            return refused_page(problem.status, problem.title, problem.detail or "")
        except ValueError:
            return refused_page(400, "This form is not ours", "Open the link in your mail once more.")
        return verified_page(f"{public_url}/")

    @api.post("/verify-email/resend", status_code=202, responses=problems("too-many-requests"))
    async def resend_verification(body: AddressOnly, request: Request) -> Accepted:
        """Ask for another link. The answer is the same whether or not there is anything to verify."""
        limits.mail(request, body.email)
        await accounts.resend(body.email, cause(request))
        return Accepted()

    @api.get("/me", responses=problems("token-missing", "404 account-not-found"))
    async def show_me(principal: CurrentUser) -> User:
        """The caller's account."""
        return User.of(await users.get(principal.user_id))

    @api.patch("/me", responses=problems("token-missing", "404 account-not-found"))
    async def change_me(body: Profile, principal: CurrentUser, request: Request) -> User:
        """Change the fields that are given."""
        fields = body.model_dump(exclude_none=True)
        change = Change(fields) if fields else None
        return User.of(await users.change(principal.user_id, lambda _: change, cause(request)))

    return api


def _token(body: bytes) -> str:
    try:
        return LinkToken.model_validate_json(body).token
    except ValidationError as exc:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in exc.errors()]
        if errors[0]["type"] == "json_invalid":
            raise Problem("malformed-json", 400, "The body is not JSON") from None
        raise RequestValidationError(errors) from None
