"""A browser with tabs that share storage, locks and a channel; a network, and a backend behind it."""

import asyncio
import json
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, TypeVar, cast

from bus.app import Bus
from bus.exchange.choice import backend_for
from bus.exchange.json_backend import JsonExchange, JsonPost
from bus.gate import Gate
from bus.messages import Answer as BusAnswer
from bus.messages import SsoPayload
from bus.ports import FetchFailed, Inbound, Key, Verify
from bus.served import served
from bus.services.choice import services_for
from bus.services.session import Session
from bus.session.around import Around
from bus.session.backend import Backend, Bound, Failed, Fresh
from bus.session.keyring import KeyRing
from bus.session.ports import NoLocks, StoreFailed
from bus.session.shelf import Shelf
from bus.settings import JsonSso, Settings
from tests.unit.fakes import FakeKey
from tests.unit.session.loops import Clock, TabLoop
from tests.unit.session.server import API, EPOCH, Answered, Server
from tests.unit.session.tokens import Message
from tests.wire import assert_from_bus

HOST = "https://app.example.com"
OTHER_HOST = "https://admin.example.com"
HOURS = 3600
DAYS = 24 * HOURS

T = TypeVar("T")
Request = tuple["Tab", "asyncio.Future[None]"]
"""A tab that waits for a lock, or holds it."""
Fault = str | Answered | None
"""What goes wrong with a request: "request" or "answer" (lost), or an answer instead."""


def settings(**session: object) -> Settings:
    return Settings.model_validate(
        {
            "allowed_origins": [HOST, OTHER_HOST],
            "sso": {"provider": "json", "exchange_url": f"{API}/exchange"},
            "session": {"refresh_url": f"{API}/refresh", "revoke_url": f"{API}/revoke"} | session,
            "password": {"sign_in_url": f"{API}/sign-in"},
        }
    )


