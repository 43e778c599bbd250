"""The keys that refresh tokens are bound to (DPoP, RFC 9449): one for each session.

Each sign-in makes a new key, which is kept under the session's origin and generation. So a record
and its key always fit, whichever of two sign-ins at the same time comes last, and a sign-out in one
tab takes nothing from a sign-in in another.
"""

from ..ports import Key, Log
from .ports import KeyStore, StoreFailed
from .shelf import Shelf, limited


class KeyRing:
    """Keeps keys where the records are: in the store, where all tabs find them, or in memory."""

    def __init__(self, store: KeyStore | None, shelf: Shelf, log: Log) -> None:
        self._store = store
        self._shelf = shelf
        self._log = log
        self._held: dict[str, Key] = {}  # by generation
        self._unstored: set[str] = set()  # generations whose key is nowhere else

    async def keep(self, origin: str, generation: str, key: Key) -> None:
        """Keep the key of a session that is about to be written.

        If the store does not keep keys, the shelf switches to memory: another tab could do nothing
        with a record whose key it lacks.
        """
        self._held[generation] = key
        await self._shelf.open()
        if self._store is None or not self._shelf.lasting:
            self._unstored.add(generation)
            return
        try:
            kept = await limited(self._store.keep(origin, generation, key))
        except StoreFailed:
            kept = False
        if not kept:
            self._unstored.add(generation)
            self._shelf.fall("the browser's storage does not keep keys")

    async def find(self, origin: str, generation: str) -> Key | None:
        """Return the key of a session, or None if it is gone. Raises `StoreFailed`."""
        key = self._held.get(generation)
        if key is None and self._store is not None:
            key = await limited(self._store.find(origin, generation))
            if key is not None:
                self._held[generation] = key
        return key

    async def erase(self, origin: str, generation: str, *, left: bool = True) -> None:
        """Delete the key of a session that is over; with `left`, also what is left of older ones.

        A failure is only logged: what the key was for is erased, so nothing can be done with it.
        """
        self._held.pop(generation, None)
        if self._store is None or generation in self._unstored:
            self._unstored.discard(generation)
            return
        try:
            await limited(self._store.erase(origin, generation, left=left))
        except StoreFailed:
            self._log("session: a key cannot be deleted")
