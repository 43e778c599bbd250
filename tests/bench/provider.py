"""An OpenID Connect provider that signs in at once whoever comes."""

import json
import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

CLIENT = "crm"
SCOPE = "openid profile email offline_access"
USER = {"sub": "7", "name": "Ada", "email": "ada@example.com"}
KEEP_ALIVE = 1
"""Seconds that its server must keep a connection open. Then no sign-in starts on another's connection."""
STAY = 1.5
"""Seconds that a user spends at its page: longer than KEEP_ALIVE."""
PAGE = """<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,">
<script>setTimeout(() => location.replace(%s), %d)</script></html>"""


class Provider:
    """The provider's state, and its app. `issuer` is set when its address is known."""

    def __init__(self) -> None:
        self.issuer = ""
        self.asked: list[str] = []
        """The method and path of each request since the last user came, theirs first."""
        self.signed_in = 0
        """How many codes it has given tokens for."""
        self._codes: dict[str, dict[str, str]] = {}
        key = RSAKey.generate_key(2048)
        self._key = RSAKey.import_key(
            # RS256 is all that auth0-spa-js takes.
            key.as_dict(private=True, kid=key.thumbprint(), use="sig", alg="RS256")
        )
        # A browser may not remember the answer to a preflight: who signs in again comes hours later.
        cors = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], max_age=0
        )
        self._app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/oauth/userinfo", self._userinfo),
            ],
            middleware=[cors],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/authorize":
            self.asked.clear()
        self.asked.append(f"{scope['method']} {scope['path']}")
        await self._app(scope, receive, send)

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/oauth/token",
                "userinfo_endpoint": f"{self.issuer}/oauth/userinfo",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        code = secrets.token_urlsafe(32)
        self._codes[code] = query
        back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        # Not by a redirect: that would be part of the navigation to the callback page.
        return HTMLResponse(PAGE % (json.dumps(back).replace("<", "\\u003c"), STAY * 1000))

    async def _token(self, request: Request) -> Response:
        form = {name: each[0] for name, each in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked != asked | {
            "client_id": form.get("client_id"),
            "redirect_uri": form.get("redirect_uri"),
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = USER | {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 900}
        claims |= {"nonce": asked["nonce"]} if "nonce" in asked else {}
        header = {"alg": "RS256", "kid": self._key.kid}
        self.signed_in += 1
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(32),
                "token_type": "Bearer",
                "expires_in": 900,
                "refresh_token": secrets.token_urlsafe(32),
                "scope": asked["scope"],
                "id_token": jwt.encode(header, claims, self._key),
            },
            headers={"Cache-Control": "no-store"},
        )

    async def _userinfo(self, _: Request) -> Response:
        return JSONResponse(USER)