class Partition:
    """What the tabs of one site share."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.keys: dict[tuple[str, str], Key] = {}
        """By the host's origin and the session's generation."""
        self.keys_made: dict[tuple[str, str], float] = {}
        self.holders: dict[str, Request] = {}
        self.queues: defaultdict[str, deque[Request]] = defaultdict(deque)
        self.tabs: list[Tab] = []
        self.words: list[str] = []


class Reply:
    def __init__(self, tab: "Tab", number: int) -> None:
        self.tab = tab
        self.number = number

    @property
    def value(self) -> Any:
        """The reply, or None so far."""
        return self.tab.window.replies.get(self.number)


class TabWindow:
    """Keeps every posted message, which must fit its model. A closed window takes none."""

    def __init__(self, tab: "Tab") -> None:
        self.tab = tab
        self.replies: dict[int, Message] = {}
        self.kept: set[int] = set()
        self.closed: list[int] = []
        self.pushes: list[tuple[int, Message]] = []

    def post(self, number: int, text: str) -> None:
        if not self.tab.gone:
            assert number not in self.replies
            assert_from_bus(text)
            self.replies[number] = json.loads(text)

    def drop(self, number: int, reason: str = "") -> None:
        self.kept.discard(number)
        self.closed.append(number)

    def keep(self, number: int, text: str) -> None:
        self.post(number, text)
        self.kept.add(number)

    def push(self, number: int, text: str) -> None:
        if not self.tab.gone and number in self.kept:
            assert_from_bus(text)
            self.pushes.append((number, json.loads(text)))


class TabStore:
    def __init__(self, tab: "Tab") -> None:
        self.tab = tab
        self.fails: set[str] | None = None
        """Which methods raise."""
        self.hangs = False
        self.forgets = False

    async def _do(self, name: str, work: Callable[[dict[str, str]], T]) -> T:
        tab, texts = self.tab, self.tab.partition.texts
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def act() -> None:
            if tab.gone:
                return
            if self.fails is not None and name in self.fails:
                tab.resolve(done, error=StoreFailed())
            elif not self.hangs:
                tab.resolve(done, work(texts))

        # In the order of the calls, with some delay.
        tab.store_free = max(tab.world.clock.time, tab.store_free) + tab.world.rng.uniform(
            0.0005, 0.003
        )
        tab.world.clock.at(tab.store_free - tab.world.clock.time, act)
        return await done

    async def keeps(self) -> bool:
        # As session.mjs does it.
        text = str(self.tab.world.rng.random())
        return not await self.swap("try", None, text) or await self.swap("try", text, None)

    async def origins(self) -> list[str]:
        return await self._do("origins", lambda texts: [key for key in texts if key != "try"])

    async def read(self, origin: str) -> str | None:
        return await self._do("read", lambda texts: texts.get(origin))

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        def work(texts: dict[str, str]) -> bool:
            if texts.get(origin) != old:
                return False
            if new is None:
                texts.pop(origin, None)
            elif not self.forgets:
                texts[origin] = new
            return True

        return await self._do("swap", work)

    async def erase(self, origin: str) -> None:
        def work(texts: dict[str, str]) -> None:
            texts.pop(origin, None)

        await self._do("erase", work)


class TabKeys:
    """Keys beside the texts; they go the same way."""

    def __init__(self, tab: "Tab") -> None:
        self.store = TabStore(tab)
        self.keys = tab.partition.keys
        self.made = tab.partition.keys_made
        self.clock = tab.world.clock
        self.forgets = False

    async def keep(self, origin: str, generation: str, key: Key) -> bool:
        def work(_: object) -> bool:
            if not self.forgets:
                self.keys[origin, generation] = key
                self.made[origin, generation] = self.clock.time
            return not self.forgets

        return await self.store._do("keep", work)

    async def find(self, origin: str, generation: str) -> Key | None:
        return await self.store._do("find", lambda _: self.keys.get((origin, generation)))

    async def erase(self, origin: str, generation: str, *, left: bool) -> None:
        # As keys.mjs does it.
        def work(_: object) -> None:
            for owner, name in [*self.keys]:
                old = left and self.clock.time - self.made[owner, name] > 3600
                if owner == origin and (name == generation or old):
                    del self.keys[owner, name]

        await self.store._do("erase", work)


class Binding:
    """An exchange that binds what it gives to a new key."""

    uses_nonce = False

    def __init__(self, exchange: JsonExchange) -> None:
        self._exchange = exchange

    async def __call__(self, asked: SsoPayload) -> BusAnswer:
        return replace(await self._exchange(asked), key=FakeKey())


class BoundSession:
    """A backend that remembers what it is told about keys."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.maker = backend.maker
        self.revoke = backend.revoke
        self.logout_url = backend.logout_url
        self.bound: list[Bound | None] = []

    @property
    def access_tokens(self) -> bool:
        return self._backend.access_tokens

    async def refresh(
        self, refresh_token: str, *, id_token: str, bound: Bound | None = None
    ) -> Fresh | Failed:
        self.bound.append(bound)
        return await self._backend.refresh(refresh_token, id_token=id_token, bound=bound)


class TabLocks:
    def __init__(self, tab: "Tab") -> None:
        self.tab = tab
        self.missing = False

    async def acquire(self, name: str) -> Callable[[], None]:
        if self.missing:
            raise NoLocks
        partition, tab = self.tab.partition, self.tab
        request = (tab, asyncio.get_running_loop().create_future())
        if name not in partition.holders:
            partition.holders[name] = request
        else:
            partition.queues[name].append(request)
            try:
                await request[1]
            except asyncio.CancelledError:
                if partition.holders.get(name) is request:
                    self.release(name, request)
                elif request in partition.queues[name]:
                    partition.queues[name].remove(request)
                raise
        return lambda: self.release(name, request)

    def release(self, name: str, request: Request) -> None:
        partition = self.tab.partition
        if partition.holders.get(name) is not request:
            return
        del partition.holders[name]
        while partition.queues[name]:
            waiting = partition.queues[name].popleft()
            if not waiting[0].gone:
                partition.holders[name] = waiting
                waiting[0].resolve(waiting[1], None)
                break

    def give_up(self) -> None:
        """The tab is gone: the browser takes its locks."""
        partition = self.tab.partition
        for name, request in list(partition.holders.items()):
            if request[0] is self.tab:
                self.release(name, request)


class TabChannel:
    def __init__(self, tab: "Tab") -> None:
        self.tab = tab
        self.missing = False
        self.slow = 0.0
        """Seconds that a word takes in addition."""

    def post(self, text: str) -> None:
        tab = self.tab
        if tab.gone or self.missing:
            return
        tab.partition.words.append(text)
        for other in tab.partition.tabs:
            if other is not tab and not other.channel.missing:
                delay = self.slow + tab.world.rng.uniform(0.0005, 0.004)
                tab.world.clock.at(delay, partial(other.hear, text))


