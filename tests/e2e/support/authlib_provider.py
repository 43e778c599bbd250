"""A second provider, from another code base than the first: Authlib's server, on Starlette.

What it decides about codes, clients, PKCE and ID tokens is Authlib's; here are its storage and pages.
"""

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, OpenIDToken
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

CLIENT = "crm-at-authlib"
LOGIN = """<!doctype html><title>Sign in</title>
<form method="post"><input name="login" required> <button>Sign in</button></form>"""
CODE_LIFETIME = 60
GRACE_SECONDS = 30.0
"""For how long the last refresh token is good after a rotation."""


class Client(ClientMixin):
    """The one client: public, with PKCE."""

    id_token_signed_response_alg = "ES256"

    def __init__(self, redirect_uri: str) -> None:
        self._redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self._redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self._redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


class Code(AuthorizationCodeMixin):
    """What a code was issued for."""

    def __init__(self, request: OAuth2Request, issued: float) -> None:
        data = request.payload.data
        self.user = request.user
        self.issued = issued
        self.code_challenge = data.get("code_challenge")
        self.code_challenge_method = data.get("code_challenge_method")
        self._data = data
        self._scope = request.scope

    def get_redirect_uri(self) -> str:
        return self._data["redirect_uri"]

    def get_scope(self) -> str:
        return self._scope

    def get_nonce(self) -> str | None:
        return self._data.get("nonce")

    def get_auth_time(self) -> int:
        return int(self.issued)


@dataclass
class Family:
    """The tokens of one sign-in."""

    user: str
    scope: str
    authenticated: int
    tokens: list[str] = field(default_factory=list)
    """All refresh tokens; the last one is the one that holds."""
    rotated: float = 0.0
    """When the previous token was exchanged for the current one."""
    revoked: bool = False


@dataclass
class RefreshToken:
    """One of them, as Authlib asks for it."""

    family: Family

    def check_client(self, client: Client) -> bool:
        return client.get_client_id() == CLIENT

    def get_scope(self) -> str:
        return self.family.scope


