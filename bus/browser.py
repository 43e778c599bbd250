"""EDGE: the bus in a browser. Only text, numbers and booleans cross from here to the rest.

`js` and `pyodide` are imported inside functions: a memory snapshot may hold no JavaScript object.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from os import urandom
from traceback import extract_tb
from typing import Any

from pydantic_core import to_json

from .app import Bus
from .authorization import authorization_by
from .debug import Debug, current
from .exchange.choice import backend_for, exchange_for, proofs_for
from .exchange.json_backend import JsonPost
from .exchange.oidc.dpop import Proofs
from .gate import Gate
from .messages import ready
from .ports import (
    ASKS_FOR_JSON,
    FETCH_OPTIONS,
    Fetch,
    FetchFailed,
    Inbound,
    Key,
    NoSuchAlgorithm,
    UnusableKey,
)
from .served import served
from .services.choice import services_for
from .services.session import Session
from .session.around import Around
from .session.keyring import KeyRing
from .session.ports import NoLocks, StoreFailed
from .session.shelf import Shelf
from .settings import Settings


def start() -> None:
    """Read the page's settings, take over from the early listener, and say READY."""
    import js
    import pyodide_js
    from pyodide.ffi import create_proxy

    early = js.ssoBus
    loop = _loop_that_lets_go()
    eager: Any = vars(asyncio)["eager_task_factory"]  # Python 3.12 has it; the browser has 3.14
    # Pyodide calls this once, after a fatal error. It must be a JavaScript function: Python is not
    # reliable any more, though its proxies can still be called.
    pyodide_js._api.on_fatal = early.died  # noqa: SLF001 - there is no public way
    settings = Settings.model_validate_json(early.settings)

    asks: Fetch = fetch
    refreshes: Fetch = partial(fetch, outlives_page=True)
    debug = Debug(early.tell, time.time) if early.debug else None
    if debug:
        asks, refreshes = debug.fetch(asks), debug.fetch(refreshes)
    window = EarlyWindow(early)
    make_key = BrowserKeys(early).make
    proofs = proofs_for(settings, make=make_key, now=time.time, new_id=_new_id)
    around = _around(settings, early, window, refreshes, debug=debug, proofs=proofs)
    if around:
        around.start = partial(eager, loop)
    services = services_for(
        settings,
        exchange=exchange_for(
            settings, fetch=asks, verify=verify, now=time.time, log=_log, proofs=proofs
        ),
        post=JsonPost(settings.request_timeout_seconds, fetch=asks, now=time.time),
        around=around,
    )
    session = services.session
    bus = Bus(
        gate=Gate(frozenset(settings.allowed_origins)),
        handlers=services.handlers,
        window=window,
        log=_log,
        report=report,
        served=served(settings),
    )
    tasks: set[asyncio.Task[None]] = set()

    def receive(*facts: Any) -> None:
        inbound = Inbound(*facts)  # in the early listener's order
        if debug:
            current.set(inbound.number)  # the task's context is a copy of this one
        try:
            accepted = bus.receive(inbound)
        except Exception as error:  # noqa: BLE001 - the runtime lives on
            report(error)
            return
        if accepted is None:
            return
        task = eager(loop, accepted)  # started at once: this keeps the order
        if task.done():
            done(task)
        else:
            tasks.add(task)
            task.add_done_callback(done)

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            report(error)

    if session:
        # Before any other call to session.mjs, which answers in order.
        early.session("listen", create_proxy(session.heard))
    says = ready(served(settings), authorization_by(settings))
    early.serve(create_proxy(receive), create_proxy(lambda: True), says)
    # The host has READY by now, and answers it meanwhile. No event of the page comes before the end of this.
    _follow_the_page(bus, session)
    if session and around:
        around.spawn(session.start())


def _around(  # noqa: PLR0913 - what `start` has made
    settings: Settings,
    early: Any,
    window: "EarlyWindow",
    refreshes: Fetch,
    *,
    debug: Debug | None,
    proofs: Proofs | None,
) -> Around | None:
    """Return what the sessions need; None without `[bus.session]`.

    `refreshes` is a fetch that outlives the page.
    """
    if not settings.session:
        return None
    stores = settings.session.persist == "partition"
    tell = debug.session if debug else lambda _: None
    shelf = Shelf(BrowserStore(early) if stores else None, _log, tell=tell)
    keys = KeyRing(BrowserKeys(early) if stores else None, shelf, _log) if proofs else None
    return Around(
        settings=settings.session,
        timeout_seconds=settings.request_timeout_seconds,
        shelf=shelf,
        locks=BrowserLocks(early),
        channel=BrowserChannel(early),
        window=window,
        backend=backend_for(
            settings, fetch=refreshes, verify=verify, now=time.time, log=_log, proofs=proofs
        ),
        now=time.time,
        monotonic=time.monotonic,
        jitter=_jitter,
        new_id=_new_id,
        log=_log,
        report=report,
        keys=keys,
    )


