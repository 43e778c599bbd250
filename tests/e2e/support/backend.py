"""A backend that does to each code what the test planned for it, and keeps what it was asked."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from host.demo.reset import reset

Act = Callable[[Request, dict[str, str]], Awaitable[Response]]

SIGNED_IN = {
    "credentials": {"idToken": "an-id-token", "refreshToken": "a-refresh-token"},
    "currentUser": {"id": 7, "name": "Ada"},
    "company": {"name": "Analytical Engines"},
}


@dataclass
class Seen:
    """One exchange as it arrived."""

    body: dict[str, Any]
    headers: dict[str, str]
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the browser has closed the connection before the answer."""


class Backend:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.elsewhere: list[str] = []
        """The method of each request that came to where `redirects` leads."""
        self.bus_origin = ""
        self._plans: dict[str, Act] = {}
        self._arrived = threading.Condition()
        self._gates: dict[str, asyncio.Event] = {}
        self._held = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.app = Starlette(
            routes=[
                Route("/sso/exchange", self._exchange, methods=["POST", "OPTIONS"]),
                Route("/elsewhere", self._elsewhere, methods=["GET", "POST", "OPTIONS"]),
            ]
        )

    # -- plans: each returns the code to ask with -------------------------------------------

    def plan(self, act: Act, name: str = "code") -> str:
        code = f"{name}-{uuid4().hex}"
        self._plans[code] = act
        return code

    def answers(self, body: Any = SIGNED_IN, status: int = 200, name: str = "ok") -> str:
        """Plan an answer of JSON."""
        return self.sends(json.dumps(body).encode(), status, "application/json", name)

    def sends(
        self, body: bytes, status: int = 200, type_: str = "application/json", name: str = "sends"
    ) -> str:
        """Plan an answer of bytes."""

        async def act(request: Request, cors: dict[str, str]) -> Response:
            return Response(body, status, headers=cors, media_type=type_)

        return self.plan(act, name)

    def hangs(self, name: str = "hangs") -> str:
        """Plan to send no answer until `release(code)`, which sends a good one."""
        gate = asyncio.Event()

        async def act(request: Request, cors: dict[str, str]) -> Response:
            released = asyncio.ensure_future(gate.wait())
            left = asyncio.ensure_future(request.receive())  # nothing comes but the disconnect
            await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                request.state.seen.gone.set()
            for task in (released, left):
                task.cancel()
            return JSONResponse(SIGNED_IN, headers=cors)

        code = self.plan(act, name)
        self._gates[code] = gate  # before it arrives: who waits for that may release it at once
        return code

    def holds(self, count: int, name: str = "held") -> list[str]:
        """Plan no answers until `let_go`, which sends good ones to all, also to those yet to come."""
        self._held.clear()

        async def act(request: Request, cors: dict[str, str]) -> Response:
            await asyncio.to_thread(self._held.wait)
            return JSONResponse(SIGNED_IN, headers=cors)

        return [self.plan(act, name) for _ in range(count)]

    def let_go(self) -> None:
        self._held.set()

    def release(self, code: str) -> None:
        self.wait_for(code)
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self._gates[code].set)

    def hangs_in_body(self, name: str = "half") -> str:
        """Plan an answer whose head arrives and whose body never ends."""

        async def act(request: Request, cors: dict[str, str]) -> Response:
            async def body() -> Any:
                yield b'{"credentials":'
                await request.receive()
                request.state.seen.gone.set()

            return StreamingResponse(body(), 200, headers=cors, media_type="application/json")

        return self.plan(act, name)

    def resets(self, name: str = "resets") -> str:
        """Plan a connection that is cut without an answer."""

        async def act(request: Request, cors: dict[str, str]) -> Response:
            reset(request.scope)
            await request.receive()
            return Response()

        return self.plan(act, name)

    def breaks_off(self, name: str = "breaks") -> str:
        """Plan an answer that is cut in its body."""

        async def act(request: Request, cors: dict[str, str]) -> Response:
            async def body() -> Any:
                yield b'{"credentials":'
                # The server closes the connection. A reset would do the same, but may overtake
                # what was sent before: then the browser has no response at all. And with a length,
                # because without one, WebKit takes a partial body for the whole.
                raise BrokenPipeError

            headers = cors | {"Content-Length": "1000"}
            return StreamingResponse(body(), 200, headers=headers, media_type="application/json")

        return self.plan(act, name)

    def redirects(self, status: int = 307, name: str = "redirects") -> str:
        """Plan a redirect to where a good answer waits for anybody who follows."""

        async def act(request: Request, cors: dict[str, str]) -> Response:
            return Response(status_code=status, headers=cors | {"Location": "/elsewhere"})

        return self.plan(act, name)

    def lacks_cors(self, name: str = "nocors") -> str:
        async def act(request: Request, cors: dict[str, str]) -> Response:
            return JSONResponse(SIGNED_IN)

        return self.plan(act, name)

    # -- what came ---------------------------------------------------------------------------

    def wait_for(self, code: str, count: int = 1) -> Seen:
        """Wait until a code has arrived `count` times; the test's time limit ends it otherwise."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.of(code)) >= count)
            return self.of(code)[-1]

    def of(self, code: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.body.get("code") == code]

    def _cors(self) -> dict[str, str]:
        return {
            "Access-Control-Allow-Origin": self.bus_origin,
            "Access-Control-Allow-Headers": "content-type",
            "Vary": "Origin",
        }

    async def _elsewhere(self, request: Request) -> Response:
        self.elsewhere.append(request.method)
        return JSONResponse(SIGNED_IN, headers=self._cors())

    async def _exchange(self, request: Request) -> Response:
        self.loop = asyncio.get_running_loop()
        cors = self._cors()
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        seen = Seen(json.loads(await request.body()), dict(request.headers))
        request.state.seen = seen
        with self._arrived:
            self.seen.append(seen)
            self._arrived.notify_all()
        return await self._plans[seen.body["code"]](request, cors)
