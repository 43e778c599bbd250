"""Stand-ins for what the bus gets as arguments: window, fetch, clock. All else is the real thing."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bus.app import Bus
from bus.exchange.json_backend import JsonExchange
from bus.gate import Gate
from bus.messages import Sso
from bus.ports import FetchFailed, Inbound
from bus.services.auth import Auth
from tests.wire import assert_from_bus

ORIGIN = "https://app.example.com"
BACKEND = "https://api.example.com/sso/exchange"

HANGS_SECONDS = 5
"""A test that waits longer than this has failed; none that passes comes near it."""

# Every value that a host or a backend sends holds a marker that is found nowhere else.
CODE = "MARK-code-6a1f"
REDIRECT_URL = "https://app.example.com/callback?MARK-redirect=3c9e"
VERIFIER = "MARK-verifier-" + "v" * 40
ID_TOKEN = "MARK-idtoken.aaa.bbb"
REFRESH_TOKEN = "MARK-refreshtoken"
LEGACY_TOKEN = "MARK-legacytoken"

SIGNED_IN: dict[str, Any] = {
    "credentials": {"idToken": ID_TOKEN, "refreshToken": REFRESH_TOKEN},
    "currentUser": {"name": "MARK-user", "roles": ["admin", None]},
    "company": {"name": "MARK-company"},
}


class FakeWindow:
    """Remembers what was posted, pushed and dropped, by message number."""

    def __init__(self) -> None:
        self.posts: dict[int, list[str]] = {}
        self.pushes: list[tuple[int, str]] = []
        self.drops: list[int] = []
        self.reasons: list[str] = []
        self.kept: set[int] = set()

    def post(self, number: int, text: str) -> None:
        self.posts.setdefault(number, []).append(text)

    def keep(self, number: int, text: str) -> None:
        self.post(number, text)
        self.kept.add(number)

    def push(self, number: int, text: str) -> None:
        if number in self.kept:
            self.pushes.append((number, text))

    def drop(self, number: int, reason: str = "") -> None:
        if reason:
            self.reasons.append(reason)
        if number in self.kept:
            self.kept.remove(number)
        else:
            self.drops.append(number)


class FakeClock:
    """A wall clock that only a test moves."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


class Call:
    """One request to the backend, and what a test makes of it. It is a `bus.ports.Body` too."""

    def __init__(self, url: str, headers: dict[str, Any], body: str | None) -> None:
        self.url = url
        self.headers = headers
        self.body = body
        self.status = 0
        self.retry_after: str | None = None
        self.shown: dict[str, str] = {}
        """The headers that CORS allows reading, of those that are not read at once."""
        self.limit: int | None = None
        self.reading = asyncio.Event()
        """Set when the body is being read."""
        self.gone = asyncio.Event()
        """Set when the request was aborted."""
        self._head: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._rest: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def sent(self) -> dict[str, Any]:
        return json.loads(self.body or "")

    def send_head(self, status: int, retry_after: str | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        self._head.set_result(None)

    def send_body(self, body: bytes | None) -> None:
        self._rest.set_result(body)

    def answer(self, status: int, body: Any) -> None:
        self.send_head(status)
        self.send_body(
            body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        )

    def fail(self, error: Exception | None = None) -> None:
        """Break off where it stands: before the head, or in the body."""
        (self._rest if self._head.done() else self._head).set_exception(error or FetchFailed())

    def header(self, name: str) -> str | None:
        return self.shown.get(name)

    async def head(self) -> "Call":
        await self._until(self._head)
        return self

    async def read(self, limit: int) -> bytes | None:
        self.limit = limit
        self.reading.set()
        return await self._until(self._rest)

    async def _until(self, future: asyncio.Future[Any]) -> bytes | None:
        try:
            return await future
        except asyncio.CancelledError:
            self.gone.set()
            raise


class FakeKey:
    """A `bus.ports.Key` that is not WebCrypto's."""

    def __init__(self) -> None:
        self._private = generate_private_key(SECP256R1())
        numbers = self._private.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32)) for number in (numbers.x, numbers.y))
        self.jwk = json.dumps({"kty": "EC", "crv": "P-256", "x": x, "y": y})

    async def sign(self, text: str) -> str:
        signature = self._private.sign(text.encode(), ECDSA(SHA256()))
        return base64url(b"".join(n.to_bytes(32) for n in decode_dss_signature(signature)))


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class FakeFetch:
    """A backend that answers when the test says so, or at once where `answers` is set."""

    def __init__(self, answers: tuple[int, Any] | None = None) -> None:
        self.calls: list[Call] = []
        self._answers = answers
        self._unseen: asyncio.Queue[Call] = asyncio.Queue()

    async def __call__(self, url: str, *, headers: dict[str, Any], body: str | None) -> Call:
        call = Call(url, headers, body)
        self.calls.append(call)
        self._unseen.put_nowait(call)
        if self._answers is not None:
            call.answer(*self._answers)
        return await call.head()

    async def next(self) -> Call:
        """The next request that goes out."""
        async with asyncio.timeout(HANGS_SECONDS):
            return await self._unseen.get()


