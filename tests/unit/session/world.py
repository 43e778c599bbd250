"""A browser with tabs that share storage, locks and a channel; a network, and a backend behind it."""

import asyncio
import json
import random
from collections import defaultdict, deque
from itertools import count

from bus.app import Bus
from bus.exchange.choice import backend_for
from bus.exchange.json_backend import JsonExchange, JsonPost
from bus.gate import Gate
from bus.ports import FetchFailed, Inbound
from bus.served import served
from bus.services.choice import services_for
from bus.session.around import Around
from bus.session.ports import NoLocks, StoreFailed
from bus.session.shelf import Shelf
from bus.settings import Settings
from tests.unit.session.loops import Clock, TabLoop
from tests.unit.session.server import API, EPOCH, Server
from tests.wire import assert_from_bus

HOST = "https://app.example.com"
OTHER_HOST = "https://admin.example.com"
HOURS = 3600
DAYS = 24 * HOURS


def settings(**session):
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

    def __init__(self):
        self.texts = {}
        self.holders = {}
        self.queues = defaultdict(deque)
        self.tabs = []
        self.words = []


class Reply:
    def __init__(self, tab, number):
        self.tab = tab
        self.number = number

    @property
    def value(self):
        """The reply, or None so far."""
        return self.tab.window.replies.get(self.number)


class TabWindow:
    """Keeps what was posted, which must be of its model. One that is gone takes nothing."""

    def __init__(self, tab):
        self.tab = tab
        self.replies = {}
        self.kept = set()
        self.closed = []
        self.pushes = []

    def post(self, number, text):
        if not self.tab.gone:
            assert number not in self.replies
            assert_from_bus(text)
            self.replies[number] = json.loads(text)

    def drop(self, number):
        self.kept.discard(number)
        self.closed.append(number)

    def keep(self, number, text):
        self.post(number, text)
        self.kept.add(number)

    def push(self, number, text):
        if not self.tab.gone and number in self.kept:
            assert_from_bus(text)
            self.pushes.append((number, json.loads(text)))


class TabStore:
    def __init__(self, tab):
        self.tab = tab
        self.fails = None
        """Which methods raise."""
        self.hangs = False
        self.forgets = False

    async def _do(self, name, work):
        tab, texts = self.tab, self.tab.partition.texts
        done = asyncio.get_running_loop().create_future()

        def act():
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

    async def origins(self):
        return await self._do("origins", list)

    async def read(self, origin):
        return await self._do("read", lambda texts: texts.get(origin))

    async def swap(self, origin, old, new):
        def work(texts):
            if texts.get(origin) != old:
                return False
            if new is None:
                texts.pop(origin, None)
            elif not self.forgets:
                texts[origin] = new
            return True

        return await self._do("swap", work)

    async def erase(self, origin):
        return await self._do("erase", lambda texts: texts.pop(origin, None) and None)


class TabLocks:
    def __init__(self, tab):
        self.tab = tab
        self.missing = False

    async def acquire(self, name):
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

    def release(self, name, request):
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

    def give_up(self):
        """The tab is gone: the browser takes its locks."""
        partition = self.tab.partition
        for name, request in list(partition.holders.items()):
            if request[0] is self.tab:
                self.release(name, request)


class TabChannel:
    def __init__(self, tab):
        self.tab = tab
        self.missing = False

    def post(self, text):
        tab = self.tab
        if tab.gone or self.missing:
            return
        tab.partition.words.append(text)
        for other in tab.partition.tabs:
            if other is not tab and not other.channel.missing:
                tab.world.clock.at(
                    tab.world.rng.uniform(0.0005, 0.004), lambda to=other: to.hear(text)
                )


class Answer:
    def __init__(self, status, body, retry_after):
        self.status = status
        self.body = body
        self.retry_after = retry_after

    async def read(self, limit):
        return b"" if self.body is None else self.body


