"""The requests of BUS and AUTH that concern the session (protocol.md, "The session")."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..deadline import within
from ..errors import BusError, Rejected
from ..messages import (
    Answer,
    Destroy,
    EmailAndPassword,
    EmailAndPasswordPayload,
    GetCredentials,
    Holding,
    Init,
    Register,
    Restored,
    SignedOut,
    SignOut,
)
from ..ports import Inbound
from ..session.around import Around
from ..session.host import HostSession
from ..session.record import Record, Unusable
from ..session.refresh import Refresh
from ..session.signing import Signing
from ..session.words import read_word
from .auth import Keep


class Hosted:
    """Everything that belongs to one host origin."""

    def __init__(self, origin: str, around: Around) -> None:
        self.session = HostSession(origin, around)
        self.refresh = Refresh(self.session)
        self.signing = Signing(self.session)
        self.watch: asyncio.Task[None] | None = None


class Session:
    """Answers the requests that concern the session, and listens to the page and to other tabs."""

    def __init__(self, around: Around, allowed_origins: tuple[str, ...]) -> None:
        self._around = around
        self._allowed = allowed_origins
        self._hosts: dict[str, Hosted] = {}
        self._shown = asyncio.Event()
        self._shown.set()

    def _at(self, origin: str) -> Hosted:
        if origin not in self._hosts:
            self._hosts[origin] = Hosted(origin, self._around)
        return self._hosts[origin]

    async def start(self) -> None:
        """Delete stored records that are not valid sessions of this bus any more."""
        shelf = self._around.shelf
        for origin in await shelf.origins():
            session = HostSession(origin, self._around)
            async with session.order:
                text, record = await session.read()
                if record is not None:
                    if origin not in self._allowed:
                        await session.swap(text, None)
                        session.erase_key(record)
                elif session.parse(text) is Unusable.FOREIGN:
                    await session.swap(text, None)
                    self._around.log("session: a record that is none here is deleted")

    # -- requests ----------------------------------------------------------------------------------

    async def register(self, request: Register, inbound: Inbound) -> Answer:
        """Return the user of the session, if there is one. Raises BusError ORIGIN_MISMATCH."""
        if request.payload.origin != inbound.origin:
            raise BusError("ORIGIN_MISMATCH", "The origin is not that of the page that sent it.")
        record = await self._look(inbound, met=True)
        return Answer(Restored(user=record.user) if record else None)

    async def init(self, request: Init, inbound: Inbound) -> Answer:
        """Start refreshes and pushes, once the reply is sent."""
        await self._look(inbound)
        if "AUTH" not in request.payload.services:
            return Answer(None)
        return Answer(None, then=lambda: self._begin(inbound))

    async def destroy(self, request: Destroy, inbound: Inbound) -> Answer:
        """Stop timers and pushes; the session stays."""
        await self._look(inbound)
        if "AUTH" in request.payload.services:
            for hosted in self._hosts.values():
                hosted.session.stop()
                if hosted.watch is not None:
                    hosted.watch.cancel()
                    hosted.watch = None
        return Answer(None)

    async def credentials(self, request: GetCredentials, inbound: Inbound) -> Answer:
        """Return credentials that stay valid for as long as the request asks; refresh first if necessary.

        Raises BusError NO_SESSION; if the old credentials have expired, the error of the last refresh.
        """
        began, hosted = self._around.now(), self._at(inbound.origin)
        session, age = hosted.session, hosted.session.age
        record = await self._look(inbound, met=True)
        if record is None:
            raise _no_session()
        need = request.payload.minValiditySeconds
        if need < 0:
            need = self._around.settings.refresh_margin_seconds
        if not record.refresh_token or (age.good(record, need) and not age.lost(record)):
            return self._holding(session, record)
        error: BusError | Rejected | None = None
        if not age.pausing(record):
            left = max(self._around.timeout_seconds - (self._around.now() - began), 0)
            try:
                await within(left, _end_of(hosted.refresh.begin(record)), now=self._around.now)
            except BusError:
                error = BusError(
                    "BACKEND_TIMEOUT", "The tokens were not refreshed within the time limit."
                )
        seen, record = record, await session.look(met=True)
        if record is None or record.generation != seen.generation:
            raise _no_session()
        if record.turn == seen.turn and age.left(record) <= 0:
            raise error or session.last_error or _paused(record)
        return self._holding(session, record)

    def _holding(self, session: HostSession, record: Record) -> Answer:
        credentials, age = record.credentials, session.age
        if record.tokens is not None:
            credentials = age.dated(record.tokens)
        holding = Holding(credentials=credentials, currentUser=record.user, company=record.company)
        if record.tokens is None:
            return Answer(holding)
        return Answer(holding.model_copy(update={"expiresAt": age.expires_at(record)}))

    async def sign_out(self, _request: SignOut, inbound: Inbound) -> Answer:
        """End the session here and in all tabs, then revoke its tokens.

        Continues if the request is given up. Raises `StoreFailed` if a stored record may be left.
        """
        ending = self._around.spawn(self._sign_out(self._at(inbound.origin)))
        return await _result_of(ending)

    async def _sign_out(self, hosted: Hosted) -> Answer:
        token = await hosted.signing.sign_out()
        if hosted.refresh.under_way is not None:
            await asyncio.wait({hosted.refresh.under_way}, timeout=self._around.timeout_seconds)
        if token:
            await self._around.revoke(token)
        url = await self._around.backend.logout_url()
        return Answer(SignedOut(logoutUrl=url) if url else SignedOut())

    def keep(
        self, origin: str, signing: Coroutine[Any, Any, Answer]
    ) -> Coroutine[Any, Any, Answer]:
        """Make a sign-in a session (`bus.services.auth.Keep`)."""
        hosted = self._at(origin)
        if self._around.settings.idle_minutes:
            self._around.spawn(hosted.session.look(active=True))
        return hosted.signing.sign_in(signing)

    async def _look(self, inbound: Inbound, *, met: bool = False) -> Record | None:
        """Note a request as activity, and return the current session.

        A request that comes while the page is hidden is answered when the page is back.
        """
        await self._shown.wait()
        hosted = self._at(inbound.origin)
        record = await hosted.session.look(active=True, met=met)
        if record and hosted.session.age.lost(record):
            hosted.refresh.begin(record)
        return record

    # -- timers ------------------------------------------------------------------------------------

    def _begin(self, inbound: Inbound) -> None:
        hosted = self._at(inbound.origin)
        hosted.session.start(inbound.number, port=inbound.port)
        if hosted.watch is None:
            hosted.watch = self._around.spawn(self._watch(hosted))
        hosted.session.changed.set()

    async def _watch(self, hosted: Hosted) -> None:
        session, age = hosted.session, hosted.session.age
        while True:
            count = session.changed.count
            record = await session.look()
            due = record is not None and age.wants(record) and age.rested(record)
            if record and due and not age.pausing(record) and self._shown.is_set():
                hosted.refresh.begin(record)
            await session.changed.after(count, age.next_look_seconds(record))

    # -- the page and the other tabs ---------------------------------------------------------------

    def wake(self, *, online: bool = False) -> None:
        """Check at once: the page is visible again, or the browser is `online` again."""
        for hosted in self._hosts.values():
            if online:
                hosted.session.age.online()
            hosted.session.changed.set()

    def hide(self) -> None:
        """Release locks: the page is about to be frozen or unloaded (`freeze`, `pagehide`)."""
        self._shown.clear()
        for hosted in self._hosts.values():
            hosted.refresh.hide()

    def show(self) -> None:
        """Check at once: the page is back (`resume`, `pageshow`)."""
        self._shown.set()
        for hosted in self._hosts.values():
            hosted.refresh.show()
        self.wake()

    def heard(self, text: str) -> None:
        """Handle a broadcast from another tab (`bus.session.ports.Channel`)."""
        said = read_word(text)
        if said is not None and said.origin in self._hosts:
            self._hosts[said.origin].session.heard(said)


class Password:
    """Signs users in with an e-mail address and a password."""

    def __init__(
        self, sign_in: Callable[[EmailAndPasswordPayload], Coroutine[Any, Any, Answer]], keep: Keep
    ) -> None:
        self._sign_in = sign_in
        self._keep = keep

    async def email_and_password(self, request: EmailAndPassword, inbound: Inbound) -> Answer:
        """Sign in; two at once are two exchanges. Raises BusError, or Rejected with the backend's error."""
        return await self._keep(inbound.origin, self._sign_in(request.payload))


async def _end_of(task: "asyncio.Task[None]") -> None:
    """Wait for a task without cancelling it."""
    await asyncio.wait({task})


async def _result_of(task: "asyncio.Task[Answer]") -> Answer:
    await asyncio.wait({task})
    return task.result()


def _no_session() -> BusError:
    return BusError("NO_SESSION", "Nobody is signed in, or the session is over.")


def _paused(record: Record) -> BusError:
    code = record.pause.code if record.pause else "BACKEND_UNREACHABLE"
    return BusError(
        code, "The ID token has expired, and the last refresh failed; it is tried again."
    )
