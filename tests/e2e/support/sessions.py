"""A backend with sessions: it rotates refresh tokens, and revokes a family whose token comes again."""

import asyncio
import json
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

GRACE_SECONDS = 30
LEGACY = "legacy"
"""A user whose credentials are of the old kind."""


@dataclass
class Family:
    """The tokens of one sign-in."""

    user: str
    tokens: list[str] = field(default_factory=list)
    """All refresh tokens; the last one is the one that holds."""
    rotated: float = 0.0
    """When the previous token was exchanged for the current one."""
    revoked: bool = False


class Sessions:
    """Signs in every user: a code is a user's name, a slash and anything else."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        """The path and the body of each request."""
        self.ahead = 0.0
        """How many seconds the buses' clocks are ahead."""
        self.life_seconds = 900
        """How long the ID tokens are good that are made from now on."""
        self.families: list[Family] = []
        self.planned: dict[str, Response] = {}
        """Fixed answers, by the last part of a path."""
        self.held: dict[str, threading.Event] = {}
        """By the last part of a path: what answers there wait for."""
        self.fails: list[int] = []
        """Statuses, without a body, that the next refreshes are answered with."""
        self._changed = threading.Condition()
        self._free = threading.Event()
        self._free.set()
        paths = ("/session/exchange", "/session/sign-in", "/session/refresh", "/session/revoke")
        self.app = Starlette(
            routes=[Route(path, self._answer, methods=["POST", "OPTIONS"]) for path in paths]
        )

    def sent(self, path: str) -> list[dict[str, str]]:
        """Return the bodies of the requests to `path`, such as "refresh"."""
        return [body for at, body in self.asked if at == f"/session/{path}"]

    def wait_for(self, path: str, count: int = 1) -> list[dict[str, str]]:
        """Wait for a number of requests to `path`; return their bodies."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent(path)) >= count, 30), self.asked
            return self.sent(path)

    def hold(self) -> None:
        """Decide, but let no exchange or refresh have its answer before `release`."""
        self._free.clear()

    def release(self) -> None:
        """Send the answers that are held, and hold none any more."""
        self._free.set()

    def family(self, refresh_token: str) -> Family:
        """Return the family of a token."""
        return next(each for each in self.families if refresh_token in each.tokens)

    async def _answer(self, request: Request) -> Response:
        # For any bus: these tests are not about which bus asks.
        cors = {
            "Access-Control-Allow-Origin": request.headers.get("origin", "*"),
            "Access-Control-Allow-Headers": "content-type",
            "Access-Control-Expose-Headers": "Retry-After",
        }
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        sent = json.loads(await request.body())
        path = request.url.path.removeprefix("/session/")
        held, planned = self.held.get(path), self.planned.get(path)
        with self._changed:
            self.asked.append((request.url.path, sent))
            decided = None if held or planned else self._decide(path, sent)
            self._changed.notify_all()
        if held:
            await asyncio.to_thread(held.wait)
        if planned:
            planned.headers.update(cors)
            return planned
        with self._changed:
            status, body = decided or self._decide(path, sent)
        if path in ("exchange", "refresh"):
            await asyncio.to_thread(self._free.wait)
        if body is None:
            return Response(status_code=status, headers=cors)
        return JSONResponse(body, status, headers=cors)

    def _decide(self, path: str, sent: dict[str, str]) -> tuple[int, Any]:
        if path == "revoke":
            self.family(sent["refreshToken"]).revoked = True
            return 204, None
        if path == "refresh":
            return (self.fails.pop(0), None) if self.fails else self._refresh(sent["refreshToken"])
        user = (sent["code"] if path == "exchange" else sent["email"]).split("/")[0].split("@")[0]
        self.families.append(Family(user))
        issued = (
            {"legacy_token": "an old token"} if user == LEGACY else self._issue(self.families[-1])
        )
        return 200, {
            "credentials": issued,
            "currentUser": {"name": user},
            "company": {"name": "Engines"},
        }

    def _refresh(self, token: str) -> tuple[int, Any]:
        family = self.family(token)
        if not family.revoked and token != family.tokens[-1]:
            late = time.time() - family.rotated > GRACE_SECONDS
            family.revoked = late or token not in family.tokens[-2:]
        if family.revoked:
            return 401, {"error": "refused"}
        return 200, {"credentials": self._issue(family)}

    def _issue(self, family: Family) -> dict[str, str]:
        now = time.time()
        family.rotated = now
        family.tokens.append(f"refresh-{family.user}-{id(family)}-{len(family.tokens)}")
        claims = {
            "iss": "https://idp.example.com",
            "sub": family.user,
            "iat": int(now),
            "exp": int(now) + self.life_seconds,
            "n": len(family.tokens),
        }
        parts = (
            urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "none"}, claims)
        )
        return {
            "idToken": ".".join([*parts, "signature"]),
            "refreshToken": family.tokens[-1],
        }