class Answer:
    def __init__(self, status: int, body: bytes | None, retry_after: str | None) -> None:
        self.status = status
        self.body = body
        self.retry_after = retry_after

    def header(self, name: str) -> str | None:
        raise AssertionError(f"a json backend is asked for no {name}")

    async def read(self, limit: int) -> bytes:
        return b"" if self.body is None else self.body


class Net:
    """Carries requests to the server and answers back, or loses them."""

    def __init__(self, world: "Sim") -> None:
        self.world = world
        self.delay = 0.1
        self.online = True
        self.halts = False
        """Whether time stops when an answer arrives."""
        self.lose_answers = 0
        """How many answers get lost on their way, after the server has acted."""
        self.hang_answers = 0
        self.delivered: dict[str, tuple[float, Tab]] = {}
        """Refresh tokens that have arrived: when, and in which tab."""
        self.under_way: list[tuple[float, Tab, str]] = []
        """(since when, tab, token) of refreshes."""
        self.overlaps: list[tuple[float, float, str]] = []
        """Refreshes that went out while another one of the same session was under way."""
        self.faults: Callable[[str], Fault] | None = None
        """Asked for each request: None, "request" or "answer" (lost), or an answer."""

    async def fetch(self, tab: "Tab", url: str, body: str) -> Answer:
        clock = self.world.clock
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        aborted: list[bool] = []

        def fail() -> None:
            tab.resolve(done, error=FetchFailed())

        def arrive() -> None:
            if tab.gone or aborted:
                return
            if not self.online:
                fail()
                return
            fault = self.faults(url) if self.faults else None
            if fault == "request":
                clock.at(0.1, fail)
                return
            answer = fault if isinstance(fault, tuple) else self.world.server(url, body)
            if self.lose_answers or fault == "answer":
                self.lose_answers = max(self.lose_answers - 1, 0)
                clock.at(0.1, fail)
            elif self.hang_answers:
                self.hang_answers -= 1
            else:
                clock.at(self.delay / 2, lambda: back(answer))

        def back(answer: Answered) -> None:
            if not self.online:
                fail()
                return
            status, value, *more = answer
            if (
                url.endswith("/refresh")
                and not tab.gone
                and not tab.frozen
                and status == 200
                and isinstance(value, dict)
            ):
                token = (value.get("credentials") or {}).get("refreshToken")
                self.delivered[str(token)] = (clock.time, tab)
            raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
            tab.resolve(done, Answer(status, raw, more[0] if more else None))
            clock.halted = self.halts

        clock.at(self.delay / 2, arrive)
        refresh = None
        if url.endswith("/refresh"):
            refresh = (clock.time, tab, json.loads(body)["refreshToken"])
            self._overlap(*refresh)
            self.under_way.append(refresh)
        try:
            return await done
        except asyncio.CancelledError:
            aborted.append(True)
            raise
        finally:
            if refresh:
                self.under_way.remove(refresh)

    def _overlap(self, now: float, tab: "Tab", token: str) -> None:
        family = self.world.server.by_token.get(token)
        for since, _, other in self.under_way:
            if family is self.world.server.by_token.get(other) and now - since < 15:
                self.overlaps.append((now, since, token))

    def forget(self, tab: "Tab") -> None:
        """What arrived in a tab just before it was frozen or closed may not have been written."""
        for token, (at, in_tab) in list(self.delivered.items()):
            if in_tab is tab and self.world.clock.time - at < 0.1:
                del self.delivered[token]


