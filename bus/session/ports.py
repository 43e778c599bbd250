"""What the session needs of a browser, as protocols: it gets them as arguments.

Times that cross are seconds. Only text crosses. Every port may be called from several tasks at a
time. `bus.ports` has the rest: the window that pushes go out to, the clock, fetch.
"""

from collections.abc import Callable
from typing import Protocol


class StoreFailed(Exception):
    """The storage threw, is not there, or is full."""


class Store(Protocol):
    """One text for each host origin, in the partition of the browser's storage that is the bus's.

    All tabs of the partition share it. Each method is one transaction, complete when it returns
    (IndexedDB: the transaction's `complete` event), and takes effect in the order of the calls.
    Each raises `StoreFailed`. None needs a time limit of its own: the caller has one
    (`bus.session.shelf`), and cancels a call that takes too long, whose effect is then unknown.
    """

    async def origins(self) -> list[str]:
        """Return the keys of all texts."""

    async def read(self, origin: str) -> str | None:
        """Return the text filed under `origin`, or None if there is none."""

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        """Put `new` in the place of `old`, where None is no text. Return whether that was done.

        It is done only if what is there equals `old`, character for character, and compared in
        the transaction that writes: no Python runs in between.
        """

    async def erase(self, origin: str) -> None:
        """Delete the text filed under `origin`, whatever it is."""


class NoLocks(Exception):
    """The browser has no Web Locks here, or has taken the lock away."""


class Locks(Protocol):
    """Web Locks: one holder over all tabs of the partition (Web Locks API)."""

    async def acquire(self, name: str) -> Callable[[], None]:
        """Wait until this tab holds the exclusive lock `name`; return what releases it.

        Never steals. Cancelling the call gives up the request (`AbortSignal`), also where the
        lock is granted in that moment. Releasing twice does nothing. Raises `NoLocks`.
        """


class Channel(Protocol):
    """BroadcastChannel: a word to the other tabs of the partition. Carries no tokens.

    What arrives goes to `Session.heard`. Tabs do not hear themselves.
    """

    def post(self, text: str) -> None:
        """Send `text` to every other tab that can hear it; without a channel, to nobody.

        Never raises.
        """
