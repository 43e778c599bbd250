"""A provider that does to each code what the test planned for it: wrong tokens, and wrong set-ups."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT = "crm"


KEYS: dict[str, tuple[type[ECKey | OKPKey | RSAKey], Any]] = {
    "RS256": (RSAKey, 2048),
    "ES256": (ECKey, "P-256"),
    "Ed25519": (OKPKey, "Ed25519"),
}


def _key(kid: str, alg: str = "ES256") -> Any:
    kind, size = KEYS[alg]
    key = kind.generate_key(size).as_dict(private=True)
    return kind.import_key(key | {"kid": kid, "use": "sig", "alg": alg})


def b64(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class HostileProvider:
    """`name` in its issuers says what is wrong with the set-up; `fine` has nothing wrong."""

    def __init__(self, bus_origin: str) -> None:
        self.origin = ""
        self.forms: list[dict[str, str]] = []
        self._bus_origin = bus_origin
        self._keys = {kid: _key(kid) for kid in ("published", "other")}
        self._keys |= {alg: _key(alg, alg) for alg in KEYS}
        self._plans: dict[str, Callable[[str], Response]] = {}
        self.app = Starlette(
            routes=[
                Route("/{name}/.well-known/openid-configuration", self._discovery),
                Route("/{name}/keys", self._jwks),
                Route("/{name}/token", self._token, methods=["POST"]),
            ]
        )

    def issuer(self, name: str = "fine") -> str:
        return f"{self.origin}/{name}"

    def id_token(self, issuer: str, *, key: str = "published", **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": issuer, "aud": CLIENT, "sub": "MARK-sub", "iat": now, "exp": now + 900}
        alg = key if key in KEYS else "ES256"
        header = {"alg": alg, "kid": key if key in KEYS else "published"}
        return jwt.encode(header, claims | changes, self._keys[key], algorithms=[alg])

    def unsigned(self, issuer: str) -> str:
        _, claims, _ = self.id_token(issuer).split(".")
        return f"{b64({'alg': 'none', 'kid': 'published'})}.{claims}."

    def plan(self, token: Callable[[str], str] | None = None, **more: Any) -> str:
        """Plan tokens for a code, which is returned; `token` makes the ID token."""
        made = token or self.id_token

        def answer(issuer: str) -> Response:
            tokens = {
                "id_token": made(issuer),
                "access_token": "MARK-access",
                "refresh_token": "MARK-refresh",
                "token_type": "Bearer",
            }
            return self._json(tokens | more)

        code = f"MARK-code-{uuid4().hex}"
        self._plans[code] = answer
        return code

    def refuses(self, error: dict[str, str], status: int = 400) -> str:
        code = f"MARK-code-{uuid4().hex}"
        self._plans[code] = lambda _: self._json(error, status)
        return code

    def _json(self, value: object, status: int = 200) -> Response:
        return JSONResponse(
            value, status, headers={"Access-Control-Allow-Origin": self._bus_origin}
        )

    async def _discovery(self, request: Request) -> Response:
        name = request.path_params["name"]
        issuer = self.issuer(name)
        document = {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
        }
        document |= {
            "other-issuer": {"issuer": issuer + "/"},
            "elsewhere": {"token_endpoint": "https://elsewhere.example/token"},
            "no-pkce": {"code_challenge_methods_supported": ["plain"]},
        }.get(name, {})
        return self._json(document)

    async def _jwks(self, request: Request) -> Response:
        keys = [key.as_dict(private=False) for name, key in self._keys.items() if name != "other"]
        return self._json({"keys": keys})

    async def _token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.forms.append(form)
        plan = self._plans.get(form.get("code", ""))
        name = request.path_params["name"]
        answer = plan(self.issuer(name)) if plan else self._json({"error": "invalid_request"}, 400)
        if name == "no-cors":
            del answer.headers["Access-Control-Allow-Origin"]
        return answer