class Tab:
    """A bus in a frame of a host's page, and that page."""

    def __init__(
        self,
        world: "Sim",
        origin: str,
        partition: Partition,
        table: Settings,
        provider: Any = None,
    ) -> None:
        """`provider`: an exchange and a backend of sessions, in the place of those for `json`."""
        self.world = world
        self.origin = origin
        self.partition = partition
        self.loop = TabLoop(world.clock)
        self.gone = False
        self.frozen = False
        self.hidden = False
        self.store_free = 0.0
        self.window = TabWindow(self)
        self.store = TabStore(self)
        self.keys = TabKeys(self)
        self.locks = TabLocks(self)
        self.channel = TabChannel(self)
        self.lines: list[str] = []
        self.kept: list[str] = []
        """What a debug build says of where sessions are kept: "" in the partition, else why not."""
        self.reports: list[Exception] = []
        self.unheard: list[object] = []
        """Errors that only the event loop saw; a browser's console shows them."""
        self.loop.set_exception_handler(lambda _, context: self.unheard.append(context))
        self._numbers = count(1)
        self._ids = count(1)
        self.rng = random.Random(world.rng.random())
        self.settings = table

        async def fetch(url: str, *, headers: dict[str, str], body: str | None) -> Answer:
            assert body is not None  # a json backend gets POST alone
            return await world.net.fetch(self, url, body)

        assert isinstance(table.sso, JsonSso)
        timeout = table.request_timeout_seconds
        post = JsonPost(timeout, fetch=fetch, now=world.now)
        exchange = provider or JsonExchange(
            table.sso.exchange_url, timeout, fetch=fetch, now=world.now
        )
        around = None
        if table.session:
            memory = table.session.persist == "memory"
            shelf = Shelf(
                None if memory else self.store,
                self.lines.append,
                tell=self.kept.append,
            )
            backend = provider or backend_for(
                table,
                fetch=fetch,
                verify=cast("Verify", None),
                now=world.now,
                log=self.lines.append,
            )
            self.backend = BoundSession(backend)
            around = Around(
                settings=table.session,
                timeout_seconds=timeout,
                shelf=shelf,
                locks=self.locks,
                channel=self.channel,
                window=self.window,
                backend=self.backend if world.bound else backend,
                now=world.now,
                monotonic=self.loop.time,
                jitter=self.rng.random,
                new_id=self.new_id,
                log=self.lines.append,
                report=self.reports.append,
                keys=KeyRing(None if memory else self.keys, shelf, self.lines.append)
                if world.bound
                else None,
            )
        self.around = around
        self.services = services_for(
            table,
            exchange=Binding(exchange) if world.bound else exchange,
            post=post,
            around=around,
        )
        self.session = cast("Session", self.services.session)
        """None without `[bus.session]`; tests that use it have one."""
        self.bus = Bus(
            gate=Gate(frozenset(table.allowed_origins)),
            handlers=self.services.handlers,
            window=self.window,
            log=self.lines.append,
            report=self.reports.append,
            served=served(table),
        )
        partition.tabs.append(self)
        world.clock.loops.append(self.loop)

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"

    def resolve(
        self, future: asyncio.Future[Any], value: object = None, error: Exception | None = None
    ) -> None:
        """What a browser does when something is done: it waits in the page's queue while that is frozen."""
        if self.gone:
            return

        def settle() -> None:
            if not future.done():
                future.set_exception(error) if error else future.set_result(value)

        self.loop.call_soon(settle)

    def hear(self, text: str) -> None:
        if not self.gone:
            self.loop.call_soon(self.session.heard, text)

    # -- the host's side ---------------------------------------------------------------------------

    def send(
        self,
        type_: str,
        payload: Message | None = None,
        *,
        id: str | None = None,  # noqa: A002
        port: bool = False,
        origin: str | None = None,
    ) -> Reply:
        message = {"type": type_, "payload": payload or {}}
        if id is not None:
            message["id"] = id
        number = next(self._numbers)
        inbound = Inbound(number, True, True, origin or self.origin, json.dumps(message), port)
        self.loop.run(self._receive(inbound))
        return Reply(self, number)

    async def _receive(self, inbound: Inbound) -> None:
        if accepted := self.bus.receive(inbound):
            await accepted

    def ask(
        self, type_: str, payload: Message | None = None, *, seconds: float = 60, **facts: Any
    ) -> Message:
        reply = self.send(type_, payload, **facts)
        assert self.world.clock.run(seconds, until=lambda: reply.value is not None), (
            f"no reply to {type_}"
        )
        return reply.value

    def sign_in(self, user: str = "ann", **facts: Any) -> Message:
        code = f"{user}/{self.new_id()}"
        return self.ask(
            "AUTH.SSO", {"code": code, "redirectUrl": "https://app.example.com/cb"}, **facts
        )

    def register(self, **facts: Any) -> Message:
        payload = {"origin": self.origin, "appName": "MARK-app", "release": "1"}
        return self.ask("BUS.REGISTER", payload, **facts)

    def init(self, **facts: Any) -> Message:
        return self.ask("BUS.INIT", {"services": ["AUTH", "MORE"]}, **facts)

    def destroy(self, **facts: Any) -> Message:
        return self.ask("BUS.DESTROY", {"services": ["AUTH"]}, **facts)

    def credentials(self, seconds: int | None = None, **facts: Any) -> Message:
        payload = {} if seconds is None else {"minValiditySeconds": seconds}
        return self.ask("AUTH.CREDENTIALS", payload, **facts)

    def sign_out(self, **facts: Any) -> Message:
        return self.ask("AUTH.SIGN_OUT", **facts)

    @property
    def pushes(self) -> list[Message]:
        return [message for _, message in self.window.pushes]

    def pushed(self) -> list[str]:
        """Return the types of the pushes, and forget the pushes."""
        types = [message["type"].removeprefix("AUTH.") for message in self.pushes]
        self.window.pushes.clear()
        return types

    # -- the browser's side ------------------------------------------------------------------------

    def freeze(self) -> None:
        """Freeze the page as a browser does: notify it, then stop it."""
        self.loop.call_soon(self.session.hide)
        self.world.clock.run(0)
        self.stop()

    def stop(self) -> None:
        """Stand still without a word, as where a machine sleeps."""
        self.frozen = True
        self.world.net.forget(self)
        self.world.clock.loops.remove(self.loop)

    def go_on(self) -> None:
        self.frozen = False
        self.world.clock.loops.append(self.loop)

    def thaw(self) -> None:
        self.go_on()
        self.loop.call_soon(self.session.show)

    def cache(self) -> None:
        """Into the back-forward cache."""
        self.loop.call_soon(self.bus.hide)
        self.loop.call_soon(self.session.hide)
        self.world.clock.run(0)
        self.stop()

    def restore(self) -> None:
        self.go_on()
        self.loop.call_soon(self.bus.show)
        self.loop.call_soon(self.session.show)

    def visible(self) -> None:
        self.loop.call_soon(self.session.wake)

    def close(self) -> None:
        if not self.frozen:
            self.world.clock.loops.remove(self.loop)
        self.gone = True
        self.world.net.forget(self)
        self.partition.tabs.remove(self)
        self.locks.give_up()
        self.loop.drain()


