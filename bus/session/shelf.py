"""The store with a time limit, and memory as its fallback."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from ..ports import Log
from .ports import Store, StoreFailed, Texts

T = TypeVar("T")

LIMIT_SECONDS: Final = 2.0
"""A call that takes the store longer counts as a failure."""
SLICES: Final = 4
"""The limit is divided into this many steps: when a machine wakes, one step is over at once, and an
answer that has arrived is handled before the next."""


class StoreHangs(StoreFailed):
    """The storage did not answer in time."""


class MemoryStore:
    """Texts that end with their page."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def origins(self) -> list[str]:
        """Return the keys of all texts."""
        return list(self.texts)

    async def read(self, origin: str) -> str | None:
        """Return the text stored under `origin`, if any."""
        return self.texts.get(origin)

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        """Replace `old` with `new`."""
        if self.texts.get(origin) != old:
            return False
        if new is None:
            self.texts.pop(origin, None)
        else:
            self.texts[origin] = new
        return True

    async def erase(self, origin: str) -> None:
        """Delete the text stored under `origin`."""
        self.texts.pop(origin, None)


class Shelf:
    """Keeps the records in the store, or in memory once the store has failed.

    It never goes back, because memory and store would then each have a session. `tell` gets the
    reason, or "" once the store has kept what was written.
    """

    def __init__(
        self,
        store: Store | None,
        log: Log,
        *,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._log = log
        self._tell = tell
        self._memory = MemoryStore()
        self._opening: asyncio.Task[None] | None = None
        self._hung = False
        self._stale: set[str] = set()  # origins whose stored session continues in memory
        self.lasting = store is not None
        """Whether records are in the store, where other tabs find them."""

    async def open(self) -> None:
        """Find out once whether the store keeps what is written (protocol.md, "The session")."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._try())
        if not self._opening.done():
            await asyncio.wait({self._opening})
        self._opening.result()

    async def _try(self) -> None:
        if self._store is None:
            self._tell("the settings say so")
            return
        try:
            kept = await limited(self._store.keeps())
        except StoreFailed as error:
            self._failed(error)
            return
        if kept:
            self._tell("")
        else:
            self.fall("the browser's storage does not keep what is written")

    async def origins(self) -> list[str]:
        """Return the keys of all texts."""
        return await self._do(lambda store: store.origins())

    async def read(self, origin: str) -> str | None:
        """Return the text stored under `origin`, if any."""
        text = await self._do(lambda store: store.read(origin))
        await self._copy(origin, text)
        return text

    async def swap(self, origin: str, old: str | None, new: str | None) -> bool:
        """Replace `old` with `new`; return whether that was done.

        If the store fails, memory is used, and the stored text is deleted if possible, because its
        tokens must not be used again.
        """
        done = await self._do(lambda store: store.swap(origin, old, new))
        if done:
            await self._copy(origin, new)
        if self._store is not None and origin in self._stale:
            self._stale.discard(origin)
            await self._delete(self._store, origin)
        return done

    async def erase(self, origin: str) -> None:
        """Delete the text stored under `origin`, everywhere.

        Raises `StoreFailed` if a stored text may be left.
        """
        await self.open()
        await self._memory.erase(origin)
        if self._store is None:
            return
        try:
            await limited(self._store.erase(origin))
        except StoreFailed:
            if self.lasting or self._hung:
                raise

    def last(self, origin: str) -> str | None:
        """Return the text that this page last read or wrote; another tab may have changed it since."""
        return self._memory.texts.get(origin)

    def leave(self) -> None:
        """Switch to memory, and leave alone what a newer bus has stored."""
        self._memory = MemoryStore()
        self.fall("a newer version of the bus has stored a session")

    def fall(self, why: str) -> None:
        """Switch to memory; a stored session that changes from now on is deleted in the store."""
        self.lasting = False
        self._stale = set(self._memory.texts)
        self._log(f"session: kept in memory, {why}")
        self._tell(why)

    async def _delete(self, store: Store, origin: str) -> None:
        try:
            await limited(store.erase(origin))
        except StoreFailed:
            self._log("session: what is stored cannot be deleted")

    async def _do(self, work: Callable[[Texts], Coroutine[Any, Any, T]]) -> T:
        await self.open()
        if self._store is not None and self.lasting:
            try:
                return await limited(work(self._store))
            except StoreFailed as error:
                self._failed(error)
        return await work(self._memory)

    async def _copy(self, origin: str, text: str | None) -> None:
        """Keep the last text in memory too, to continue with it if the store fails."""
        if self.lasting:
            await self._memory.swap(origin, await self._memory.read(origin), text)

    def _failed(self, error: StoreFailed) -> None:
        self._hung = isinstance(error, StoreHangs)
        self.fall(f"the browser's storage {'does not answer' if self._hung else 'fails'}")


async def limited(work: Coroutine[Any, Any, T]) -> T:
    """Return what a call to the store returns. Raises `StoreFailed`, also if it takes too long.

    The call gets no task of its own: in a browser, each step of the event loop takes long.
    """
    try:
        async with asyncio.timeout(None) as limit:
            steps = _Steps(limit)
            try:
                return await work
            finally:
                steps.timer.cancel()
    except TimeoutError:
        raise StoreHangs from None


class _Steps:
    """Lets a time limit be over after `SLICES` steps."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._left = SLICES
        self._loop = asyncio.get_running_loop()
        self._begin()

    def _begin(self) -> None:
        self.timer = self._loop.call_later(LIMIT_SECONDS / SLICES, self._end)

    def _end(self) -> None:
        self._left -= 1
        if self._left:
            self._begin()
        else:
            self._limit.reschedule(self._loop.time())
