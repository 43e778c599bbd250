"""A provider that does to each code what the test planned for it: wrong tokens, and wrong set-ups."""

import json
import threading
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.e2e.support.world import Server

CLIENT = "crm"


KEYS: dict[str, tuple[type[ECKey | OKPKey | RSAKey], Any]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), (RSAKey, 2048)),
    "ES256": (ECKey, "P-256"),
    "ES384": (ECKey, "P-384"),
    "ES512": (ECKey, "P-521"),
    "Ed25519": (OKPKey, "Ed25519"),
}
LOOSE = ("RS256", "ES256", "ES512")
"""Of these, the key set has a second key, which is written in ways that RFC 7518 does not allow."""


def _key(kid: str, alg: str = "ES256") -> Any:
    kind, size = KEYS[alg]
    key = kind.generate_key(size).as_dict(private=True)
    return kind.import_key(key | {"kid": kid, "use": "sig", "alg": alg})


def _loose(jwk: dict[str, Any]) -> dict[str, Any]:
    """Write numbers in standard base64 with padding: RSA's after a zero, others without theirs."""
    numbers = {
        name: urlsafe_b64decode(jwk[name] + "==").lstrip(b"\0")
        for name in ("n", "e", "x", "y")
        if name in jwk
    }
    zero = b"\0" if "n" in jwk else b""
    written = {name: b64encode(zero + octets).decode() for name, octets in numbers.items()}
    return jwk | written | {"kid": f"loose {jwk['alg']}", "alg": None, "key_ops": []}


def b64(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class HostileProvider:
    """`name` in its issuers says what is wrong with the configuration; `fine` is a correct one."""

    def __init__(self, bus_origin: str) -> None:
        self.origin = ""
        self.forms: list[dict[str, str]] = []
        self.asked: list[str] = []
        """The address of each request for what it publishes."""
        self.fails: list[int] = []
        """Statuses that the next of these requests are answered with."""
        self._changed = threading.Condition()
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

    def id_token(
        self,
        issuer: str,
        *,
        key: str = "published",
        kid: str = "",
        typ: str = "JWT",
        **changes: Any,
    ) -> str:
        now = int(time.time())
        claims = {"iss": issuer, "aud": CLIENT, "sub": "MARK-sub", "iat": now, "exp": now + 900}
        alg = key if key in KEYS else "ES256"
        header = {"alg": alg, "kid": kid or (key if key in KEYS else "published"), "typ": typ}
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

    def wait_for(self, *paths: str) -> None:
        """Wait until just these have been asked for, in any order."""
        urls = sorted(f"{self.origin}/{path}" for path in paths)
        with self._changed:
            assert self._changed.wait_for(lambda: sorted(self.asked) == urls, 30), self.asked

    def _published(self, request: Request, value: object) -> Response:
        with self._changed:
            self.asked.append(str(request.url))
            self._changed.notify_all()
            return self._json(value, self.fails.pop(0) if self.fails else 200)

    def _json(self, value: object, status: int = 200) -> Response:
        return JSONResponse(
            value, status, headers={"Access-Control-Allow-Origin": self._bus_origin}
        )

    async def _discovery(self, request: Request) -> Response:
        name = request.path_params["name"]
        issuer = self.issuer(name)
        document: dict[str, object] = {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
        }
        changes: dict[str, dict[str, object]] = {
            "other-issuer": {"issuer": issuer + "/"},
            "elsewhere": {"token_endpoint": "https://elsewhere.example/token"},
            "hs256": {"id_token_signing_alg_values_supported": ["HS256"]},
            "no-pkce": {"code_challenge_methods_supported": ["plain"]},
        }
        return self._published(request, document | changes.get(name, {}))

    async def _jwks(self, request: Request) -> Response:
        public = {name: key.as_dict(private=False) for name, key in self._keys.items()}
        del public["other"]
        off_curve = public["ES256"] | {"kid": "off the curve", "y": public["ES256"]["x"]}
        loose = [_loose(public[alg]) for alg in LOOSE]
        return self._published(request, {"keys": [*public.values(), *loose, off_curve]})

    async def _token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.forms.append(form)
        plan = self._plans.get(form.get("code", ""))
        name = request.path_params["name"]
        answer = plan(self.issuer(name)) if plan else self._json({"error": "invalid_request"}, 400)
        if name == "no-cors" or (name == "cors-without-errors" and answer.status_code != 200):
            del answer.headers["Access-Control-Allow-Origin"]
        return answer


@contextmanager
def hostile_provider(bus_origin: str) -> Iterator[HostileProvider]:
    """Serve one on `localhost`, which lets a bus of this origin read its answers."""
    provider = HostileProvider(bus_origin)
    server = Server(provider.app, "localhost")
    provider.origin = server.origin
    yield provider
    server.stop()
