"""The addresses that the marketplace and the visitor's browser use to log in."""

import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from joserfc.jwk import KeySet, RSAKey

from samples.product.login import visitor
from samples.product.oidc import Provider, metadata

# Met by the form that the visitor is led to, so they are gone when the visitor comes back.
MET_BY_A_FORM = {"prompt", "max_age", "login_hint"}


def oidc_pages(provider: Provider, issuer: str, key: RSAKey) -> Blueprint:
    pages = Blueprint("oidc", __name__)

    @pages.get("/.well-known/openid-configuration")
    def discovery() -> Mapping[str, Any]:
        return metadata(issuer)

    @pages.get("/oauth/jwks.json")
    def keys() -> ResponseReturnValue:
        return jsonify(KeySet([key]).as_dict(private=False))

    @pages.get("/oauth/authorize")
    def authorize() -> ResponseReturnValue:
        user = None if _logged_in_too_long_ago() else visitor(provider.users)
        try:
            grant = provider.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            return cast(Response, provider.handle_error_response(provider.create_oauth2_request(None), error))
        if "create" in request.args.get("prompt", "").split():
            return _form("login.sign_up")
        if grant.prompt in {"login", "select_account"}:
            return _form("login.log_in")
        return cast(Response, provider.create_authorization_response(grant_user=user, grant=grant))

    @pages.post("/oauth/token")
    def token() -> ResponseReturnValue:
        return cast(Response, provider.create_token_response())

    @pages.route("/oauth/userinfo", methods=["GET", "POST"])
    def userinfo() -> ResponseReturnValue:
        return cast(Response, provider.create_endpoint_response("userinfo"))

    return pages


def _logged_in_too_long_ago() -> bool:
    max_age = request.args.get("max_age", type=int)
    return max_age is not None and time.time() - session.get("auth_time", 0) > max_age


def _form(endpoint: str) -> ResponseReturnValue:
    """Leads the visitor to a form, and from there back to the same request."""
    rest = [(name, value) for name, value in request.args.items(multi=True) if name not in MET_BY_A_FORM]
    back = f"{request.path}?{urlencode(rest)}"
    return redirect(url_for(endpoint, next=back, email=request.args.get("login_hint", "")))
