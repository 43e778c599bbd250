"""Sign-ins, which make a session, and sign-outs, which end it in all tabs."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from ..errors import BusError
from ..messages import Answer, SignedIn
from .age import DAY_MS
from .host import HostSession
from .record import Record, Unusable
from .words import LOOK, OUT

_Filed = tuple[str | None, Record]


class Signing:
    """The sign-ins and sign-outs of one host in one frame."""

    def __init__(self, host: HostSession) -> None:
        self._host = host
        self._around = host.around
        self._outs = 0  # a sign-in that began before the last sign-out makes no session
        self._sign_ins: set[asyncio.Task[Any]] = set()  # those in flight, until they are called off

    async def sign_in(self, signing: Coroutine[Any, Any, Answer]) -> Answer:
        """Return the answer to a sign-in, once it has made a session.

        Raises what the sign-in raises, or BusError CANCELLED if a sign-out came in between.
        """
        began = self._outs
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._sign_ins.add(task)
        try:
            answer = await signing
        except asyncio.CancelledError:
            if began == self._outs or task.uncancel():
                raise  # given up, by the host or the page
            raise _called_off() from None
        finally:
            self._sign_ins.discard(task)
        # It always runs to its end. If it is cancelled meanwhile, it is undone afterwards.
        # It wakes this task two steps sooner than `asyncio.wait` does.
        ended: asyncio.Future[None] = asyncio.Future()
        filing = self._around.start(self._file(answer, began, ended))
        try:
            await ended
        except asyncio.CancelledError:
            self._around.spawn(self._unfile(filing))
            raise
        if (filed := filing.result()) is None:
            self._revoke(answer)
            raise _called_off()
        self._erase_key_before(filed)
        return answer

    async def _file(
        self, answer: Answer, began: int, ended: "asyncio.Future[None]"
    ) -> _Filed | None:
        """Make the session; return what it replaced, and the session. None: a sign-out came in between."""
        try:
            return await self._written(answer, began)
        finally:
            if not ended.done():
                ended.set_result(None)

    async def _written(self, answer: Answer, began: int) -> _Filed | None:
        host, record = self._host, self._record(answer)
        if self._around.keys is not None and answer.key is not None:
            # Before the record: a tab that finds the record must find its key.
            await self._around.keys.keep(host.origin, record.generation, answer.key)
        shelf, just_read = self._around.shelf, False
        text = shelf.last(host.origin)  # mostly, that is still stored: it is not read again first
        async with host.order:
            while began == self._outs:
                if host.parse(text) is not Unusable.NEWER:
                    if await host.swap(text, record):
                        break
                elif just_read:
                    shelf.leave()  # a newer bus continues with it
                text, just_read = await shelf.read(host.origin), True
            # A sign-out that came in between waits for `order`, and then erases this record.
            if began != self._outs:
                host.erase_key(record)
                return None
            host.age.see(record)
            host.has(record)
            host.last_error = None
        host.say(LOOK)
        host.changed.set()
        return text, record

    def _record(self, answer: Answer) -> Record:
        signed_in = answer.payload
        assert isinstance(signed_in, SignedIn)  # noqa: S101 - that is what sign-ins answer
        now = self._host.age.ms()
        record = Record(
            origin=self._host.origin,
            generation=self._around.new_id(),
            maker=self._around.backend.maker,
            signed_in=now,
            expires=now + round(self._around.settings.max_age_days * DAY_MS),
            active=now,
            credentials=signed_in.credentials,
            user=signed_in.currentUser,
            company=signed_in.company,
            arrival=now,
            life=0,
            asked=now,
        )
        tokens = record.tokens
        return record.but(**self._host.age.times(tokens.idToken, now)) if tokens else record

    def _erase_key_before(self, filed: _Filed) -> None:
        """Delete the key of the session that a sign-in has replaced."""
        before = self._host.parse(filed[0]) if self._around.keys else None
        if isinstance(before, Record):
            self._host.erase_key(before)

    async def _unfile(self, filing: "asyncio.Task[_Filed | None]") -> None:
        """Undo a session whose sign-in was given up while the session was written."""
        await asyncio.wait({filing})
        if (filed := filing.result()) is None:
            return
        host, (text, record) = self._host, filed
        async with host.order:
            if await self._around.shelf.swap(host.origin, record.text(), text):
                host.erase_key(record, left=False)  # the session before may be an old one
            host.has(None if text is None else (await host.read())[1])
        host.say(LOOK)
        host.changed.set()

    async def sign_out(self) -> str:
        """Erase the session, here and in all tabs, and cancel sign-ins in flight.

        Returns the refresh token to revoke, or "". Raises `StoreFailed`.
        """
        host = self._host
        self._outs += 1
        while self._sign_ins:
            self._sign_ins.pop().cancel()  # once: `sign_in` takes back one cancellation
        async with host.order:
            found = host.parse(await self._around.shelf.read(host.origin))
            await self._around.shelf.erase(host.origin)
            host.has(None)
            host.last_error = None
        host.say(OUT)
        host.changed.set()
        if isinstance(found, Record) and self._around.keys is not None:
            await self._around.keys.erase(host.origin, found.generation)
        return found.refresh_token if isinstance(found, Record) else ""

    def _revoke(self, answer: Answer) -> None:
        if token := self._record(answer).refresh_token:
            self._around.spawn(self._around.revoke(token))


def _called_off() -> BusError:
    return BusError("CANCELLED", "The user signed out meanwhile.")
