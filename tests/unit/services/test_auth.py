"""Signing in: which requests share an exchange, and which are refused beside one."""

import asyncio
from itertools import permutations

import pytest

from bus.exchange.json_backend import JsonExchange
from tests.unit.fakes import (
    BACKEND,
    CODE,
    SIGNED_IN,
    VERIFIER,
    cancel,
    code_of,
    error_of,
    named,
    sso,
)

pytestmark = pytest.mark.anyio


async def test_the_same_request_joins(world):
    sent = [world.send(sso(id_, codeVerifier=VERIFIER)) for id_ in ("1", "2", None)]
    call = await world.fetch.next()
    call.answer(201, SIGNED_IN)
    replies = [await one.reply() for one in sent]
    assert [reply.get("id") for reply in replies] == ["1", "2", None]
    assert [reply["payload"] for reply in replies] == [SIGNED_IN] * 3
    assert [reply["meta"] for reply in replies] == [{"source": "backend", "status": 201}] * 3
    assert len(world.fetch.calls) == 1


async def test_the_same_request_with_a_nonce_joins(worlds):
    world = worlds(exchange=AnyNonce)
    sent = [world.send(sso(id_, nonce="MARK-nonce")) for id_ in ("1", "2")]
    (await world.fetch.next()).answer(200, SIGNED_IN)
    assert [(await one.reply())["payload"] for one in sent] == [SIGNED_IN] * 2
    assert len(world.fetch.calls) == 1


async def test_the_backends_no_goes_to_all_who_joined(world):
    sent = [world.send(sso("1")), world.send(sso("2"))]
    (await world.fetch.next()).answer(403, {"no": ["way"]})
    for one in sent:
        reply = await one.reply()
        assert error_of(reply) == {"no": ["way"]}
        assert reply["meta"] == {"source": "backend", "status": 403}
    assert len(world.fetch.calls) == 1


async def test_a_failure_goes_to_all_who_joined_and_nothing_is_retried(world):
    sent = [world.send(sso("1")), world.send(sso("2"))]
    (await world.fetch.next()).fail()
    assert [code_of(await one.reply()) for one in sent] == ["BACKEND_UNREACHABLE"] * 2
    assert len(world.fetch.calls) == 1


async def test_who_joins_has_the_first_ones_time_limit(world, quick_looks):
    first = world.send(sso("1"))
    await world.fetch.next()
    world.clock.advance(14)
    second = world.send(sso("2"))
    await asyncio.sleep(0)
    world.clock.advance(1)
    assert [code_of(await one.reply()) for one in (first, second)] == ["BACKEND_TIMEOUT"] * 2
    assert len(world.fetch.calls) == 1


FIELDS = {
    "plain": {},
    "another redirectUrl": {"redirectUrl": "https://app.example.com/MARK-other"},
    "a redirectUrl that means the same": {
        "redirectUrl": "https://app.example.com:443/callback?MARK-redirect=3c9e"
    },
    "a codeVerifier": {"codeVerifier": VERIFIER},
    "another codeVerifier": {"codeVerifier": VERIFIER.upper()},
    "a nonce": {"nonce": "MARK-nonce"},
    "another nonce": {"nonce": "MARK-another"},
}


class AnyNonce(JsonExchange):
    """An exchange that has a use for a nonce, as one with an OpenID Connect provider has."""

    def __init__(self, world, timeout_seconds):
        super().__init__(BACKEND, timeout_seconds, world.fetch, world.clock, uses_nonce=True)


@pytest.mark.parametrize(("first", "second"), list(permutations(FIELDS, 2)))
async def test_the_same_code_with_other_fields_is_refused(worlds, first, second):
    world = worlds(exchange=AnyNonce)
    sent = world.send(sso("1", **FIELDS[first]))
    call = await world.fetch.next()
    assert named(await world.ask(sso("2", **FIELDS[second]))) == [["code"]]
    call.answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"
    assert [call.sent["code"] for call in world.fetch.calls] == [CODE]


async def test_the_same_code_with_other_fields_may_go_out_afterwards(worlds):
    world = worlds(answers=(400, "used"), exchange=AnyNonce)
    for fields in FIELDS.values():
        assert error_of(await world.ask(sso(**fields))) == "used"
    assert len(world.fetch.calls) == len(FIELDS)


@pytest.mark.parametrize("who", ["1", "2"])
async def test_cancelling_one_leaves_the_exchange_alone(world, who):
    sent = {id_: world.send(sso(id_)) for id_ in ("1", "2")}
    call = await world.fetch.next()
    await world.ask(cancel(who))
    assert code_of(await sent.pop(who).reply()) == "CANCELLED"
    assert not call.gone.is_set()
    call.answer(200, SIGNED_IN)
    [other] = sent.values()
    assert (await other.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_the_exchange_is_aborted_when_its_last_waiter_has_gone(world):
    sent = [world.send(sso("1")), world.send(sso("2"))]
    call = await world.fetch.next()
    await world.ask(cancel("1"))
    await world.ask(cancel("2"))
    assert [code_of(await one.reply()) for one in sent] == ["CANCELLED"] * 2
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_who_asks_after_the_last_has_gone_starts_a_new_exchange(world):
    sent = world.send(sso("1"))
    first = await world.fetch.next()
    world.send(cancel("1"))
    again = world.send(sso("2", codeVerifier=VERIFIER))
    second = await world.fetch.next()
    assert code_of(await sent.reply()) == "CANCELLED"
    await asyncio.wait_for(first.gone.wait(), 5)
    assert not second.gone.is_set()
    second.answer(200, SIGNED_IN)
    assert (await again.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_after_the_answer_the_backend_decides(world):
    sent = world.send(sso("1"))
    (await world.fetch.next()).answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"
    again = world.send(sso("2"))
    (await world.fetch.next()).answer(400, {"error": "code already used"})
    assert error_of(await again.reply()) == {"error": "code already used"}


async def test_a_nonce_is_refused_by_name_where_the_provider_has_no_use_for_it(world):
    assert named(await world.ask(sso("1", nonce="MARK-nonce"))) == [["nonce"]]
    assert world.fetch.calls == []


async def test_other_codes_are_other_exchanges(world):
    sent = [world.send(sso(code=f"MARK-{n}")) for n in range(2)]
    calls = [await world.fetch.next() for _ in sent]
    assert [call.sent["code"] for call in calls] == ["MARK-0", "MARK-1"]
    calls[1].answer(400, "1")
    calls[0].answer(400, "0")
    assert [error_of(await one.reply()) for one in sent] == ["0", "1"]