class Net:
    """Carries requests to the server and answers back, or loses them."""

    def __init__(self, world):
        self.world = world
        self.delay = 0.1
        self.online = True
        self.halts = False
        """Whether time stops when an answer arrives."""
        self.lose_answers = 0
        """How many answers get lost on their way, after the server has acted."""
        self.hang_answers = 0
        self.delivered = {}
        """Refresh tokens that have arrived: when, and in which tab."""
        self.under_way = []
        """(since when, tab, token) of refreshes."""
        self.overlaps = []
        """Refreshes that went out while another one of the same session was under way."""
        self.faults = None
        """Asked for each request: None, "request" or "answer" (lost), or an answer."""

    async def fetch(self, tab, url, body):
        clock = self.world.clock
        done = asyncio.get_running_loop().create_future()
        aborted = []

        def fail():
            tab.resolve(done, error=FetchFailed())

        def arrive():
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

        def back(answer):
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
                self.delivered[token] = (clock.time, tab)
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

    def _overlap(self, now, tab, token):
        family = self.world.server.by_token.get(token)
        for since, _, other in self.under_way:
            if family is self.world.server.by_token.get(other) and now - since < 15:
                self.overlaps.append((now, since, token))

    def forget(self, tab):
        """What arrived in a tab just before it was frozen or closed may not have been written."""
        for token, (at, in_tab) in list(self.delivered.items()):
            if in_tab is tab and self.world.clock.time - at < 0.1:
                del self.delivered[token]


class Tab:
    """A bus in a frame of a host's page, and that page."""

    def __init__(self, world, origin, partition, table):
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
        self.locks = TabLocks(self)
        self.channel = TabChannel(self)
        self.lines = []
        self.kept = []
        """What a debug build says of where sessions are kept: "" in the partition, else why not."""
        self.reports = []
        self._numbers = count(1)
        self._ids = count(1)
        self.rng = random.Random(world.rng.random())
        self.settings = table

        async def fetch(url, *, headers, body):
            return await world.net.fetch(self, url, body)

        timeout = table.request_timeout_seconds
        post = JsonPost(timeout, fetch=fetch, now=world.now)
        exchange = JsonExchange(table.sso.exchange_url, timeout, fetch=fetch, now=world.now)
        around = None
        if table.session:
            memory = table.session.persist == "memory"
            around = Around(
                settings=table.session,
                timeout_seconds=timeout,
                shelf=Shelf(
                    None if memory else self.store,
                    self.lines.append,
                    self.new_id,
                    tell=self.kept.append,
                ),
                locks=self.locks,
                channel=self.channel,
                window=self.window,
                backend=backend_for(
                    table, fetch=fetch, verify=None, now=world.now, log=self.lines.append
                ),
                now=world.now,
                monotonic=self.loop.time,
                jitter=self.rng.random,
                new_id=self.new_id,
                log=self.lines.append,
                report=self.reports.append,
            )
        self.around = around
        self.services = services_for(table, exchange=exchange, post=post, around=around)
        self.session = self.services.session
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

    def new_id(self):
        return f"{self.rng.getrandbits(64):016x}"

    def resolve(self, future, value=None, error=None):
        """What a browser does when something is done: it waits in the page's queue while that is frozen."""
        if self.gone:
            return

        def settle():
            if not future.done():
                future.set_exception(error) if error else future.set_result(value)

        self.loop.call_soon(settle)

    def hear(self, text):
        if not self.gone:
            self.loop.call_soon(self.session.heard, text)

    # -- the host's side ---------------------------------------------------------------------------

    def send(self, type_, payload=None, *, id=None, port=False, origin=None):  # noqa: A002
        message = {"type": type_, "payload": payload or {}}
        if id is not None:
            message["id"] = id
        number = next(self._numbers)
        inbound = Inbound(number, True, True, origin or self.origin, json.dumps(message), port)
        self.loop.run(self.bus.receive(inbound))
        return Reply(self, number)

    def ask(self, type_, payload=None, *, seconds=60, **facts):
        reply = self.send(type_, payload, **facts)
        assert self.world.clock.run(seconds, until=lambda: reply.value is not None), (
            f"no reply to {type_}"
        )
        return reply.value

    def sign_in(self, user="ann", **facts):
        code = f"{user}/{self.new_id()}"
        return self.ask(
            "AUTH.SSO", {"code": code, "redirectUrl": "https://app.example.com/cb"}, **facts
        )

    def register(self, **facts):
        payload = {"origin": self.origin, "appName": "MARK-app", "release": "1"}
        return self.ask("BUS.REGISTER", payload, **facts)

    def init(self, **facts):
        return self.ask("BUS.INIT", {"services": ["AUTH", "MORE"]}, **facts)

    def destroy(self, **facts):
        return self.ask("BUS.DESTROY", {"services": ["AUTH"]}, **facts)

    def credentials(self, seconds=None, **facts):
        payload = {} if seconds is None else {"minValiditySeconds": seconds}
        return self.ask("AUTH.CREDENTIALS", payload, **facts)

    def sign_out(self, **facts):
        return self.ask("AUTH.SIGN_OUT", **facts)

    @property
    def pushes(self):
        return [message for _, message in self.window.pushes]

    def pushed(self):
        """The types of what was pushed, and forget it."""
        types = [message["type"].removeprefix("AUTH.") for message in self.pushes]
        self.window.pushes.clear()
        return types

    # -- the browser's side ------------------------------------------------------------------------

    def freeze(self):
        """As the browser does it: the page is told, then stands still."""
        self.loop.call_soon(self.session.hide)
        self.world.clock.run(0)
        self.stop()

    def stop(self):
        """Stand still without a word, as where a machine sleeps."""
        self.frozen = True
        self.world.net.forget(self)
        self.world.clock.loops.remove(self.loop)

    def go_on(self):
        self.frozen = False
        self.world.clock.loops.append(self.loop)

    def thaw(self):
        self.go_on()
        self.loop.call_soon(self.session.show)

    def cache(self):
        """Into the back-forward cache."""
        self.loop.call_soon(self.bus.hide)
        self.loop.call_soon(self.session.hide)
        self.world.clock.run(0)
        self.stop()

    def restore(self):
        self.go_on()
        self.loop.call_soon(self.bus.show)
        self.loop.call_soon(self.session.show)

    def visible(self):
        self.loop.call_soon(self.session.wake)

    def close(self):
        if not self.frozen:
            self.world.clock.loops.remove(self.loop)
        self.gone = True
        self.world.net.forget(self)
        self.partition.tabs.remove(self)
        self.locks.give_up()
        self.loop.drain()