class AuthlibProvider:
    """The provider's state, and its app; `clock` is moved by the tests."""

    def __init__(self, redirect_uri: str, bus_origin: str) -> None:
        self.issuer = ""
        self.ahead = 0.0
        self._client = Client(redirect_uri)
        self._codes: dict[str, Code] = {}
        self._users: dict[str, str] = {}
        self._families: list[Family] = []
        self.rotate()
        self._server = _Server(self)
        cors = Middleware(
            CORSMiddleware, allow_origins=[bus_origin], allow_headers=["authorization"]
        )
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/login", self._login, methods=["GET", "POST"]),
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/oauth/revoke", self._revoke, methods=["POST"]),
                Route("/oauth/userinfo", self._userinfo),
            ],
            middleware=[cors],
        )

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish no other."""
        key = ECKey.generate_key("P-256")
        self.key = ECKey.import_key(
            key.as_dict(private=True, kid=key.thumbprint(), use="sig", alg="ES256")
        )

    def claims(self, user: str) -> dict[str, Any]:
        return {
            "sub": user,
            "name": user,
            "email": f"{user}@example.com",
            "org": {"id": 7, "name": "Analytical Engines"},
        }

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/login",
                "token_endpoint": f"{self.issuer}/oauth/token",
                "userinfo_endpoint": f"{self.issuer}/oauth/userinfo",
                "revocation_endpoint": f"{self.issuer}/oauth/revoke",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _login(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(LOGIN)
        user = parse_qs((await request.body()).decode())["login"][0]
        asked = _request("GET", dict(request.query_params), request)
        grant = self._server.get_authorization_grant(asked)
        return self._server.create_authorization_response(asked, grant_user=user, grant=grant)

    async def _token(self, request: Request) -> Response:
        return self._server.create_token_response(await _posted(request))

    async def _revoke(self, request: Request) -> Response:
        return self._server.create_endpoint_response("revocation", await _posted(request))

    async def _userinfo(self, request: Request) -> Response:
        _, _, token = request.headers.get("authorization", "").partition("Bearer ")
        if token not in self._users:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(self.claims(self._users[token]))

    # -- what Authlib asks its storage -----------------------------------------------------------

    def client(self, client_id: str) -> Client | None:
        return self._client if client_id == CLIENT else None

    def keep_code(self, code: str, request: OAuth2Request) -> None:
        self._codes[code] = Code(request, self.now())

    def code(self, code: str) -> Code | None:
        kept = self._codes.get(code)
        if kept is None or self.now() - kept.issued > CODE_LIFETIME:
            return None
        return kept

    def forget_code(self, kept: Code) -> None:
        self._codes = {name: code for name, code in self._codes.items() if code is not kept}

    def keep_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self._users[token["access_token"]] = request.user
        if request.refresh_token:
            family = request.refresh_token.family
        else:
            authenticated = request.authorization_code.get_auth_time()
            family = Family(request.user, token["scope"], authenticated)
            self._families.append(family)
        family.tokens.append(token["refresh_token"])
        family.rotated = self.now()

    def refresh_token(self, text: str) -> RefreshToken | None:
        family = next((each for each in self._families if text in each.tokens), None)
        return RefreshToken(family) if family else None

    def good_refresh_token(self, text: str) -> RefreshToken | None:
        """One that comes again later than a lost answer explains is stolen, or was."""
        found = self.refresh_token(text)
        if found is None:
            return None
        family = found.family
        if text != family.tokens[-1]:
            late = self.now() - family.rotated > GRACE_SECONDS
            family.revoked = family.revoked or late or text not in family.tokens[-2:]
        return None if family.revoked else found

    def now(self) -> float:
        return time.time() + self.ahead


async def _posted(request: Request) -> OAuth2Request:
    body = (await request.body()).decode()
    return _request("POST", {name: values[0] for name, values in parse_qs(body).items()}, request)


def _request(method: str, data: dict[str, str], request: Request) -> OAuth2Request:
    # Authlib insists on https, which loopback has no use for.
    made = _Request(
        method, "https" + str(request.url).removeprefix("http"), headers=request.headers
    )
    made.payload = BasicOAuth2Payload(data)
    return made


class _Request(OAuth2Request):
    @property
    def args(self) -> Any:
        return self.payload.data

    @property
    def form(self) -> Any:
        return self.payload.data


class _Server(AuthorizationServer):
    def __init__(self, provider: AuthlibProvider) -> None:
        super().__init__(scopes_supported=["openid", "profile", "email", "offline_access"])
        self._provider = provider
        tokens = BearerTokenGenerator(
            lambda **_: generate_token(42), lambda **_: generate_token(48)
        )
        self.register_token_generator("default", tokens)
        self.register_grant(_CodeGrant, [_IdToken(provider), CodeChallenge(required=True)])
        self.register_grant(_RefreshGrant, [_RenewedIdToken(provider)])
        self.register_endpoint(_Revocation)

    @property
    def provider(self) -> AuthlibProvider:
        return self._provider

    def query_client(self, client_id: str) -> Client | None:
        return self._provider.client(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self._provider.keep_token(token, request)

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        kind = JSONResponse if isinstance(body, dict) else Response
        return kind(body, status, headers=dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass


class _CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        self.server.provider.keep_code(code, request)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return self.server.provider.code(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        self.server.provider.forget_code(authorization_code)

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.user


class _RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        return self.server.provider.good_refresh_token(refresh_token)

    def authenticate_user(self, refresh_token: RefreshToken) -> str:
        return refresh_token.family.user

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """That was done when the new one was kept."""


class _Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ("none",)

    def query_token(self, token: str, hint: str | None) -> RefreshToken | None:
        return self.server.provider.refresh_token(token)

    def revoke_token(self, token: RefreshToken, request: OAuth2Request) -> None:
        token.family.revoked = True


class _RenewedIdToken(OpenIDToken):
    def __init__(self, provider: AuthlibProvider) -> None:
        self._provider = provider

    def resolve_client_private_key(self, client: Client) -> ECKey:
        return self._provider.key

    def get_encode_header(self, client: Client) -> dict[str, str | None]:
        return {"alg": "ES256", "kid": self._provider.key.kid}

    def get_compatible_claims(self, request: OAuth2Request) -> dict[str, Any]:
        claims = super().get_compatible_claims(request)
        if request.refresh_token:
            # Left to itself, Authlib says that the user authenticated just now, which they did not
            # (OpenID Connect Core 1.0, 12.2).
            claims["auth_time"] = request.refresh_token.family.authenticated
        return claims

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._provider.now())
        return {"iss": self._provider.issuer, "aud": [CLIENT], "iat": now, "exp": now + 900}

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        return {"sub": user}


class _IdToken(_RenewedIdToken, OpenIDCode):
    def __init__(self, provider: AuthlibProvider) -> None:
        OpenIDCode.__init__(self)
        self._provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False
