"""What the session needs from a browser, as protocols: it gets them as arguments.

Only text crosses; times are seconds. Several tasks may call a port at the same time. `bus.ports` has
the other ports: the window that gets pushes, the clock, fetch.
"""

from collections.abc import Callable
from typing import Protocol

from ..ports import Key


class StoreFailed(Exception):
    """The storage threw, is missing, or is full."""


class Texts(Protocol):
    """One text for each host origin, in the bus's partition of the browser's storage.

    All tabs of the partition share it. Each method is one transaction, complete when it returns
    (IndexedDB: the transaction's `complete` event), and takes effect in the order of the calls.
    Each raises `StoreFailed`. None needs a time limit: the caller has one (`bus.session.shelf`), and
    cancels a call that takes too long. The effect of such a call is unknown.
    """

    async def origins(self) -> list[str]:
        """Return the keys of all texts but the temporary one."""

    async def read(self, origin: str) -> str | None:
        """Return the text stored under `origin`, or None if there is none."""

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        """Replace `old` with `new`; None means no text. Return whether that was done.

        It is done only if the stored text equals `old`, character for character. The comparison and
        the write are one transaction: no Python runs in between.
        """

    async def erase(self, origin: str) -> None:
        """Delete the text stored under `origin`, whatever its content."""


class Store(Texts, Protocol):
    """Texts in the browser's storage, which may lose what is written."""

    async def keeps(self) -> bool:
        """Write a temporary text, read it back and delete it; return whether it was there.

        It may have been tried before; these are several transactions.
        """


class KeyStore(Protocol):
    """Keys, each under a host origin and the generation of its session; beside the texts.

    What is said of `Store` holds here too. Keys are stored as they are: only a signature ever comes
    out of them.
    """

    async def keep(self, origin: str, generation: str, key: Key) -> bool:
        """Write a key, read it back, and sign with it once; return whether all of that worked."""

    async def find(self, origin: str, generation: str) -> Key | None:
        """Return a key, or None if there is none."""

    async def erase(self, origin: str, generation: str, *, left: bool) -> None:
        """Delete that key; with `left`, also each key of the origin that was made more than an hour ago.

        Those were left by sessions that another one has replaced. A younger one may belong to a
        sign-in that has not yet written its record.
        """


class NoLocks(Exception):
    """The browser has no Web Locks here, or has taken the lock away."""


class Locks(Protocol):
    """Web Locks: one holder over all tabs of the partition (Web Locks API)."""

    async def acquire(self, name: str) -> Callable[[], None]:
        """Wait until this tab holds the exclusive lock `name`; return a function that releases it.

        Never steals a lock. Cancelling the call gives up the request (`AbortSignal`), even if the
        lock is granted at that moment. Releasing twice does nothing. Raises `NoLocks`.
        """


class Channel(Protocol):
    """BroadcastChannel: broadcasts to the other tabs of the partition. They carry no tokens.

    `Session.heard` gets what arrives. A tab does not hear its own broadcasts.
    """

    def post(self, text: str) -> None:
        """Send `text` to every other tab that can hear it; do nothing without a channel.

        Never raises.
        """