def json_exchange(world: "World", timeout_seconds: float) -> JsonExchange:
    return JsonExchange(
        url=BACKEND, timeout_seconds=timeout_seconds, fetch=world.fetch, now=world.clock
    )


class World:
    """A bus with everything around it faked, and the host page that talks to it."""

    def __init__(
        self,
        *,
        answers: tuple[int, Any] | None = None,
        handlers: Any = None,
        exchange: Callable[..., Any] | None = None,
        timeout_seconds: float = 15,
    ) -> None:
        self.window = FakeWindow()
        self.clock = FakeClock()
        self.fetch = FakeFetch(answers)
        self.lines: list[str] = []
        self.reports: list[Exception] = []
        self.exchange = (exchange or json_exchange)(self, timeout_seconds)
        self.bus = Bus(
            gate=Gate(frozenset({ORIGIN})),
            handlers={Sso: Auth(self.exchange).sso} if handlers is None else handlers,
            window=self.window,
            log=self.lines.append,
            report=self.reports.append,
        )
        self.sent: list[Message] = []
        self._numbers = count(1)

    def send(
        self,
        message: dict[str, Any] | str,
        *,
        trusted: bool = True,
        from_parent: bool = True,
        origin: str = ORIGIN,
    ) -> "Message":
        """Post one message, as the early listener hands it on, without waiting for its reply."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        inbound = Inbound(next(self._numbers), trusted, from_parent, origin, text)
        sent = Message(self, inbound.number, asyncio.ensure_future(self._receive(inbound)))
        self.sent.append(sent)
        return sent

    async def _receive(self, inbound: Inbound) -> None:
        if accepted := self.bus.receive(inbound):
            await accepted

    async def ask(self, message: dict[str, Any] | str, **facts: Any) -> Any:
        """Post one message and return its reply, or None if there was none."""
        return await self.send(message, **facts).reply()

    async def settle(self) -> None:
        """Let everything run that can run without the test's doing."""
        for _ in range(20):
            await asyncio.sleep(0)

    def check(self) -> None:
        """Each message got one reply or was dropped; each reply is one of the protocol's, and no value
        shows where none may."""
        for sent in self.sent:
            assert sent.task.done(), f"message {sent.number} never came to an end"
            ends = len(self.window.posts.get(sent.number, [])) + self.window.drops.count(
                sent.number
            )
            assert ends == 1, f"message {sent.number} has {ends} ends"
        shown = [*self.lines, *(str(error) for error in self.reports)]
        for text in (text for texts in self.window.posts.values() for text in texts):
            reply = json.loads(text)
            assert_from_bus(text)
            if reply["meta"]["source"] == "bus":
                shown.append(json.dumps(reply["payload"]))
        for text in shown:
            assert "MARK" not in text, f"a value shows: {text}"


class Message:
    """A message on its way."""

    def __init__(self, world: World, number: int, task: asyncio.Task[None]) -> None:
        self.number = number
        self.task = task
        self._world = world

    @property
    def text(self) -> str | None:
        """The reply as it was posted, or None."""
        return next(iter(self._world.window.posts.get(self.number, [])), None)

    async def reply(self) -> Any:
        async with asyncio.timeout(HANGS_SECONDS):
            await self.task
        return None if self.text is None else json.loads(self.text)


def sso(id: str | None = None, **payload: Any) -> dict[str, Any]:  # noqa: A002 - the wire's own name
    """A valid `AUTH.SSO`, except for the changes that are given."""
    payload = {"code": CODE, "redirectUrl": REDIRECT_URL} | payload
    # In the early listener's order (`bus.ports.Inbound`).
    return {"type": "AUTH.SSO", **({} if id is None else {"id": id}), "payload": payload}


def cancel(id: str) -> dict[str, Any]:  # noqa: A002 - the wire's own name
    return {"type": "BUS.CANCEL", "payload": {"id": id}}


def error_of(reply: dict[str, Any]) -> Any:
    assert reply["type"].endswith("_REJECTED")
    return reply["payload"]["error"]


def code_of(reply: dict[str, Any]) -> str:
    """The code of a reply that the bus itself rejected."""
    assert reply["meta"]["source"] == "bus"
    return error_of(reply)["code"]


def named(reply: dict[str, Any]) -> list[list[str | int]]:
    """The fields that an INVALID_PAYLOAD names."""
    assert code_of(reply) == "INVALID_PAYLOAD"
    return [detail["loc"] for detail in error_of(reply)["details"]]