def _follow_the_page(bus: Bus, session: Session | None) -> None:
    """Tell the bus and its sessions when the page is hidden, shown, frozen or resumed.

    HTML Standard, "Page visibility" and "Page transitions"; Page Lifecycle, "freeze" and "resume".
    """
    import js
    from pyodide.ffi import create_proxy

    def listen(target: Any, event: str, do: Callable[[Any], None]) -> None:
        # Proxies of these live as long as the page: the browser holds on to them.
        target.addEventListener(event, create_proxy(do))

    def hidden(_: Any) -> None:
        bus.hide()
        # The cancelled tasks cannot do this: the page is frozen before they run.
        for controller in tuple(_under_way.values()):
            controller.abort()
        if session:
            session.hide()

    def shown(event: Any) -> None:
        if event.persisted:
            bus.show()
            if session:
                session.show()

    listen(js.window, "pagehide", hidden)
    listen(js.window, "pageshow", shown)
    if session is None:
        return

    def seen(_: Any) -> None:
        if js.document.visibilityState == "visible":
            session.wake()

    listen(js.document, "visibilitychange", seen)
    listen(js.document, "freeze", lambda _: session.hide())
    listen(js.document, "resume", lambda _: session.show())
    listen(js.window, "focus", lambda _: session.wake())
    listen(js.window, "online", lambda _: session.wake(online=True))