class Sim:
    """All there is."""

    def __init__(self, seed: int = 1, *, bound: bool = False, **table: object) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.clock_error = 0.0
        self.server = Server(self.clock)
        self.net = Net(self)
        self.server.delivered = self.net.delivered
        self.partitions: defaultdict[str, Partition] = defaultdict(Partition)
        self.settings = settings(**table)
        self.bound = bound
        """Whether each session has a key."""
        self.tabs: list[Tab] = []

    def now(self) -> float:
        return EPOCH + self.clock.time + self.clock_error

    def tab(
        self,
        origin: str = HOST,
        site: str = "example.com",
        table: Settings | None = None,
        provider: Any = None,
        **facts: Any,
    ) -> Tab:
        tab = Tab(self, origin, self.partitions[site], table or self.settings, provider)
        for name, value in facts.items():
            port, _, fact = name.partition("_")
            setattr(getattr(tab, port), fact, value)
        if tab.session:
            tab.loop.run(tab.session.start())
        self.tabs.append(tab)
        return tab

    def run(self, seconds: float) -> None:
        self.clock.run(seconds)

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: no tab runs, and time passes."""
        awake = [tab for tab in self.tabs if not tab.gone and not tab.frozen]
        for tab in awake:
            tab.stop()
        self.run(seconds)
        for tab in awake:
            tab.go_on()
            tab.visible()
        self.run(1)

    def set_online(self, online: bool) -> None:
        self.net.online = online
        if online:
            for tab in self.tabs:
                if not tab.gone:
                    tab.loop.call_soon(partial(tab.session.wake, online=True))

    @property
    def keys(self) -> list[str]:
        """The generations that have a stored key."""
        return [generation for _, generation in self.partitions["example.com"].keys]

    @property
    def record(self) -> Any:
        text = self.partitions["example.com"].texts.get(HOST)
        return None if text is None else json.loads(text)

    def refreshes(self) -> int:
        return len(self.server.sent("/refresh"))

    def close(self) -> None:
        for tab in self.tabs:
            assert tab.reports == [], tab.reports
            assert tab.unheard == [], tab.unheard
            for line in tab.lines:
                assert "MARK" not in line
            if not tab.gone:
                tab.close()


Sims = Callable[..., Sim]
"""Makes worlds, with these settings of `[bus.session]` (conftest.py)."""
