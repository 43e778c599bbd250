"""What the bus needs from a browser, as protocols: the bus gets them as arguments."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True)
class Inbound:
    """One message as it came in: the facts that the gate checks, and its text.

    `text` is JSON, written where `event.data` was read: `type`, then `id` if there was a usable one,
    then `payload`. If something was unusable (protocol.md, "Envelope"), `text` has `problem` instead
    of the payload, a sentence without any value.
    """

    number: int
    """The early listener's number for this message; the reply names it."""
    trusted: bool
    """False for an event that a script made (DOM, `Event.isTrusted`)."""
    from_parent: bool
    """Whether `event.source` is the window that embeds the bus."""
    origin: str
    text: str
    port: bool = False
    """Whether a reply port came with it."""


class Window(Protocol):
    """Where replies go out."""

    def post(self, number: int, text: str) -> None:
        """Send the reply `text` (JSON) to message `number`: to its port, or else to its window."""

    def drop(self, number: int, reason: str = "") -> None:
        """Forget message `number` without a reply, and close its port.

        `reason` is the bus's own text that says why the message gets no reply; a debug build tells it
        to the host (protocol.md, "Debug builds"). A cancellation has none, because it was carried out.
        """

    def keep(self, number: int, text: str) -> None:
        """Send the reply `text` (JSON) to message `number`, as `post` does, and keep its target.

        From then on the request is no longer in flight: it takes no slot, its id is free, and the
        watchdog does not answer it again. `push` sends to the target until `drop`. Nothing that
        arrives on its port is read.
        """

    def push(self, number: int, text: str) -> None:
        """Send `text` (JSON) to the target of the reply to the kept message `number`.

        The target is its port, or else its window with its exact origin. Does nothing if the message
        is not kept.
        """


class Body(Protocol):
    """A response whose head has arrived."""

    status: int
    retry_after: str | None
    """The header of that name (RFC 9110, 10.2.3), if there is one and CORS allows reading it."""

    def header(self, name: str) -> str | None:
        """Return the header of that name, if there is one and CORS allows reading it."""

    async def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it is larger than `limit` bytes.

        Raises `FetchFailed` if it breaks off.
        """


FETCH_OPTIONS: Final[Mapping[str, str]] = {
    "mode": "cors",
    "credentials": "omit",
    "cache": "no-store",
    "redirect": "error",
    "referrerPolicy": "no-referrer",
}
"""Of each request of the bus (Fetch, "RequestInit"), whoever begins it: bus/browser.py or bus/early.js."""

ASKS_FOR_JSON: Final[Mapping[str, str]] = {"Accept": "application/json"}
"""The headers of a request for what a provider publishes; bus/early.js may begin it before Python is there."""


class Fetch(Protocol):
    """The browser's `fetch`, as far as the bus uses it."""

    async def __call__(self, url: str, *, headers: dict[str, str], body: str | None) -> Body:
        """POST `body` to `url`, or GET `url` if it is None (Fetch standard).

        No cookies, cache, referrer or redirects.

        Cancelling the call, or the reading of its body, aborts the request.
        Raises `FetchFailed` if no response comes.
        """


class FetchFailed(Exception):
    """No response, or one that broke off: network, DNS, TLS, CORS, CSP, a redirect."""


class Verify(Protocol):
    """The browser's WebCrypto, as far as the bus uses it."""

    async def __call__(self, algorithm: str, *, jwk: str, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signed` was made with the private part of `jwk`.

        `algorithm` is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA with
        Ed25519 (RFC 7518, 3.1; RFC 8037, 3.1), `jwk` a public key as JSON text (RFC 7517).
        Raises `UnusableKey` for an invalid key, and `NoSuchAlgorithm` if the browser lacks the
        algorithm.
        """


class NoSuchAlgorithm(Exception):
    """The browser cannot check or make signatures of this kind."""


class UnusableKey(Exception):
    """The browser cannot import this key."""


class Key(Protocol):
    """An ES256 key pair (RFC 7518, 3.4) in the browser's WebCrypto. Nothing reads its private part."""

    @property
    def jwk(self) -> str:
        """The public part as JSON text (RFC 7517)."""

    async def sign(self, text: str) -> str:
        """Return the signature of `text`, base64url without padding (RFC 7515, 2)."""


MakeKey = Callable[[], Awaitable[Key]]
"""Returns a new key. Raises `NoSuchAlgorithm` if the browser makes none."""

Now = Callable[[], float]
"""The wall clock, in seconds since the epoch."""

Log = Callable[[str], None]
"""Gets one line without data."""
