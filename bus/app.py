"""The bus: every message goes through `Bus.receive`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from .errors import BusError, Rejected
from .gate import Gate
from .messages import (
    SERVED,
    Answer,
    AnyRequest,
    Cancel,
    Envelope,
    fulfilled,
    parse_envelope,
    parse_payload,
    rejected,
    require,
)
from .ports import Inbound, Log, Window

Handler = Callable[[Any, Inbound], Awaitable[Answer]]
"""Answers requests of one class; gets the inbound message too. Raises BusError or Rejected."""

MAX_IN_FLIGHT: Final = 64
"""Requests at a time; more are answered OVERLOADED."""


@dataclass(frozen=True)
class Reply:
    """A reply as JSON, and what to do once it is sent (`Answer.then`)."""

    text: str
    then: Callable[[], None] | None = None


@dataclass(frozen=True)
class Flight:
    """A request under way: it holds a slot and its id until it is answered or given up."""

    number: int
    """The early listener's number for it."""
    envelope: Envelope
    task: "asyncio.Task[object]"


@dataclass
class Bus:
    """Answers the messages of one host page."""

    gate: Gate
    handlers: Mapping[type, Handler]
    window: Window
    log: Log
    report: Callable[[Exception], None]
    """Gets a defect of the bus. It must not show the exception's text, which may hold a value."""
    served: Collection[str] = SERVED
    """The types of requests that this bus serves (`bus.served`); each has its handler."""
    _flights: dict[object, Flight] = field(default_factory=dict)
    _hidden: bool = False
    _held: list[tuple[int, Reply]] = field(default_factory=list)
    """Replies to post when the page is back, with their message numbers."""

    def receive(self, inbound: Inbound) -> Coroutine[Any, Any, None] | None:
        """Check one message, and reject a bad request (protocol.md, "The gate").

        Returns what answers a good one, for a task of its own; a bad one needs none. The checks have
        the protocol's order, and the first that fails decides.
        """
        if refusal := self.gate.refusal(inbound):
            self._ignore(inbound.number, refusal)
            return None
        envelope = parse_envelope(inbound.text)
        if envelope is None:
            self._ignore(inbound.number, "not a request")
            return None
        if envelope.type == "BUS.CANCEL":
            self._cancel(envelope)
            self.window.drop(inbound.number)
            return None
        key: object = object() if envelope.id is None else envelope.id
        try:
            require(envelope, self.served)
            if key in self._flights:
                self._ignore(inbound.number, "a second delivery")
                return None
            if len(self._flights) >= MAX_IN_FLIGHT:
                raise BusError("OVERLOADED", f"{MAX_IN_FLIGHT} requests are in flight already.")
            request = parse_payload(envelope)
        except Exception as error:  # noqa: BLE001 - whatever it is, the host gets its one reply
            self._post(inbound.number, self._failed(envelope, error))
            return None
        return self._serve(key, envelope, request, inbound)

    async def _serve(
        self, key: object, envelope: Envelope, request: AnyRequest, inbound: Inbound
    ) -> None:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        flight = self._flights[key] = Flight(inbound.number, envelope, task)
        try:
            answer = await self.handlers[type(request)](request, inbound)
            reply = Reply(fulfilled(envelope, answer), answer.then)
        except asyncio.CancelledError:
            if self._end(key, flight):
                raise
            return
        except Exception as error:  # noqa: BLE001 - as above
            reply = self._failed(envelope, error)
        if not self._end(key, flight):
            return  # given up while it was handled, and already answered
        self._post(inbound.number, reply)

    def _failed(self, envelope: Envelope, error: Exception) -> Reply:
        try:
            if isinstance(error, BusError | Rejected):
                return Reply(rejected(envelope, error))
        except Exception as unwritable:  # noqa: BLE001 - as above
            error = unwritable
        self.report(error)
        defect = BusError("INTERNAL", "The bus has a defect; see its console.")
        return Reply(rejected(envelope, defect))

    def _end(self, key: object, flight: Flight) -> bool:
        """Free the slot and the id of `flight`; False if it was given up, and they are free already."""
        if self._flights.get(key) is not flight:
            return False
        del self._flights[key]
        return True

    def hide(self) -> None:
        """Give up everything in flight: the page goes away, or into the back-forward cache."""
        self._hidden = True
        for key in list(self._flights):
            self._give_up(key, BusError("PAGE_HIDDEN", "The page went away meanwhile."))

    def show(self) -> None:
        """Send what `hide` held back: the page is back from the back-forward cache."""
        self._hidden = False
        held, self._held = self._held, []
        for number, reply in held:
            self._post(number, reply)

    def _cancel(self, envelope: Envelope) -> None:
        try:
            request = parse_payload(envelope)
        except BusError:
            return
        if isinstance(request, Cancel) and request.payload.id in self._flights:
            self._give_up(
                request.payload.id, BusError("CANCELLED", "The host cancelled the request.")
            )

    def _give_up(self, key: object, error: BusError) -> None:
        """Reject a request, and free its slot and id at once. Its task ends later, unheard.

        A handler must free what its requests share at once too (`SingleFlight` does), not only
        when the cancelled task runs.
        """
        flight = self._flights.pop(key)
        flight.task.cancel()
        self._post(flight.number, Reply(rejected(flight.envelope, error)))

    def _post(self, number: int, reply: Reply) -> None:
        if self._hidden:
            self._held.append((number, reply))
        elif reply.then is None:
            self.window.post(number, reply.text)
        else:
            self.window.keep(number, reply.text)
            reply.then()

    def _ignore(self, number: int, why: str) -> None:
        self.log(f"ignored: {why}")
        self.window.drop(number, why)
