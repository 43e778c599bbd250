"""The refresh: one at a time over all tabs. Its result is never discarded deliberately."""

import asyncio
from collections.abc import Callable
from typing import Final

from ..errors import BusError, Rejected
from ..messages import MigratedCredentials
from .backend import Bound, Failed, Fresh
from .host import HostSession
from .ports import NoLocks, StoreFailed
from .record import Mark, Pause, Record
from .schedule import pause_seconds
from .words import LOOK

LOCK_SECONDS: Final = 5.0
"""How long to wait for the lock, which is never stolen: a frozen tab may hold it."""
MARKING_MS: Final = 1_000
"""If writing a mark takes longer, the page was frozen meanwhile."""
MARK_SECONDS: Final = 1.0
"""How often to check a marked refresh of another tab."""


class Refresh:
    """The refreshes of one host in one frame."""

    def __init__(self, host: HostSession) -> None:
        self._host = host
        self._around = host.around
        self._task: asyncio.Task[None] | None = None
        self._acquiring: asyncio.Task[Callable[[], None]] | None = None
        self._release: Callable[[], None] | None = None
        self._hidden = False

    @property
    def under_way(self) -> "asyncio.Task[None] | None":
        """The refresh that this frame works on, or waits for."""
        return self._task

    def begin(self, seen: Record) -> "asyncio.Task[None]":
        """Refresh, unless a refresh is under way already, or the record has changed since it was seen.

        The task does not fail: its result is in the record, and in `last_error`.
        """
        if self._task is None:
            self._task = self._around.spawn(self._refresh(seen))
        return self._task

    def hide(self) -> None:
        """Release the lock: the page may be frozen at any moment. The mark stays."""
        self._hidden = True
        if self._acquiring is not None:
            self._acquiring.cancel()
        self._let_go()

    def show(self) -> None:
        """Take locks again: the page is back."""
        self._hidden = False

    async def _refresh(self, seen: Record) -> None:
        try:
            if self._around.shelf.lasting:
                await self._lock()
            marked = await self._mark(seen)
            if marked is None or marked.mark is None or marked.tokens is None:
                return
            result = await self._ask(marked, marked.tokens)
            await self._settle(marked, marked.tokens, marked.mark, result)
        finally:
            self._let_go()
            self._task = None
            self._host.changed.set()

    async def _ask(self, marked: Record, tokens: MigratedCredentials) -> Fresh | Failed:
        """Ask the backend, with the session's key if sessions have keys."""
        bound = None
        if self._around.keys is not None:
            try:
                key = await self._around.keys.find(self._host.origin, marked.generation)
            except StoreFailed:
                return Failed(
                    BusError("INTERNAL", "The browser's storage gave no key for the refresh.")
                )
            if key is None:
                # The refresh token is worth nothing without it, so nothing is lost by the end.
                self._around.log("session: over, because its key is gone")
                return Failed(BusError("NO_SESSION", "The session's key is gone."), refused=True)
            bound = Bound(key, marked.skew / 1000)
        return await self._around.backend.refresh(
            tokens.refreshToken, id_token=tokens.idToken, bound=bound
        )

    # -- one at a time -----------------------------------------------------------------------------

    async def _lock(self) -> None:
        """Take the lock if possible; without it, the mark and the record decide."""
        name = f"sso-bus:refresh:{self._host.origin}"
        self._acquiring = asyncio.ensure_future(self._around.locks.acquire(name))
        try:
            await asyncio.wait({self._acquiring}, timeout=LOCK_SECONDS)
            if self._acquiring.done() and not self._acquiring.cancelled():
                self._release = self._acquiring.result()
            if self._hidden:
                self._let_go()
        except NoLocks:
            pass
        finally:
            self._acquiring.cancel()
            self._acquiring = None

    def _let_go(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()

    async def _mark(self, seen: Record) -> Record | None:
        """Mark the record as being refreshed, and return it; None if there is nothing to do.

        If another tab has marked a refresh, wait for it first and take its result.
        """
        host, by = self._host, self._around.new_id()
        while True:
            count = host.changed.count
            async with host.order:
                text, record = await host.read()
                host.tell(record)
                if record is None or _state(record) != _state(seen):
                    return None
                mine = record.mark is not None and record.mark.by == by
                if mine or not host.age.under_way(record):
                    began = host.age.ms()
                    marked = record.but(mark=Mark(at=began, by=by))
                    # Frozen meanwhile, it is read again: another tab may have gone on by now.
                    if await host.swap(text, marked) and host.age.ms() - began < MARKING_MS:
                        return marked
                    continue
            await host.changed.after(count, MARK_SECONDS)

    # -- the result --------------------------------------------------------------------------------

    async def _settle(
        self, marked: Record, used: MigratedCredentials, mark: Mark, result: Fresh | Failed
    ) -> None:
        host = self._host
        ends = result.refused if isinstance(result, Failed) else result.other_user
        async with host.order:
            while True:
                text, record = await host.read()
                if (
                    record is None
                    or record.tokens is None
                    or record.generation != marked.generation
                ):
                    self._revoke(result)
                    host.tell(record)
                    return
                taken = record.tokens.refreshToken != used.refreshToken
                if ends and not taken:
                    if await host.end(text, record):
                        self._revoke(result)
                        host.last_error = None
                        host.tell(None)
                        return
                    continue
                settled = self._settled(record, result, mark, taken=taken)
                if settled == record or await host.swap(text, settled):
                    break
            host.age.see(settled)
            host.last_error = result.error
            host.tell(settled)
        host.say(LOOK)

    def _settled(
        self, record: Record, result: Fresh | Failed, mark: Mark, *, taken: bool
    ) -> Record:
        """Return the record with the result of the refresh."""
        mine = record.mark is not None and record.mark.by == mark.by
        base = record.but(mark=None) if mine else record
        # Two may have asked with the same token: after a freeze, or with no lock to be had. The
        # answer to the later request holds.
        if taken and (isinstance(result, Failed) or mark.at <= record.asked or result.other_user):
            return base
        now, tokens = self._host.age.ms(), record.tokens
        assert tokens is not None  # noqa: S101 - `_settle` has looked
        if isinstance(result, Failed):
            return base.but(
                pause=self._pause(record, now, result.error, result.retry_after_seconds)
            )
        if not result.id_token:
            kept = tokens.model_copy(
                update={"refreshToken": result.refresh_token or tokens.refreshToken}
            )
            error = result.error or BusError("BACKEND_INVALID", "The refresh gave no ID token.")
            return base.but(
                credentials=kept, asked=mark.at, pause=self._pause(record, now, error, 0)
            )
        return base.but(
            credentials=tokens.model_copy(
                update={
                    "idToken": result.id_token,
                    "refreshToken": result.refresh_token or tokens.refreshToken,
                    "accessToken": result.access_token,
                    "accessTokenExpiresAt": result.access_token_expires_at,
                }
            ),
            user=record.user if result.user is None else result.user,
            company=record.company if result.company is None else result.company,
            turn=record.turn + 1,
            asked=mark.at,
            pause=None,
            **self._host.age.times(result.id_token, now),
        )

    def _pause(
        self, record: Record, now: int, error: BusError | Rejected, asked_seconds: float
    ) -> Pause:
        failures = record.pause.failures + 1 if record.pause else 1
        seconds = pause_seconds(failures, self._around.jitter)
        code = error.code if isinstance(error, BusError) else "BACKEND_ERROR"
        return Pause(
            at=now,
            seconds=max(seconds, asked_seconds),
            failures=failures,
            asked=asked_seconds > seconds,
            code=code,
        )

    def _revoke(self, result: Fresh | Failed) -> None:
        """Revoke tokens that came too late."""
        if isinstance(result, Fresh) and result.refresh_token:
            self._around.spawn(self._around.revoke(result.refresh_token))


def _state(record: Record) -> object:
    return (record.generation, record.turn, record.credentials, record.pause)
