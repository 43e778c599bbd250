"""The reports of a debug build: of each decision and call, and never a value."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bus.debug import Debug, current
from bus.exchange.json_backend import JsonExchange
from bus.ports import FetchFailed
from tests.unit.fakes import (
    BACKEND,
    ID_TOKEN,
    SIGNED_IN,
    FakeClock,
    FakeFetch,
    World,
    json_exchange,
    sso,
)
from tests.wire import assert_from_bus

pytestmark = pytest.mark.anyio


class Told:
    """A debug build's reports, and what stands behind it."""

    def __init__(self, answers: tuple[int, dict[str, Any]] | None = None) -> None:
        self.texts: list[str] = []
        self.clock = FakeClock()
        self.fetch = FakeFetch(answers)
        self.debug = Debug(self.texts.append, self.clock)

    @property
    def reports(self) -> list[dict[str, Any]]:
        found = [json.loads(text) for text in self.texts]
        for report in found:  # as the early listener posts it
            assert_from_bus(json.dumps({"type": "BUS.DEBUG", "payload": {"at": 1, **report}}))
        return found


@pytest.fixture(autouse=True)
def number() -> Iterator[None]:
    token = current.set(7)
    yield
    current.reset(token)


CALL = {"event": "backend", "number": 7, "call": 1, "method": "POST", "url": BACKEND}


async def test_a_call_is_told_when_it_begins_and_when_it_ends() -> None:
    told = Told()
    asking = asyncio.ensure_future(
        told.debug.fetch(told.fetch)(f"{BACKEND}?MARK=1", headers={"A": "MARK"}, body="MARK")
    )
    call = await told.fetch.next()
    assert told.reports == [CALL]
    assert (call.url, call.headers, call.body) == (f"{BACKEND}?MARK=1", {"A": "MARK"}, "MARK")
    told.clock.advance(0.25)
    call.send_head(201)
    body = await asking
    assert body.status == 201
    assert len(told.reports) == 1  # the answer is not whole yet
    call.shown["DPoP-Nonce"] = "MARK"
    assert (body.header("DPoP-Nonce"), body.header("Date")) == ("MARK", None)
    told.clock.advance(1)
    call.send_body(b"MARK")
    assert await body.read(99) == b"MARK"
    assert call.limit == 99
    assert told.reports[1:] == [CALL | {"ms": 1250, "status": 201, "outcome": "answered"}]
    assert "MARK" not in "".join(told.texts)


async def test_a_get_has_no_body() -> None:
    told = Told((200, {}))
    await told.debug.fetch(told.fetch)(BACKEND, headers={}, body=None)
    assert told.reports[0]["method"] == "GET"


async def test_calls_are_counted() -> None:
    told = Told((200, {}))
    fetch = told.debug.fetch(told.fetch)
    for _ in range(2):
        await fetch(BACKEND, headers={}, body="x")
    assert [report["call"] for report in told.reports] == [1, 2]


async def test_a_call_that_nobody_answers() -> None:
    told = Told()
    asking = asyncio.ensure_future(told.debug.fetch(told.fetch)(BACKEND, headers={}, body="x"))
    (await told.fetch.next()).fail()
    with pytest.raises(FetchFailed):
        await asking
    assert told.reports[1:] == [CALL | {"ms": 0, "outcome": "failed"}]


async def test_an_answer_that_breaks_off() -> None:
    told = Told()
    asking = asyncio.ensure_future(told.debug.fetch(told.fetch)(BACKEND, headers={}, body="x"))
    call = await told.fetch.next()
    call.send_head(200)
    body = await asking
    call.fail()
    with pytest.raises(FetchFailed):
        await body.read(99)
    assert told.reports[1:] == [CALL | {"ms": 0, "status": 200, "outcome": "failed"}]


async def test_a_call_that_is_given_up() -> None:
    told = Told()
    asking = asyncio.ensure_future(told.debug.fetch(told.fetch)(BACKEND, headers={}, body="x"))
    call = await told.fetch.next()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert call.gone.is_set()
    assert told.reports[1:] == [CALL | {"ms": 0, "outcome": "aborted"}]


async def test_a_call_that_belongs_to_no_message() -> None:
    told = Told((200, {}))
    current.set(None)
    await told.debug.fetch(told.fetch)(BACKEND, headers={}, body="x")
    assert "number" not in told.reports[0]


async def test_where_sessions_are_kept_is_told() -> None:
    told = Told()
    told.debug.session("the browser's storage fails")
    told.debug.session("")
    assert told.reports == [
        {"event": "session", "kept": "memory", "reason": "the browser's storage fails"},
        {"event": "session", "kept": "partition"},
    ]


async def test_calls_of_all_fetches_have_one_count() -> None:
    """Those of sign-ins, and those of a session, which outlive the page."""
    told = Told()
    asking = [
        asyncio.ensure_future(told.debug.fetch(told.fetch)(BACKEND, headers={}, body="x"))
        for _ in range(2)
    ]
    for _ in asking:
        (await told.fetch.next()).fail()
    await asyncio.gather(*asking, return_exceptions=True)
    assert {report["call"] for report in told.reports} == {1, 2}


async def test_the_whole_bus_tells_no_value() -> None:
    """The bus as the debug build wires it: every text it is given or gets holds a mark."""
    told = Told((200, SIGNED_IN))
    world = World(exchange=lambda world, seconds: _watched(world, told, seconds))
    reply = await world.ask(sso("MARK-id"))
    assert reply["payload"]["credentials"]["idToken"] == ID_TOKEN
    assert await world.ask(sso("MARK-id"), from_parent=False) is None
    assert [report["event"] for report in told.reports] == ["backend", "backend"]
    assert world.window.reasons == ["not from the window that embeds the bus"]
    assert "MARK" not in "".join(told.texts)
    world.check()


def _watched(world: World, told: Told, seconds: int) -> JsonExchange:
    watched: Any = told.debug.fetch(told.fetch)
    world.fetch = watched
    return json_exchange(world, seconds)
