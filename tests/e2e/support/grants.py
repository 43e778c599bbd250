"""An OpenID Connect provider without pages: a code is a user's name, a slash and anything else."""

import time
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.e2e.support.sessions import Family, Sessions

ACCESS_SECONDS = 300


class Grants(Sessions):
    """Gives tokens for every code and every refresh token that holds, and takes what is revoked."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = ""
        self.access_seconds: object = ACCESS_SECONDS
        """`expires_in` of the tokens that are made from now on."""
        self._key = jwk.ECKey.generate_key("P-256")
        self._names: dict[str, str] = {}
        """The user of each access token."""
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/userinfo", self._userinfo, methods=["GET", "OPTIONS"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/revoke", self._revoke, methods=["POST"]),
            ]
        )
        self.gives_refresh_tokens = True

    @property
    def sso(self) -> dict[str, Any]:
        """The settings of a bus for it."""
        return {
            "provider": "oidc",
            "issuer": self.issuer,
            "client_id": "crm",
            "company_claim": "org",
        }

    @property
    def _now(self) -> float:
        return time.time() + self.ahead

    async def _discovery(self, request: Request) -> Response:
        ends = {
            name: f"{self.issuer}/{path}"
            for name, path in (
                ("token_endpoint", "token"),
                ("jwks_uri", "jwks"),
                ("userinfo_endpoint", "userinfo"),
                ("revocation_endpoint", "revoke"),
            )
        }
        return _answer(request, {"issuer": self.issuer, **ends})

    async def _jwks(self, request: Request) -> Response:
        key = self._key.as_dict(private=False, kid="1", use="sig", alg="ES256")
        return _answer(request, {"keys": [key]})

    async def _userinfo(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return _answer(request, {})
        user = self._names[request.headers["authorization"].removeprefix("Bearer ")]
        return _answer(request, {"sub": user, "name": user})

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if form["grant_type"] == "authorization_code":
            self.asked.append(("/exchange", form))
            self.families.append(Family(form["code"].split("/")[0]))
            return _answer(request, self._grant(self.families[-1]))
        self.asked.append(("/refresh", form))
        family = self.family(form["refresh_token"])
        if family.revoked or form["refresh_token"] != family.tokens[-1]:
            return _answer(request, {"error": "invalid_grant"}, 400)
        return _answer(request, self._grant(family))

    async def _revoke(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append(("/revoke", form))
        self.family(form["token"]).revoked = True
        return _answer(request, {})

    def _grant(self, family: Family) -> dict[str, Any]:
        now, count = int(self._now), len(self._names) + 1
        claims = {
            "iss": self.issuer,
            "aud": "crm",
            "sub": family.user,
            "iat": now,
            "exp": now + self.life_seconds,
            "org": {"name": "Engines"},
            "n": count,
        }
        access_token = f"access-{family.user}-{count}"
        self._names[access_token] = family.user
        family.tokens.append(f"refresh-{family.user}-{count}")
        answer = {
            "token_type": "Bearer",
            "access_token": access_token,
            "expires_in": self.access_seconds,
            "id_token": jwt.encode({"alg": "ES256", "kid": "1"}, claims, self._key),
        }
        if self.gives_refresh_tokens:
            answer["refresh_token"] = family.tokens[-1]
        return answer


def _answer(request: Request, body: object, status: int = 200) -> Response:
    # For any bus: these tests are not about which bus asks.
    cors = {
        "Access-Control-Allow-Origin": request.headers.get("origin", "*"),
        "Access-Control-Allow-Headers": "authorization",
    }
    return JSONResponse(body, status, headers=cors)