def _loop_that_lets_go() -> Any:
    """Return the event loop. A timer that is cancelled wakes nobody; in Pyodide's loop it would."""
    loop: Any = asyncio.get_event_loop()
    plain = loop.call_later

    def call_later(seconds: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if not SHORT_SECONDS <= seconds < LONG_SECONDS:  # `call_soon` comes this way too
            return plain(seconds, callback, *args, context=context)
        return _Timer(loop, seconds, callback, args, context)

    loop.call_later = call_later
    return loop


SHORT_SECONDS = 0.05
"""A timer that is shorter may fire in vain."""
LONG_SECONDS = 2_000_000
"""A browser's timers wait for at most 2^31 ms; Pyodide knows what to do with more."""


class _Timer(asyncio.Handle):
    """A call that is due after some seconds (HTML Standard, "Timers")."""

    def __init__(self, loop: Any, seconds: float, callback: Any, args: Any, context: Any) -> None:
        import js
        from pyodide.ffi import create_once_callable

        super().__init__(callback, args, loop, context)
        self._soon = loop.call_soon
        self._due: Any = create_once_callable(self._fire)
        self._timer: int = js.setTimeout(self._due, seconds * 1000)

    def _fire(self) -> None:
        self._due = None
        self._soon(self._call)  # where the loop is the running one

    def _call(self) -> None:
        if not self.cancelled():
            self._run()  # as the loop does

    def cancel(self) -> None:
        """Call nothing, and end the timer."""
        import js

        if self._due is not None:
            js.clearTimeout(self._timer)
            self._due.destroy()
            self._due = None
        super().cancel()


# Not Python's `random`: its state is in the memory snapshot, the same for everybody.


def _new_id() -> str:
    return urandom(12).hex()


def _jitter() -> float:
    return int.from_bytes(urandom(4)) / 2**32


def _log(line: str) -> None:
    import js

    js.console.debug(f"sso-bus: {line}")


class EarlyWindow:
    """Replies go out through the early listener, which knows each message's window and port."""

    def __init__(self, early: Any) -> None:
        self._early = early
        self._reply = early.reply  # each look-up would make a proxy

    def post(self, number: int, text: str) -> None:
        """Send the reply to message `number`."""
        self._reply(number, text)

    def drop(self, number: int, reason: str = "") -> None:
        """Forget message `number`; a debug build tells the host the reason, if there is one."""
        self._early.drop(number, reason)

    def keep(self, number: int, text: str) -> None:
        """Send the reply to message `number`, and keep where it went."""
        self._early.keep(number, text)

    def push(self, number: int, text: str) -> None:
        """Send `text` to where the reply to message `number` went."""
        self._early.push(number, text)


class BrowserStore:
    """IndexedDB, in session.mjs; see `bus.session.ports.Store`."""

    def __init__(self, early: Any) -> None:
        self._early = early

    async def keeps(self) -> bool:
        """Return whether a temporary text was written, read back and deleted."""
        return bool(await self._do("keeps"))

    async def origins(self) -> list[str]:
        """Return the keys of all texts but the temporary one."""
        return list(await self._do("origins"))

    async def read(self, origin: str) -> str | None:
        """Return the text stored under `origin`, or None."""
        text: str | None = await self._do("read", origin)
        return text

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        """Replace `old` with `new`; return whether that was done."""
        return bool(await self._do("swap", origin, old, new))

    async def erase(self, origin: str) -> None:
        """Delete the text stored under `origin`."""
        await self._do("erase", origin)

    async def _do(self, method: str, *args: str | None) -> Any:
        return await _in_session(self._early, method, *args)


class BrowserKey:
    """A CryptoKeyPair; see `bus.ports.Key`. Only JavaScript does anything with it."""

    def __init__(self, early: Any, pair: Any, jwk: str) -> None:
        self._early = early
        self.pair = pair
        self.jwk = jwk

    async def sign(self, text: str) -> str:
        """Return the signature of `text`."""
        return str(await _in_session(self._early, "sign", self.pair, text))


class BrowserKeys:
    """WebCrypto and IndexedDB, in keys.mjs; see `bus.session.ports.KeyStore`."""

    def __init__(self, early: Any) -> None:
        self._early = early

    async def make(self) -> Key:
        """Return a new key; see `bus.ports.MakeKey`."""
        try:
            return await self._known(await self._do("makeKey"))
        except StoreFailed:
            raise NoSuchAlgorithm from None

    async def keep(self, origin: str, generation: str, key: Key) -> bool:
        """Store a key; return whether the store keeps it."""
        assert isinstance(key, BrowserKey)  # noqa: S101 - there are no others here
        return bool(await self._do("keepKey", origin, generation, key.pair))

    async def find(self, origin: str, generation: str) -> Key | None:
        """Return a stored key, or None."""
        pair = await self._do("findKey", origin, generation)
        return None if pair is None else await self._known(pair)

    async def erase(self, origin: str, generation: str, *, left: bool) -> None:
        """Delete a stored key, and old ones with `left`."""
        await self._do("eraseKey", origin, generation, left)

    async def _known(self, pair: Any) -> BrowserKey:
        return BrowserKey(self._early, pair, str(await self._do("publicKey", pair)))

    async def _do(self, method: str, *args: Any) -> Any:
        return await _in_session(self._early, method, *args)


async def _in_session(early: Any, method: str, *args: Any) -> Any:
    """Return what a method of session.mjs or keys.mjs resolves to. Raises `StoreFailed`."""
    # None becomes `undefined`, and comes back from it.
    end = await early.session(method, *args)
    if end.failed:
        raise StoreFailed
    return end.value


class BrowserLocks:
    """Web Locks, in session.mjs; see `bus.session.ports.Locks`."""

    def __init__(self, early: Any) -> None:
        self._early = early

    async def acquire(self, name: str) -> Callable[[], None]:
        """Wait until this tab holds the lock; return what releases it."""
        import js

        held = js.AbortController.new()
        try:
            end = await self._early.session("lock", name, held.signal)
        except BaseException:
            held.abort()  # gives up the request, or the lock if it was granted already
            raise
        if end.failed:
            raise NoLocks

        def release() -> None:
            held.abort()

        return release


class BrowserChannel:
    """BroadcastChannel, in session.mjs; see `bus.session.ports.Channel`."""

    def __init__(self, early: Any) -> None:
        self._early = early

    def post(self, text: str) -> None:
        """Send `text` to every other tab that can hear it."""
        self._early.session("say", text)


_under_way: dict[int, Any] = {}  # proxies have no hash: by their `id`
"""The AbortController of each fetch that ends when the page goes (protocol.md, "Timing")."""


async def fetch(
    url: str, *, headers: dict[str, str], body: str | None, outlives_page: bool = False
) -> "BrowserBody":
    """POST or GET with the browser's fetch; see `bus.ports.Fetch`.

    If it `outlives_page`, it is not aborted when the page is hidden. An answer that bus/early.js has
    asked for is taken, if it is good: once, and only for just this request.
    """
    import js

    if body is None and headers == ASKS_FOR_JSON and not outlives_page:
        begun = js.ssoBus.begun(url)
        if begun is not None and (found := await _begun(begun)) is not None:
            return found
    controller = js.AbortController.new()
    asked = {"method": "GET"} if body is None else {"method": "POST", "body": body}
    options = js.JSON.parse(to_json({**FETCH_OPTIONS, **asked, "headers": headers}).decode())
    options.signal = controller.signal
    if not outlives_page:
        _under_way[id(controller)] = controller
    try:
        response = await _settled(js.window, "fetch", url, options)
    except BaseException:
        _end(controller)
        raise
    return BrowserBody(response, controller)


async def _begun(begun: Any) -> "BrowserBody | None":
    """Return the answer to a request that bus/early.js has begun; None if it is of no use."""
    controller = begun.controller
    _under_way[id(controller)] = controller
    try:
        end = await begun.answer
    except BaseException:
        _end(controller)
        raise
    if end.failed:
        _end(controller)
        return None
    return BrowserBody(end.value, controller)


def _end(controller: Any) -> None:
    """Abort a fetch. This does nothing if it is complete or has failed."""
    controller.abort()
    _under_way.pop(id(controller), None)


async def _settled(target: Any, method: str, *args: Any) -> Any:
    """Return what the promise of a method resolves to. Raises FetchFailed if it is rejected."""
    import js

    end = await js.ssoBus.settled(target, method, *args)  # early.js says why
    if end.failed:
        raise FetchFailed
    return end.value


class BrowserBody:
    """A response of the browser's fetch; see `bus.ports.Body`."""

    def __init__(self, response: Any, controller: Any) -> None:
        self.status: int = response.status
        self.retry_after: str | None = response.headers.get("Retry-After") or None
        self._response = response
        self._controller = controller

    def header(self, name: str) -> str | None:
        """Return a header that CORS allows reading, or None."""
        return self._response.headers.get(name) or None

    async def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it is larger than `limit` bytes."""
        chunks: list[bytes] = []
        size = 0
        try:
            if not self._response.body:  # null if the status allows no body (Fetch)
                return b""
            reader = self._response.body.getReader()
            while not (step := await _settled(reader, "read")).done:
                chunks.append(step.value.to_bytes())
                size += len(chunks[-1])
                if size > limit:
                    return None
        finally:
            _end(self._controller)
        return b"".join(chunks)


async def verify(algorithm: str, *, jwk: str, signed: bytes, signature: bytes) -> bool:
    """Check a signature with WebCrypto; see `bus.ports.Verify`."""
    import js
    from pyodide.ffi import JsException, to_js

    subtle = getattr(js.crypto, "subtle", None)
    if subtle is None:  # a page above this one is not a secure context
        raise NoSuchAlgorithm
    how = js.JSON.parse(to_json(_ALGORITHMS[algorithm]).decode())
    uses = js.JSON.parse('["verify"]')
    try:
        key = await subtle.importKey("jwk", js.JSON.parse(jwk), how, False, uses)  # noqa: FBT003
    except JsException as error:
        raise (NoSuchAlgorithm if error.name == "NotSupportedError" else UnusableKey) from None
    try:
        return bool(await subtle.verify(how, key, to_js(signature), to_js(signed)))
    except JsException as error:
        if error.name == "NotSupportedError":
            raise NoSuchAlgorithm from None
        return False  # it cannot be a signature


# For importKey and for verify: each ignores the members that only the other needs. A PSS salt is as
# long as the hash (RFC 7518, 3.5).
_ALGORITHMS = {
    "RS256": {"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256"},
    "RS384": {"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-384"},
    "RS512": {"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-512"},
    "PS256": {"name": "RSA-PSS", "hash": "SHA-256", "saltLength": 32},
    "PS384": {"name": "RSA-PSS", "hash": "SHA-384", "saltLength": 48},
    "PS512": {"name": "RSA-PSS", "hash": "SHA-512", "saltLength": 64},
    "ES256": {"name": "ECDSA", "namedCurve": "P-256", "hash": "SHA-256"},
    "ES384": {"name": "ECDSA", "namedCurve": "P-384", "hash": "SHA-384"},
    "ES512": {"name": "ECDSA", "namedCurve": "P-521", "hash": "SHA-512"},
    "EdDSA": {"name": "Ed25519"},
}


def report(error: Exception) -> None:
    """Show a defect of the bus in the console: its kind and place, never its text or values."""
    import js

    places = " < ".join(
        f"{f.name} ({f.filename}:{f.lineno})" for f in reversed(extract_tb(error.__traceback__))
    )
    js.console.error(f"sso-bus: defect in the bus: {type(error).__name__} in {places}")
