"""EDGE: the bus in a browser. Only text, numbers and booleans cross from here to the rest.

`js` and `pyodide` are imported inside functions: a memory snapshot may hold no JavaScript object.
"""

import asyncio
import time
from traceback import extract_tb
from typing import Any

from pydantic_core import to_json

from .app import Bus
from .debug import Debug, current
from .exchange.choice import exchange_for
from .gate import Gate
from .messages import Sso, ready
from .ports import Fetch, FetchFailed, Inbound, Log, NoSuchAlgorithm, UnusableKey
from .services.auth import Auth
from .settings import Settings


def start() -> None:
    """Read the page's settings, take over from the early listener, and say READY."""
    import js
    import pyodide_js
    from pyodide.ffi import create_proxy

    early = js.ssoBus
    # Pyodide calls this once when it has suffered a fatal error. It must be a JavaScript function:
    # no Python can be relied on any more, though proxies can still be called.
    pyodide_js._api.on_fatal = early.died  # noqa: SLF001 - there is no public way
    settings = Settings.model_validate_json(early.settings)

    log: Log = _log
    asks: Fetch = fetch
    debug = Debug(early.tell, time.time) if early.debug else None
    if debug:
        log, asks = debug.log(log), debug.fetch(asks)
    exchange = exchange_for(settings, fetch=asks, verify=verify, now=time.time, log=log)
    bus = Bus(
        gate=Gate(frozenset(settings.allowed_origins)),
        handlers={Sso: Auth(exchange).sso},
        window=EarlyWindow(early),
        log=log,
        report=report,
    )
    loop = asyncio.get_event_loop()
    tasks: set[asyncio.Task[None]] = set()
    eager: Any = vars(asyncio)["eager_task_factory"]  # Python 3.12 has it; the browser has 3.14

    def receive(number: int, trusted: bool, from_parent: bool, origin: str, text: str) -> None:  # noqa: FBT001
        inbound = Inbound(
            number=number, trusted=trusted, from_parent=from_parent, origin=origin, text=text
        )
        if debug:
            current.set(number)  # the task's context is a copy of this one
        # Started at once: order is kept, and what Python refuses is answered without a detour
        # through the event loop.
        task = eager(loop, bus.receive(inbound))
        if task.done():
            done(task)
        else:
            tasks.add(task)
            task.add_done_callback(done)

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            report(error)

    def shown(event: Any) -> None:
        if event.persisted:
            bus.show()

    def hidden(_: Any) -> None:
        bus.hide()
        # Not left to the cancelled tasks: the page is frozen before their turn comes.
        for controller in tuple(_under_way.values()):
            controller.abort()

    # Proxies of these live as long as the page: the browser holds on to them.
    js.window.addEventListener("pagehide", create_proxy(hidden))
    js.window.addEventListener("pageshow", create_proxy(shown))
    early.serve(create_proxy(receive), create_proxy(lambda: True), ready())


def _log(line: str) -> None:
    import js

    js.console.debug(f"sso-bus: {line}")


class EarlyWindow:
    """Replies go out through the early listener, which knows each message's window and port."""

    def __init__(self, early: Any) -> None:
        self._early = early

    def post(self, number: int, text: str) -> None:
        """Send the reply to message `number`."""
        self._early.reply(number, text)

    def drop(self, number: int) -> None:
        """Forget message `number`."""
        self._early.drop(number)

    def keep(self, number: int, text: str) -> None:
        """Send the reply to message `number`, and keep where it went."""
        self._early.keep(number, text)

    def push(self, number: int, text: str) -> None:
        """Send `text` to where the reply to message `number` went."""
        self._early.push(number, text)


_under_way: dict[int, Any] = {}  # proxies have no hash: by their `id`
"""The AbortController of each fetch that ends when the page goes (protocol.md, "Timing")."""


async def fetch(
    url: str, *, headers: dict[str, str], body: str | None, outlives_page: bool = False
) -> "BrowserBody":
    """POST or GET with the browser's fetch; see `bus.ports.Fetch`.

    Where it `outlives_page`, it is not aborted when the page is hidden.
    """
    import js

    controller = js.AbortController.new()
    asked = {"method": "GET"} if body is None else {"method": "POST", "body": body}
    options = js.JSON.parse(to_json(_OPTIONS | asked | {"headers": headers}).decode())
    options.signal = controller.signal
    if not outlives_page:
        _under_way[id(controller)] = controller
    try:
        response = await _settled(js.window, "fetch", url, options)
    except BaseException:
        _end(controller)
        raise
    return BrowserBody(response, controller)


def _end(controller: Any) -> None:
    """Abort a fetch, which means nothing where all of it is there or it has failed."""
    controller.abort()
    _under_way.pop(id(controller), None)


_OPTIONS = {
    "mode": "cors",
    "credentials": "omit",
    "cache": "no-store",
    "redirect": "error",
    "referrerPolicy": "no-referrer",
}


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

    async def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it is larger than `limit` bytes."""
        chunks: list[bytes] = []
        size = 0
        try:
            if not self._response.body:  # null where there can be none (Fetch)
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
        return False  # what cannot be a signature


# For importKey and for verify: each passes over what only the other needs. A PSS salt is as long
# as the hash (RFC 7518, 3.5).
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
