"""The product as an OpenID Connect provider: Authlib's authorization server with one client, the marketplace."""

# Authlib ships no type information, so its classes are Any to the checker.
# mypy: disallow-subclassing-any=False

import time
from collections.abc import Mapping
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import compare_s256_code_challenge
from authlib.oidc.core import OpenIDCode, UserInfo, UserInfoEndpoint
from flask import Flask, session
from joserfc.jwk import RSAKey

from samples.product.oidc_records import Client, Code, Token
from samples.product.users import User, Users

CODE_SECONDS = 60
TOKEN_SECONDS = 600


class Provider(AuthorizationServer):
    """Log-ins and tokens are kept in memory; a restart in the middle of a log-in costs a second try."""

    def __init__(self, app: Flask, *, client: Client, users: Users, issuer: str, key: RSAKey) -> None:
        super().__init__(app)
        self.client = client
        self.users = users
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.register_grant(LogIn, [S256Challenge(required=True), IdToken(issuer, key)])
        bearer = ResourceProtector()
        bearer.register_token_validator(KnownToken(self))
        self.register_endpoint(Claims(issuer, bearer))

    def query_client(self, client_id: str) -> Client | None:
        return self.client if client_id == self.client.client_id else None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        forget_expired(self.tokens)
        self.tokens[token["access_token"]] = Token(
            client=self.client, user=request.user, scope=token["scope"], expires_at=time.time() + TOKEN_SECONDS
        )


class LogIn(AuthorizationCodeGrant):
    server: Provider

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        asked = request.payload.data
        forget_expired(self.server.codes)
        self.server.codes[code] = Code(
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            sub=request.user.sub,
            nonce=asked.get("nonce"),
            code_challenge=asked["code_challenge"],
            auth_time=session["auth_time"],
            amr=session["amr"],
            expires_at=time.time() + CODE_SECONDS,
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """Takes the code away: it is good for one attempt, also when two come at once or the verifier is wrong."""
        del client  # there is only one
        found = self.server.codes.pop(code, None)
        return found if found and time.time() < found.expires_at else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Nothing to do; see `query_authorization_code`."""

    def authenticate_user(self, authorization_code: Code) -> User | None:
        return self.server.users.get(authorization_code.sub)


class S256Challenge(CodeChallenge):
    """Every log-in is bound to the one who began it, also those of a client with a secret, and never by `plain`."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 -- Authlib's own form
    CODE_CHALLENGE_METHODS = {"S256": compare_s256_code_challenge}  # noqa: RUF012 -- the same

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        if not grant.request.payload.data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        super().validate_code_challenge(grant, redirect_uri)


class IdToken(OpenIDCode):
    DEFAULT_EXPIRES_IN = 300

    def __init__(self, issuer: str, key: RSAKey) -> None:
        super().__init__()
        self._issuer = issuer
        self._key = key

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        """Never: the nonce is for the client to check, and a visitor who reloads the page asks twice with one."""
        del nonce, request
        return False

    def resolve_client_private_key(self, client: Client) -> RSAKey:
        del client
        return self._key

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": self.get_client_algorithm(client), "kid": str(self._key.kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._issuer, "aud": client.client_id}

    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        return known_of(user, scope, self._issuer)


class Claims(UserInfoEndpoint):
    def __init__(self, issuer: str, resource_protector: ResourceProtector) -> None:
        super().__init__(resource_protector=resource_protector)
        self._issuer = issuer

    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        return known_of(user, scope, self._issuer)


class KnownToken(BearerTokenValidator):
    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def authenticate_token(self, token_string: str) -> Token | None:
        return self._provider.tokens.get(token_string)


def known_of(user: User, scope: str, issuer: str) -> UserInfo:
    """`account_url` is where this user has the account: with one address for all, the product's."""
    return UserInfo(user.claims(scope) | {"account_url": issuer})


def forget_expired(kept: dict[str, Any]) -> None:
    now = time.time()
    for name, value in list(kept.items()):
        if value.expires_at < now:
            kept.pop(name, None)


def metadata(issuer: str) -> Mapping[str, Any]:
    """The discovery document."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": [
            *("sub", "email", "email_verified", "name", "region", "account_url"),
            *("auth_time", "amr", "nonce"),
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "create"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
