"""The product's web application, put together."""

from urllib.parse import urlsplit

from authlib.oidc.discovery import OpenIDProviderMetadata
from flask import Flask, Response, abort, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from samples.product import files
from samples.product.api import Api
from samples.product.login import login_pages
from samples.product.oidc import Provider, metadata
from samples.product.oidc_pages import oidc_pages
from samples.product.oidc_records import Client
from samples.product.pages import Pages
from samples.product.profile import profile_pages
from samples.product.push import Directory
from samples.product.settings import Settings
from samples.product.users import Users
from samples.product.workspaces import Workspaces

MAX_BODY_BYTES = 262_144


def create_app(settings: Settings, users: Users, workspaces: Workspaces, directory: Directory) -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=files.secret(settings.data_dir / "session-secret"),
        # Browsers keep cookies per host and not per port, so the name must not meet the marketplace's.
        SESSION_COOKIE_NAME="sample_product",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(settings.public_url).scheme == "https",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    OpenIDProviderMetadata(metadata(settings.public_url)).validate()
    key = files.signing_key(settings.data_dir / "signing-key.pem")
    client = Client(settings.client_id, settings.client_secret, settings.redirect_uri)
    provider = Provider(app, client=client, users=users, issuer=settings.public_url, key=key)
    app.register_blueprint(oidc_pages(provider, settings.public_url, key))
    app.register_blueprint(login_pages(users))
    app.register_blueprint(profile_pages(users))
    app.register_blueprint(Pages(users, workspaces, directory).blueprint())
    app.register_blueprint(Api(users, workspaces, directory).blueprint())
    app.context_processor(lambda: {"addons_url": settings.addons_url})
    app.before_request(refuse_foreign_forms)
    app.after_request(add_security_headers)
    app.register_error_handler(HTTPException, explain)
    return app


def refuse_foreign_forms() -> None:
    """A form that another site's page sends in the visitor's name has that site's origin."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and origin != request.host_url.rstrip("/"):
        abort(403, "this form belongs to another site")


def add_security_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def explain(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:  # a redirect that was raised
        return error.response
    headers = {"WWW-Authenticate": 'Basic realm="product"'} if error.code == 401 else {}  # noqa: PLR2004 -- HTTP's
    return {"error": str(error.description)}, error.code or 500, headers