class Sim:
    """All there is."""

    def __init__(self, seed=1, **table):
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.clock_error = 0.0
        self.server = Server(self.clock)
        self.net = Net(self)
        self.server.delivered = self.net.delivered
        self.partitions = defaultdict(Partition)
        self.settings = settings(**table)
        self.tabs = []

    def now(self):
        return EPOCH + self.clock.time + self.clock_error

    def tab(self, origin=HOST, site="example.com", table=None, **facts):
        tab = Tab(self, origin, self.partitions[site], table or self.settings)
        for name, value in facts.items():
            port, _, fact = name.partition("_")
            setattr(getattr(tab, port), fact, value)
        if tab.session:
            tab.loop.run(tab.session.start())
        self.tabs.append(tab)
        return tab

    def run(self, seconds):
        self.clock.run(seconds)

    def sleep(self, seconds):
        """The machine sleeps: no tab runs, time goes on."""
        awake = [tab for tab in self.tabs if not tab.gone and not tab.frozen]
        for tab in awake:
            tab.stop()
        self.run(seconds)
        for tab in awake:
            tab.go_on()
            tab.visible()
        self.run(1)

    def set_online(self, online):
        self.net.online = online
        if online:
            for tab in self.tabs:
                if not tab.gone:
                    tab.loop.call_soon(lambda tab=tab: tab.session.wake(online=True))

    @property
    def record(self):
        text = self.partitions["example.com"].texts.get(HOST)
        return None if text is None else json.loads(text)

    def refreshes(self):
        return len(self.server.sent("/refresh"))

    def close(self):
        for tab in self.tabs:
            assert tab.reports == [], tab.reports
            for line in tab.lines:
                assert "MARK" not in line
            if not tab.gone:
                tab.close()
