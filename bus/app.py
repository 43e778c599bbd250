"""The bus: every message goes through `Bus.receive`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bus.errors import BusError, Rejected
from bus.gate import Gate
from bus.messages import (
    SERVED,
    Answer,
    Cancel,
    Envelope,
    fulfilled,
    parse_envelope,
    parse_payload,
    rejected,
    require,
)
from bus.ports import Inbound, Log, Window

Handler = Callable[[Any, Inbound], Awaitable[Answer]]
"""Answers requests of one class, with the message that each came in; or raises BusError or Rejected."""

MAX_IN_FLIGHT: Final = 64
"""Requests at a time; more are answered OVERLOADED."""


@dataclass(frozen=True)
class Reply:
    """A reply as JSON, and what is to be done once it is out (`Answer.then`)."""

    text: str
    then: Callable[[], None] | None = None


@dataclass
class Flight:
    """A request under way, and why it was given up, if it was."""

    task: "asyncio.Task[object] | None"
    given_up: BusError | None = None


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
    _shown: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._shown.set()

    async def receive(self, inbound: Inbound) -> None:
        """Answer one message, or meet it with silence (protocol.md, "The gate")."""
        if refusal := self.gate.refusal(inbound):
            self.log(f"ignored: {refusal}")
            self.window.drop(inbound.number)
            return
        reply = await self.answer(inbound)
        await self._shown.wait()
        if reply is None:
            self.window.drop(inbound.number)
        elif reply.then is None:
            self.window.post(inbound.number, reply.text)
        else:
            self.window.keep(inbound.number, reply.text)
            reply.then()

    async def answer(self, inbound: Inbound) -> Reply | None:
        """Return the reply to a message that the gate let in; None for silence.

        The checks stand in the protocol's order, and the first that fails decides.
        """
        envelope = parse_envelope(inbound.text)
        if envelope is None:
            self.log("ignored: not a request")
            return None
        if envelope.type == "BUS.CANCEL":
            self._cancel(envelope)
            return None
        try:
            return await self._reply(envelope, inbound)
        except Exception as error:  # noqa: BLE001 - whatever it is, the host gets its one reply
            self.report(error)
            defect = BusError("INTERNAL", "The bus has a defect; see its console.")
            return Reply(rejected(envelope, defect))

    async def _reply(self, envelope: Envelope, inbound: Inbound) -> Reply | None:
        try:
            require(envelope, self.served)
            key: object = object() if envelope.id is None else envelope.id
            if key in self._flights:
                self.log("ignored: a second delivery")
                return None
            if len(self._flights) >= MAX_IN_FLIGHT:
                raise BusError("OVERLOADED", f"{MAX_IN_FLIGHT} requests are in flight already.")
            flight = self._flights[key] = Flight(asyncio.current_task())
            try:
                request = parse_payload(envelope)
                answer = await self.handlers[type(request)](request, inbound)
                return Reply(fulfilled(envelope, answer), answer.then)
            except asyncio.CancelledError:
                if flight.given_up is None:
                    raise
                raise flight.given_up from None
            finally:
                del self._flights[key]
        except (BusError, Rejected) as error:
            return Reply(rejected(envelope, error))

    def hide(self) -> None:
        """Give up everything in flight: the page goes away, or into the back-forward cache."""
        self._shown.clear()
        for flight in self._flights.values():
            self._give_up(flight, BusError("PAGE_HIDDEN", "The page went away meanwhile."))

    def show(self) -> None:
        """Send what `hide` held back: the page is back from the back-forward cache."""
        self._shown.set()

    def _cancel(self, envelope: Envelope) -> None:
        try:
            request = parse_payload(envelope)
        except BusError:
            return
        if isinstance(request, Cancel) and (flight := self._flights.get(request.payload.id)):
            self._give_up(flight, BusError("CANCELLED", "The host cancelled the request."))

    def _give_up(self, flight: Flight, error: BusError) -> None:
        if flight.task is not None and flight.given_up is None:
            flight.given_up = error
            flight.task.cancel()
