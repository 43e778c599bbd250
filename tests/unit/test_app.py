"""The flow of a message through the bus: checks in order, one reply each, cancel, hide and show."""

import asyncio
import gc
import json
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from bus.app import MAX_IN_FLIGHT
from bus.errors import BusError, Rejected
from bus.messages import Sso
from tests.unit.fakes import (
    BACKEND,
    CODE,
    ORIGIN,
    REDIRECT_URL,
    SIGNED_IN,
    VERIFIER,
    Message,
    World,
    cancel,
    code_of,
    error_of,
    named,
    sso,
)

pytestmark = pytest.mark.anyio


# -- a sign-in ------------------------------------------------------------------------------------


async def test_a_code_becomes_credentials(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    assert await world.ask(sso("1")) == {
        "type": "AUTH.SSO_FULFILLED",
        "id": "1",
        "payload": SIGNED_IN,
        "meta": {"source": "backend", "status": 200},
    }
    [call] = world.fetch.calls
    assert call.url == BACKEND
    assert call.sent == {"code": CODE, "redirectUrl": REDIRECT_URL}
    assert world.window.drops == []
    assert world.lines == []
    assert world.reports == []


async def test_a_request_without_id_gets_a_reply_without_id(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    assert "id" not in await world.ask(sso())


async def test_a_reply_without_id_to_a_rejected_request(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(400, "no"))
    assert "id" not in await world.ask(sso())


@pytest.mark.parametrize(
    "id_", ["x", "i" * 128, "0", " ", "\u00fcn\u00efc\u00f6de \U0001f600", "\u2028"]
)
async def test_the_id_comes_back_as_sent(worlds: Callable[..., World], id_: str) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    assert (await world.ask(sso(id_)))["id"] == id_


async def test_other_keys_beside_the_payload_are_ignored(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    reply = await world.ask(sso("1") | {"meta": {"source": "MARK"}, "extra": ["MARK"]})
    assert reply["type"] == "AUTH.SSO_FULFILLED"


# -- silence --------------------------------------------------------------------------------------

STRANGERS: dict[str, dict[str, Any]] = {
    "script": {"trusted": False},
    "sibling": {"from_parent": False},
    "origin": {"origin": "https://evil.example"},
}
REFUSABLE = {
    "a request": sso("MARK-id"),
    "an unknown type": {"type": "AUTH.NOPE", "payload": {}},
    "an unusable envelope": {"type": "AUTH.SSO", "problem": "MARK"},
    "nothing": {},
}


@pytest.mark.parametrize("message", REFUSABLE.values(), ids=REFUSABLE)
@pytest.mark.parametrize("facts", STRANGERS.values(), ids=STRANGERS)
async def test_strangers_are_met_with_silence(
    world: World, facts: dict[str, Any], message: dict[str, Any]
) -> None:
    assert await world.ask(message, **facts) is None
    assert world.window.posts == {}
    assert world.fetch.calls == []
    [reason] = world.window.reasons
    assert world.lines == [f"ignored: {reason}"]


@pytest.mark.parametrize(
    "type_",
    [
        "AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED", "BUS.LISTENING", "BUS.READY",
        "AUTH.TOKEN_REFRESHED", "AUTH.REFRESH_TOKEN_EXPIRED", "AUTH.SESSION_CHANGED", "X.Y_REJECTED", "auth.sso", "AUTH",
        "AUTH.", ".SSO", "AUTH.SSO.X", "AUTH.SSO ", "AUTH.SSO\n", "", "1.A", "A.1", "_A.B", "A._B",
        "A." + "B" * 63,
    ],
)  # fmt: skip
async def test_what_is_not_a_request_gets_no_reply(world: World, type_: str) -> None:
    assert await world.ask(sso("MARK-id") | {"type": type_}) is None
    assert world.fetch.calls == []
    assert world.window.reasons == ["not a request"]
    assert world.lines == ["ignored: not a request"]


async def test_a_cancellation_is_obeyed_and_no_reason_is_told(world: World) -> None:
    assert await world.ask(cancel("1")) is None
    assert len(world.window.drops) == 1
    assert world.window.reasons == world.lines == []


@pytest.mark.parametrize("type_", ["A.B", "A1_.B2_", "A." + "B" * 62, "AUTH.SSO_", "AUTH.REJECTED"])
async def test_known_form_but_not_served(world: World, type_: str) -> None:
    reply = await world.ask({"type": type_, "id": "1", "payload": {}})
    assert reply["type"] == type_ + "_REJECTED"
    assert reply["id"] == "1"
    assert reply["meta"] == {"source": "bus"}
    assert code_of(reply) == "UNKNOWN_TYPE"


@pytest.mark.parametrize(
    "type_", ["BUS.REGISTER", "BUS.INIT", "BUS.DESTROY", "AUTH.EMAIL_AND_PASSWORD"]
)
async def test_types_that_are_not_built_yet(world: World, type_: str) -> None:
    assert (
        code_of(await world.ask({"type": type_, "payload": {"password": "MARK"}})) == "UNKNOWN_TYPE"
    )


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "1", '"AUTH.SSO"', '{"type":1}', "{}", "\ufeff{}"]
)
async def test_text_that_is_no_message(world: World, text: str) -> None:
    assert await world.ask(text) is None


# -- the order of checks --------------------------------------------------------------------------

IN_ORDER = ["gate", "type", "envelope", "duplicate", "overloaded", "payload"]


@pytest.mark.parametrize("faults", [*combinations(IN_ORDER, 2), tuple(IN_ORDER)])
async def test_the_first_check_that_fails_decides(world: World, faults: tuple[Any, ...]) -> None:
    others = MAX_IN_FLIGHT if "overloaded" in faults else 1
    for number in range(others):
        world.send(sso(f"other {number}", code=f"MARK-{number}"))
        await world.fetch.next()
    message = sso("mine")
    if "payload" in faults:
        message["payload"]["code"] = ""
    if "duplicate" in faults:
        message["id"] = "other 0"
    if "envelope" in faults:
        message = {"type": message["type"], "id": message["id"], "problem": "It is unusable."}
    if "type" in faults:
        message["type"] = "AUTH.NOPE"
    reply = await world.ask(message, origin="null" if "gate" in faults else ORIGIN)
    match faults[0]:
        case "gate" | "duplicate":
            assert reply is None
        case "type":
            assert code_of(reply) == "UNKNOWN_TYPE"
        case "envelope":
            assert code_of(reply) == "INVALID_MESSAGE"
        case "overloaded":
            assert code_of(reply) == "OVERLOADED"
    assert len(world.fetch.calls) == others
    world.bus.hide()
    world.bus.show()
    for sent in world.sent:
        await sent.reply()


async def test_an_unusable_envelope_is_answered_with_the_listeners_sentence(world: World) -> None:
    reply = await world.ask({"type": "AUTH.SSO", "id": "1", "problem": "The payload is a Map."})
    assert reply == {
        "type": "AUTH.SSO_REJECTED",
        "id": "1",
        "payload": {"error": {"code": "INVALID_MESSAGE", "message": "The payload is a Map."}},
        "meta": {"source": "bus"},
    }


async def test_a_message_without_payload(world: World) -> None:
    reply = await world.ask({"type": "AUTH.SSO", "id": "1"})
    assert (code_of(reply), reply["id"]) == ("INVALID_MESSAGE", "1")


UNREADABLE = {
    "a payload that is a list": (sso("1") | {"payload": ["MARK"]}, "1"),
    "a payload that is a string": (sso("1") | {"payload": "MARK"}, "1"),
    "a problem that is no text": (sso("1") | {"problem": ["MARK"]}, "1"),
    "a lone surrogate": ('{"type":"AUTH.SSO","id":"\\"1","problem":"MARK\\ud83d"}', '"1'),
    "a lone surrogate in the id": (r'{"type":"AUTH.SSO","id":"\ud83d","payload":{}}', None),
    "half of a text": ('{"type":"AUTH.SSO","id":"1","payload":{"MARK', "1"),
    "a payload without end": (json.dumps(sso("1"))[:-1] + '"":' + "[" * 10**5, "1"),
    "an empty id": (sso("") | {"problem": "It is unusable."}, None),
    "a long id": (sso("i" * 129), None),
    "a long id, counted in UTF-16": (sso("\U0001f600" * 65), None),
    "an id that is a number": ({"type": "AUTH.SSO", "id": 1, "payload": {}}, None),
}


@pytest.mark.parametrize(("message", "id_"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_of_a_request_is_no_reason_for_silence(
    world: World, message: dict[str, Any] | str, id_: str | None
) -> None:
    """The early listener has accepted it, so the host waits for the reply."""
    reply = await world.ask(message)
    assert (reply["type"], code_of(reply)) == ("AUTH.SSO_REJECTED", "INVALID_MESSAGE")
    assert reply.get("id") == id_
    assert world.fetch.calls == []


async def test_nor_is_it_a_reason_for_anything_but_the_first_check_that_fails(world: World) -> None:
    reply = await world.ask('{"type":"AUTH.NOPE","id":"1","problem":"\\ud83d"}')
    assert (code_of(reply), reply["id"]) == ("UNKNOWN_TYPE", "1")
    assert await world.ask('{"type":"BUS.CANCEL","id":"1","problem":"\\ud83d"}') is None
    assert await world.ask('{"type":"AUTH.SSO_REJECTED","problem":"\\ud83d"}') is None


# -- ids and slots --------------------------------------------------------------------------------


async def test_a_second_delivery_is_ignored(world: World) -> None:
    first = world.send(sso("1"))
    call = await world.fetch.next()
    assert await world.ask(sso("1", code="MARK-other")) is None
    assert len(world.lines) == 1
    call.answer(200, SIGNED_IN)
    assert (await first.reply())["type"] == "AUTH.SSO_FULFILLED"
    assert len(world.fetch.calls) == 1


@pytest.mark.parametrize("answer", [(200, SIGNED_IN), (400, "no"), (500, b"")])
async def test_an_id_is_free_again_after_its_reply(
    worlds: Callable[..., World], answer: tuple[Any, ...]
) -> None:
    world = worlds(answers=answer)
    await world.ask(sso("1"))
    assert await world.ask(sso("1")) is not None
    assert len(world.fetch.calls) == 2


async def test_requests_without_id_are_never_second_deliveries(world: World) -> None:
    sent = [world.send(sso(code=f"MARK-{n}")) for n in range(3)]
    for _ in sent:
        (await world.fetch.next()).answer(200, SIGNED_IN)
    assert [(await one.reply())["type"] for one in sent] == ["AUTH.SSO_FULFILLED"] * 3


async def test_one_slow_request_holds_up_nothing(world: World) -> None:
    slow = world.send(sso("slow", code="MARK-slow"))
    await world.fetch.next()
    fast = world.send(sso("fast", code="MARK-fast"))
    (await world.fetch.next()).answer(200, SIGNED_IN)
    assert (await fast.reply())["id"] == "fast"
    assert not slow.task.done()
    world.fetch.calls[0].answer(200, SIGNED_IN)
    assert (await slow.reply())["id"] == "slow"


async def test_overloaded_until_a_slot_is_free(world: World) -> None:
    assert MAX_IN_FLIGHT == 64
    sent = [world.send(sso(f"{n}", code=f"MARK-{n}")) for n in range(64)]
    calls = [await world.fetch.next() for _ in sent]
    assert code_of(await world.ask(sso("65", code="MARK-65"))) == "OVERLOADED"
    assert code_of(await world.ask(sso(code="MARK-65"))) == "OVERLOADED"
    calls[0].answer(200, SIGNED_IN)
    await sent[0].reply()
    late = world.send(sso("65", code="MARK-65"))
    calls.append(await world.fetch.next())
    for call in calls[1:]:
        call.answer(200, SIGNED_IN)
    for one in [*sent, late]:
        assert (await one.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_what_is_refused_takes_no_slot(world: World) -> None:
    sent = [world.send(sso(f"{n}", code=f"MARK-{n}")) for n in range(63)]
    calls = [await world.fetch.next() for _ in sent]
    await world.ask(sso("x"), trusted=False)
    await world.ask({"type": "AUTH.NOPE", "payload": {}})
    await world.ask({"type": "AUTH.SSO", "problem": "Too large."})
    await world.ask(sso("0"))
    await world.ask(cancel("nobody"))
    await world.ask(sso("y", code=""))
    last = world.send(sso("63", code="MARK-63"))
    calls.append(await world.fetch.next())
    for call in calls:
        call.answer(200, SIGNED_IN)
    assert (await last.reply())["type"] == "AUTH.SSO_FULFILLED"
    for one in sent:
        await one.reply()


async def test_those_that_join_take_slots_too(world: World) -> None:
    sent = [world.send(sso(f"{n}")) for n in range(64)]
    call = await world.fetch.next()
    assert code_of(await world.ask(sso("65"))) == "OVERLOADED"
    call.answer(200, SIGNED_IN)
    assert {(await one.reply())["type"] for one in sent} == {"AUTH.SSO_FULFILLED"}
    assert len(world.fetch.calls) == 1


async def test_a_cancel_gets_through_where_all_slots_are_taken(world: World) -> None:
    sent = [world.send(sso(f"{n}")) for n in range(64)]
    call = await world.fetch.next()
    assert await world.ask(cancel("63")) is None
    assert code_of(await sent[63].reply()) == "CANCELLED"
    call.answer(200, SIGNED_IN)
    for one in sent:
        await one.reply()


# -- cancel ---------------------------------------------------------------------------------------


async def test_cancel_before_the_head(world: World) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    assert await world.ask(cancel("1")) is None
    reply = await sent.reply()
    assert code_of(reply) == "CANCELLED"
    assert reply["id"] == "1"
    assert reply["meta"] == {"source": "bus"}
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_cancel_in_the_body(world: World) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    call.send_head(200)
    await asyncio.wait_for(call.reading.wait(), 5)
    await world.ask(cancel("1"))
    assert code_of(await sent.reply()) == "CANCELLED"
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_cancel_right_after_the_request(world: World) -> None:
    sent = world.send(sso("1"))
    assert await world.ask(cancel("1")) is None
    assert code_of(await sent.reply()) == "CANCELLED"
    assert all(call.gone.is_set() for call in world.fetch.calls)


# "At once" is before the next message is looked at: no task runs between two of these.


async def at_once(world: World, *messages: dict[str, Any]) -> list[Message]:
    """Let the bus take these messages, one right after the other, as a browser hands them on."""
    sent = [world.send(message) for message in messages]
    await asyncio.sleep(0)  # each runs to where it waits, as an eager task does
    return sent


async def test_cancelling_frees_every_slot_at_once(world: World) -> None:
    """What one AbortController does to 60 requests, with 60 more behind them."""
    first = await at_once(world, *(sso(f"{n}", code=f"MARK-{n}") for n in range(60)))
    calls = [await world.fetch.next() for _ in first]
    _, *more = await at_once(
        world,
        *(cancel(f"{n}") for n in range(60)),
        *(sso(f"{n} more", code=f"MARK-{n}-more") for n in range(60)),
    )
    assert [code_of(await one.reply()) for one in first] == ["CANCELLED"] * 60
    for call in calls:
        await asyncio.wait_for(call.gone.wait(), 5)
    for _ in range(60):
        (await world.fetch.next()).answer(200, SIGNED_IN)
    replies = [await one.reply() for one in more]
    assert [reply["type"] for reply in replies if reply] == ["AUTH.SSO_FULFILLED"] * 60


@pytest.mark.parametrize(
    "fields",
    [{}, {"codeVerifier": VERIFIER}, {"code": "MARK-other"}],
    ids=["the same", "the same code with other fields", "another code"],
)
async def test_cancelling_frees_the_id_and_the_code_at_once(
    world: World, fields: dict[str, Any]
) -> None:
    first, _, again = await at_once(world, sso("1"), cancel("1"), sso("1", **fields))
    assert code_of(await first.reply()) == "CANCELLED"
    for _ in range(20):
        await asyncio.sleep(0)
    abandoned, call = world.fetch.calls
    assert abandoned.gone.is_set()
    assert not call.gone.is_set()
    call.answer(200, SIGNED_IN)
    assert (await again.reply())["type"] == "AUTH.SSO_FULFILLED"
    assert call.sent["code"] == fields.get("code", CODE)


async def test_a_cancelled_request_is_answered_before_the_next_message_is(world: World) -> None:
    first, _, again = await at_once(world, sso("1"), cancel("1"), sso("1", code=""))
    assert list(world.window.posts) == [first.number, again.number]
    await again.reply()


async def test_what_a_handler_says_after_it_was_given_up_is_not_heard(
    worlds: Callable[..., World],
) -> None:
    """One that ends as it likes: with an answer, an error, or a defect, which is reported."""
    ends = iter([BusError("ID_TOKEN_INVALID", "Too late."), KeyError("MARK")])

    async def stubborn(_request: Sso, _inbound: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise next(ends) from None

    world = worlds(handlers={Sso: stubborn})
    for _ in range(2):
        sent, _ = await at_once(world, sso("1"), cancel("1"))
        assert code_of(await sent.reply()) == "CANCELLED"
    assert [type(error) for error in world.reports] == [KeyError]
    world.reports.clear()


async def test_cancel_twice(world: World) -> None:
    sent = world.send(sso("1"))
    await world.fetch.next()
    both = [world.send(cancel("1")), world.send(cancel("1"))]
    assert [await one.reply() for one in both] == [None, None]
    assert code_of(await sent.reply()) == "CANCELLED"


async def test_cancel_after_the_reply(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    await world.ask(sso("1"))
    assert await world.ask(cancel("1")) is None


async def test_cancel_leaves_the_others_alone(world: World) -> None:
    sent = world.send(sso("1", code="MARK-1"))
    other = world.send(sso("2", code="MARK-2"))
    await world.fetch.next()
    call = await world.fetch.next()
    await world.ask(cancel("1"))
    assert code_of(await sent.reply()) == "CANCELLED"
    call.answer(200, SIGNED_IN)
    assert (await other.reply())["type"] == "AUTH.SSO_FULFILLED"


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("ticks", range(12))
async def test_cancel_at_any_moment_around_the_answer(
    world: World, ticks: int, failing: bool
) -> None:
    """Whatever comes first, there is one reply, and nothing is reported or left behind."""
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    call.send_head(200)
    if failing:
        call.fail()
    else:
        call.send_body(json.dumps(SIGNED_IN).encode())
    for _ in range(ticks):
        await asyncio.sleep(0)
    await world.ask(cancel("1"))
    reply = await sent.reply()
    if reply["type"] == "AUTH.SSO_REJECTED":
        assert code_of(reply) in ("CANCELLED", "BACKEND_UNREACHABLE")
    assert world.reports == []
    gc.collect()  # would bring up what was raised and never seen
    again = world.send(sso("1"))
    (await world.fetch.next()).answer(200, SIGNED_IN)
    assert (await again.reply())["type"] == "AUTH.SSO_FULFILLED"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"id": ""},
        {"id": "\U0001f600" * 65},
        {"id": 1},
        {"id": None},
        {"id": "1", "more": 1},
        {"id": "i" * 129},
        [],
        None,
        "1",
    ],
)
async def test_a_malformed_cancel_has_no_reply_and_no_effect(world: World, payload: Any) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    assert await world.ask({"type": "BUS.CANCEL", "id": "MARK", "payload": payload}) is None
    assert await world.ask({"type": "BUS.CANCEL", "problem": "It is unusable."}) is None
    assert await world.ask({"type": "BUS.CANCEL"}) is None
    call.answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_a_cancel_under_the_id_of_a_request_is_no_second_delivery(world: World) -> None:
    sent = world.send(sso("1"))
    await world.fetch.next()
    await world.ask(cancel("1") | {"id": "1"})
    assert code_of(await sent.reply()) == "CANCELLED"


async def test_a_request_without_id_cannot_be_cancelled(world: World) -> None:
    sent = world.send(sso())
    call = await world.fetch.next()
    await world.ask(cancel("None"))
    call.answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_strangers_cannot_cancel(world: World) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    for facts in STRANGERS.values():
        await world.ask(cancel("1"), **facts)
    call.answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"


# -- hide and show --------------------------------------------------------------------------------


async def test_what_is_in_flight_when_the_page_hides_is_rejected_on_return(world: World) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    world.bus.hide()
    await asyncio.wait_for(call.gone.wait(), 5)
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.window.posts == {}
    world.bus.show()
    reply = await sent.reply()
    assert code_of(reply) == "PAGE_HIDDEN"
    assert reply["id"] == "1"


async def test_the_bus_serves_again_after_the_return(world: World) -> None:
    world.bus.hide()
    world.bus.show()
    sent = world.send(sso("1"))
    (await world.fetch.next()).answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_hiding_frees_slots_ids_and_codes_at_once(world: World) -> None:
    """The page may be frozen before a task runs, and gets messages when it is back."""
    sent = await at_once(world, *(sso(f"{n}", code=f"MARK-{n}") for n in range(64)))
    calls = [await world.fetch.next() for _ in sent]
    world.bus.hide()
    world.bus.show()
    assert list(world.window.posts) == [one.number for one in sent]
    again = await at_once(world, *(sso(f"{n}", code=f"MARK-{n}") for n in range(64)))
    for _ in again:
        (await world.fetch.next()).answer(200, SIGNED_IN)
    assert [code_of(await one.reply()) for one in sent] == ["PAGE_HIDDEN"] * 64
    assert {(await one.reply())["type"] for one in again} == {"AUTH.SSO_FULFILLED"}
    assert all(call.gone.is_set() for call in calls)


async def test_a_reply_that_is_due_while_the_page_is_hidden_waits_for_its_return(
    world: World,
) -> None:
    world.bus.hide()
    [sent] = await at_once(world, sso("1", code=""))
    assert world.window.posts == {}
    world.bus.show()
    assert named(await sent.reply()) == [["code"]]


async def test_hide_twice_show_twice(world: World) -> None:
    sent = world.send(sso("1"))
    await world.fetch.next()
    world.bus.hide()
    world.bus.hide()
    world.bus.show()
    world.bus.show()
    assert code_of(await sent.reply()) == "PAGE_HIDDEN"


async def test_hide_while_another_code_joins(world: World) -> None:
    sent = [world.send(sso("1")), world.send(sso("2"))]
    call = await world.fetch.next()
    world.bus.hide()
    await asyncio.wait_for(call.gone.wait(), 5)
    world.bus.show()
    assert [code_of(await one.reply()) for one in sent] == ["PAGE_HIDDEN"] * 2


async def test_what_was_cancelled_before_the_page_hid_stays_cancelled(world: World) -> None:
    sent = world.send(sso("1"))
    await world.fetch.next()
    world.send(cancel("1"))
    await asyncio.sleep(0)
    world.bus.hide()
    world.bus.show()
    assert code_of(await sent.reply()) == "CANCELLED"


# -- defects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [RuntimeError("MARK"), KeyError("MARK"), RecursionError(), MemoryError(), OSError(5, "MARK")],
)
async def test_a_defect_is_answered_and_reported(worlds: Callable[..., World], error: Any) -> None:
    async def broken(_request: Sso, _inbound: Any) -> None:
        raise error

    world = worlds(handlers={Sso: broken})
    reply = await world.ask(sso("1"))
    assert (code_of(reply), reply["id"]) == ("INTERNAL", "1")
    assert "MARK" not in json.dumps(reply)
    # Reported unchanged: the reporter shows its kind and place, but not its text.
    assert world.reports == [error]
    world.reports.clear()
    assert code_of(await world.ask(sso("1"))) == "INTERNAL"
    world.reports.clear()


async def test_a_type_without_handler_is_a_defect(worlds: Callable[..., World]) -> None:
    world = worlds(handlers={})
    assert code_of(await world.ask(sso("1"))) == "INTERNAL"
    [error] = world.reports
    assert type(error) is KeyError


async def test_a_reply_that_cannot_be_written_is_a_defect(worlds: Callable[..., World]) -> None:
    async def odd(_request: Sso, _inbound: Any) -> None:
        raise Rejected(object(), status=400)

    world = worlds(handlers={Sso: odd})
    assert code_of(await world.ask(sso("1"))) == "INTERNAL"
    assert len(world.reports) == 1
    world.reports.clear()


async def test_a_handlers_own_error_keeps_its_status(worlds: Callable[..., World]) -> None:
    async def refusing(_request: Sso, _inbound: Any) -> None:
        raise BusError("ID_TOKEN_INVALID", "The signature does not match.", status=200)

    world = worlds(handlers={Sso: refusing})
    reply = await world.ask(sso("1"))
    assert error_of(reply) == {
        "code": "ID_TOKEN_INVALID",
        "message": "The signature does not match.",
    }
    assert reply["meta"] == {"source": "bus", "status": 200}
    assert world.reports == []


async def test_a_task_that_others_cancel_ends_without_a_word(worlds: Callable[..., World]) -> None:
    """The loop shuts down: there is nobody left to answer."""
    world = worlds()
    sent = world.send(sso("1"))
    await world.fetch.next()
    sent.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent.task
    assert world.window.posts == {}
    world.sent.clear()


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        sso("MARK-id", code="MARK" * 2000),
        sso("MARK-id", redirectUrl="http://MARK.example/"),
        sso("MARK-id", redirectUrl="https://MARK:MARK@app.example.com/#MARK"),
        sso("MARK-id", codeVerifier="MARK"),
        sso("MARK-id", nonce="MARK"),
        sso("MARK-id", code={"MARK": ["MARK"]}, redirectUrl=["MARK"], codeVerifier=1, nonce=None),
    ],
)
async def test_no_value_comes_back(world: World, message: dict[str, Any]) -> None:
    """`World.check` looks at every line, report and error; this makes the errors."""
    assert named(await world.ask(message))
    assert world.fetch.calls == []


async def test_no_value_comes_back_from_a_joined_code(world: World) -> None:
    sent = world.send(sso("1", codeVerifier=VERIFIER))
    call = await world.fetch.next()
    assert named(await world.ask(sso("2"))) == [["code"]]
    call.answer(500, b"MARK")
    assert code_of(await sent.reply()) == "BACKEND_ERROR"
