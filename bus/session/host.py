"""The session of one host origin in one frame: what is stored, and what the host was told about it.

The record decides everything; it is read before every answer and every push. Expiry is a state that
is checked, not a timer.
"""

import asyncio
from typing import Final

from ..errors import BusError, Rejected
from ..messages import refresh_token_expired, session_changed, token_refreshed
from .age import Age
from .around import Around
from .record import Record, Unusable, read_record
from .signal import Signal
from .words import END, LOOK, OUT, Kind, Word, word

WORD_SECONDS: Final = 0.1
"""How long a broadcast may arrive after the change of the record that it announces."""


class HostSession:
    """The session of one host, and what that host's page was told about it."""

    def __init__(self, origin: str, around: Around) -> None:
        self.origin = origin
        self.around = around
        self.age = Age(around)
        self.order = asyncio.Lock()
        """Held from reading the record until the change is written or the host is told."""
        self.changed = Signal()
        """Set when there may be something new in the record."""
        self._why = Signal()
        """Set when another tab has said why a session is over."""
        self.last_error: BusError | Rejected | None = None
        """The error of the last refresh in this frame, if it failed."""
        self._target: int | None = None  # the message whose port or window gets pushes
        self._target_is_port = False
        self._met = False  # whether the host knows the user, or knows that there is no session
        self._known: str | None = None  # that session's generation
        self._told: tuple[str, int] | None = None  # the last pair of tokens that this tab got
        self._last: Record | None = None  # that session, as the host last heard of it
        self._expired = False  # whether that session ended, or is ending, other than by a sign-out
        self._heard_out = False  # whether another tab has said that its user signed out

    # -- the record --------------------------------------------------------------------------------

    async def look(self, *, active: bool = False, met: bool = False) -> Record | None:
        """Read the record, end a session that is over, and tell the host what is new.

        `active`: a request was accepted; it counts as activity only if the session was not over.
        `met`: the host gets the record as an answer.
        """
        async with self.order:
            while True:
                text, record = await self.read()
                if record and active and self.age.worth_noting(record):
                    active = not await self.swap(text, record.but(active=self.age.ms()))
                    continue
                self.tell(record)
                if met:
                    self.met(record)
                return record

    async def read(self) -> tuple[str | None, Record | None]:
        """Return the stored text and its session. Delete a session that is over.

        A record that is none here stays: it may be the session of a tab whose bus has other settings.
        The caller must hold `order`.
        """
        while True:
            text = await self.around.shelf.read(self.origin)
            if text is None and self._may_hear_why():
                await self._why.after(self._why.count, WORD_SECONDS)
                self._heard_out = True  # no word: a sign-out
                continue
            found = self.parse(text)
            if not isinstance(found, Record):
                return text, None
            self.age.see(found)
            if not self.age.over(found):
                return text, found
            await self.end(text, found)

    def _may_hear_why(self) -> bool:
        """Return whether the session is gone, and another tab's word about that may be on its way."""
        known = self._known is not None and self.around.shelf.lasting
        return known and not (self._expired or self._heard_out or self._is_over())

    def _is_over(self) -> bool:
        return self._last is not None and self.age.over(self._last)

    def parse(self, text: str | None) -> Record | Unusable | None:
        """Return the session in a stored text, or why there is none. It may be over."""
        if text is None:
            return None
        found = read_record(text, origin=self.origin, maker=self.around.backend.maker)
        if not isinstance(found, Record) or self.around.backend.access_tokens:
            return found
        return found.without_access_token()

    async def swap(self, text: str | None, record: Record | None) -> bool:
        """Replace `text` with `record`; return whether that was done. The caller must hold `order`."""
        return await self.around.shelf.swap(self.origin, text, record.text() if record else None)

    async def end(self, text: str | None, record: Record) -> bool:
        """End a session other than by a sign-out; return whether that was done.

        The caller must hold `order`.
        """
        # Broadcast first: a tab that finds the record gone must know why by then.
        self.say(END, record.generation)
        if not await self.swap(text, None):
            return False
        self.erase_key(record)
        self._note_end(record.generation)
        self.say(LOOK)
        return True

    def erase_key(self, record: Record, *, left: bool = True) -> None:
        """Delete the key of a session that is over, if sessions have keys (`KeyRing.erase`)."""
        if (keys := self.around.keys) is not None:
            self.around.spawn(keys.erase(self.origin, record.generation, left=left))

    # -- the host ----------------------------------------------------------------------------------

    def tell(self, record: Record | None) -> None:
        """Push what this tab was not told yet, once. `record` has just been read."""
        if self._target is None:
            return
        push, target = self.around.window.push, self._target
        generation = record.generation if record else None
        if self._met and generation != self._known:
            # Who finds it gone may not have heard why yet, but sees what it had come to.
            if self._expired or self._is_over():
                push(target, refresh_token_expired())
                self._known, self._expired = None, False  # the next session has not ended
            if generation != self._known:
                push(target, session_changed(record.user if record else None))
        self.met(record)
        if record is None or record.tokens is None:
            return
        pair = (record.generation, record.turn)
        # Tokens that are about to be refreshed are not pushed, unless the refresh has failed.
        stays = not self.age.wants(record) or (record.pause and self.age.left(record) > 0)
        if pair != self._told and stays:
            self._told = pair
            push(target, token_refreshed(self.age.dated(record.tokens)))

    def met(self, record: Record | None) -> None:
        """Note that the host now knows the user of `record`, or that there is no session."""
        generation = record.generation if record else None
        if generation != self._known:
            self._expired = self._heard_out = False
        self._met, self._known, self._last = True, generation, record

    def _note_end(self, generation: str) -> None:
        self._expired = self._expired or generation == self._known

    def has(self, record: Record | None) -> None:
        """Note that the host gets these tokens, or none, as the answer to a request of its own."""
        self.met(record)
        self._told = (record.generation, record.turn) if record else None

    def start(self, number: int, *, port: bool) -> None:
        """Push to the target of the reply to message `number`; an earlier target is closed."""
        before, self._target = self._target, number
        if before is not None:
            self.around.window.drop(before)
            if port or self._target_is_port:
                self._told = None  # another port or window listens from now on
        self._target_is_port = port

    def stop(self) -> None:
        """Stop pushing."""
        if self._target is not None:
            self.around.window.drop(self._target)
            self._target = None
            self._told = None

    # -- the other tabs ----------------------------------------------------------------------------

    def say(self, kind: Kind, generation: str = "") -> None:
        """Say a word to them."""
        self.around.channel.post(word(kind, self.origin, generation))

    def heard(self, said: Word) -> None:
        """Take a word from one of them."""
        if said.kind == END:
            self._note_end(said.generation)
        elif said.kind == OUT:
            self._heard_out = True
        if said.kind != LOOK:
            self._why.set()
            if not self.around.shelf.lasting:
                self.around.spawn(self._forget(said))
        self.changed.set()

    async def _forget(self, said: Word) -> None:
        """End a session that is only in memory, because another tab's session has ended."""
        async with self.order:
            text, record = await self.read()
            if record and (said.kind == OUT or said.generation == record.generation):
                await self.swap(text, None)
                self.erase_key(record)
                self.tell(None)
                if said.kind == OUT and record.refresh_token:
                    self.around.spawn(self.around.revoke(record.refresh_token))
        self.changed.set()
