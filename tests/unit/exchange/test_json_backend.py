"""The exchange with a backend that speaks the bus's own contract."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fakes import (
    BACKEND,
    CODE,
    LEGACY_TOKEN,
    REDIRECT_URL,
    SIGNED_IN,
    VERIFIER,
    World,
    code_of,
    error_of,
    sso,
)

pytestmark = pytest.mark.anyio

BODY_LIMIT = 1024 * 1024


# -- what goes out --------------------------------------------------------------------------------


async def test_what_goes_out(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    await world.ask(sso("MARK-id", codeVerifier=VERIFIER))
    [call] = world.fetch.calls
    assert call.url == BACKEND
    assert call.headers["Content-Type"] == "application/json"
    assert call.sent == {"code": CODE, "redirectUrl": REDIRECT_URL, "codeVerifier": VERIFIER}
    assert call.limit == BODY_LIMIT


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "HTTPS://app.example.com:443/A/../b/./c//?x=%7e&y=%7E&&=",
        "https://app.example.com/?q=+%20'\"<>`{}|^/",
        "http://127.0.0.1:3000/cb",
    ],
)
async def test_the_redirect_url_goes_out_character_for_character(
    worlds: Callable[..., World], url: str
) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    assert (await world.ask(sso(redirectUrl=url)))["type"] == "AUTH.SSO_FULFILLED"
    assert world.fetch.calls[0].sent["redirectUrl"] == url


@pytest.mark.parametrize("code", ['"}', "\\", "\u2028\0\n", "\U0001f600", "</script>", "c" * 4096])
async def test_the_code_goes_out_character_for_character(
    worlds: Callable[..., World], code: str
) -> None:
    world = worlds(answers=(200, SIGNED_IN))
    await world.ask(sso(code=code))
    assert world.fetch.calls[0].sent["code"] == code


# -- success --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 299])
async def test_any_success_status_will_do(worlds: Callable[..., World], status: int) -> None:
    reply = await worlds(answers=(status, SIGNED_IN)).ask(sso())
    assert reply["payload"] == SIGNED_IN
    assert reply["meta"] == {"source": "backend", "status": status}


async def test_legacy_credentials(worlds: Callable[..., World]) -> None:
    answer = SIGNED_IN | {"credentials": {"legacy_token": LEGACY_TOKEN}}
    assert (await worlds(answers=(200, answer)).ask(sso()))["payload"] == answer


async def test_unknown_keys_are_dropped_but_in_user_and_company(
    worlds: Callable[..., World],
) -> None:
    answer = json.loads(json.dumps(SIGNED_IN))
    answer["credentials"]["expires"] = 900
    # These are of OpenID Connect providers alone.
    answer["credentials"] |= {"accessToken": "MARK", "accessTokenExpiresAt": "soon"}
    answer["debug"] = True
    reply = await worlds(answers=(200, answer)).ask(sso())
    assert reply["payload"] == SIGNED_IN


async def test_user_and_company_come_through_whole(worlds: Callable[..., World]) -> None:
    user: dict[str, Any] = {
        "n": [0.1, 1e300, 5e-324, 2**53 + 1, -0.5],
        "deep": None,
        "s": "\u2028\U0001f600\0",
        "": {"a": []},
    }
    for _ in range(60):
        user = {"deep": [user]}
    reply = await worlds(answers=(200, SIGNED_IN | {"currentUser": user, "company": user})).ask(
        sso()
    )
    assert reply["payload"]["currentUser"] == reply["payload"]["company"] == user


async def test_a_byte_order_mark_does_no_harm(worlds: Callable[..., World]) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(SIGNED_IN).encode()
    assert (await worlds(answers=(200, body)).ask(sso()))["payload"] == SIGNED_IN


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SIGNED_IN.items() if key != name}


INVALID = {
    "nothing": b"",
    "html": b"<p>MARK",
    "cut short": json.dumps(SIGNED_IN).encode()[:-1],
    "NaN": json.dumps(SIGNED_IN | {"company": {"x": float("nan")}}).encode(),
    "overflow": json.dumps(SIGNED_IN).encode().replace(b'"MARK-company"', b"1e999"),
    "null": b"null",
    "a list": [SIGNED_IN],
    "a string": '"MARK"',
    "no credentials": without("credentials"),
    "no user": without("currentUser"),
    "no company": without("company"),
    "a user that is null": SIGNED_IN | {"currentUser": None},
    "a company that is a string": SIGNED_IN | {"company": "MARK"},
    "credentials of no shape": SIGNED_IN | {"credentials": {"MARK": "MARK"}},
    "credentials of half a shape": SIGNED_IN | {"credentials": {"idToken": "MARK"}},
    "the other half": SIGNED_IN | {"credentials": {"refreshToken": "MARK"}},
    "a list of credentials": SIGNED_IN | {"credentials": [SIGNED_IN["credentials"]]},
    "credentials of both shapes": SIGNED_IN
    | {"credentials": SIGNED_IN["credentials"] | {"legacy_token": LEGACY_TOKEN}},
    "an empty token": SIGNED_IN | {"credentials": {"legacy_token": ""}},
    "a token that is a number": SIGNED_IN | {"credentials": {"legacy_token": 1}},
    "an error": {"error": "MARK"},
    "larger than 1 MiB": None,
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
async def test_a_success_that_is_not_what_the_contract_says(
    worlds: Callable[..., World], body: Any
) -> None:
    reply = await worlds(answers=(200, body)).ask(sso("1"))
    assert code_of(reply) == "BACKEND_INVALID"
    assert reply["meta"] == {"source": "bus", "status": 200}


@pytest.mark.parametrize("name", SIGNED_IN)
async def test_where_an_answer_is_wrong_is_named_as_the_contract_names_it(
    worlds: Callable[..., World], name: str
) -> None:
    message = error_of(await worlds(answers=(200, SIGNED_IN | {name: 0})).ask(sso()))["message"]
    assert name in message.split(":")[1]
    # Names of the code's own would help nobody who runs a backend.
    reply = await worlds(answers=(200, SIGNED_IN | {"credentials": {"idToken": "MARK"}})).ask(sso())
    assert "Credentials" not in error_of(reply)["message"]


@pytest.mark.parametrize("status", [204, 205])
async def test_a_success_without_a_body(worlds: Callable[..., World], status: int) -> None:
    reply = await worlds(answers=(status, b"")).ask(sso())
    assert code_of(reply) == "BACKEND_INVALID"
    assert reply["meta"]["status"] == status


# -- the backend's no -----------------------------------------------------------------------------

ERRORS: list[Any] = [
    None, False, True, 0, -1, 0.1, 1e300, 5e-324, 2**53 + 1, "", "MARK", "\u2028\U0001f600\0", [], {}, [None], [[]],
    {"code": "INTERNAL", "message": "MARK"}, {"error": {"code": "x"}}, {"": None}, {"__proto__": {"a": 1}},
    {"type": "AUTH.SSO_FULFILLED", "id": "x"},
]  # fmt: skip


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_any_json_is_passed_on_unchanged(
    worlds: Callable[..., World], error: Any, status: int
) -> None:
    reply = await worlds(answers=(status, json.dumps(error).encode())).ask(sso("1"))
    assert reply == {
        "type": "AUTH.SSO_REJECTED",
        "id": "1",
        "payload": {"error": error},
        "meta": {"source": "backend", "status": status},
    }
    # json.loads would take false for 0 in the comparison.
    assert json.dumps(error_of(reply)) == json.dumps(error)


@pytest.mark.parametrize("depth", [60, 150])
async def test_a_deep_error_is_passed_on_unchanged(
    worlds: Callable[..., World], depth: int
) -> None:
    error: Any = "MARK"
    for _ in range(depth):
        error = [error]
    assert error_of(await worlds(answers=(400, error)).ask(sso())) == error


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 418, 429, 500, 502, 599])
async def test_every_other_status_is_an_error(worlds: Callable[..., World], status: int) -> None:
    reply = await worlds(answers=(status, SIGNED_IN)).ask(sso())
    assert error_of(reply) == SIGNED_IN
    assert reply["meta"] == {"source": "backend", "status": status}


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\xef\xbb\xbf", b"<p>MARK", b"MARK", b"NaN", b"Infinity", b'{"a":1e999}', b"\xff", b"{", b"[" * 10**5,
     None],
)  # fmt: skip
async def test_an_error_that_is_not_json(worlds: Callable[..., World], body: bytes | None) -> None:
    reply = await worlds(answers=(502, body)).ask(sso("1"))
    assert code_of(reply) == "BACKEND_ERROR"
    assert "502" in error_of(reply)["message"]
    assert reply["meta"] == {"source": "bus", "status": 502}


# -- no answer ------------------------------------------------------------------------------------


async def test_no_response(world: World) -> None:
    sent = world.send(sso("1"))
    (await world.fetch.next()).fail()
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert reply["meta"] == {"source": "bus"}


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_breaks_off(world: World, status: int) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    call.send_head(status)
    call.fail()
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert reply["meta"] == {"source": "bus", "status": status}


async def test_no_head_in_time(world: World, quick_looks: Any) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    world.clock.advance(15)
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_TIMEOUT"
    assert reply["meta"] == {"source": "bus"}
    await asyncio.wait_for(call.gone.wait(), 5)


@pytest.mark.parametrize("status", [200, 500])
async def test_no_whole_body_in_time(world: World, quick_looks: Any, status: int) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    call.send_head(status)
    await asyncio.wait_for(call.reading.wait(), 5)
    world.clock.advance(15)
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_TIMEOUT"
    assert reply["meta"] == {"source": "bus", "status": status}
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_an_answer_that_is_complete_after_a_sleep_wins(
    world: World, quick_looks: Any
) -> None:
    sent = world.send(sso("1"))
    call = await world.fetch.next()
    world.clock.advance(8 * 3600)
    call.answer(200, SIGNED_IN)
    assert (await sent.reply())["type"] == "AUTH.SSO_FULFILLED"


async def test_a_limit_of_ones_own(worlds: Callable[..., World], quick_looks: Any) -> None:
    world = worlds(timeout_seconds=1.5)
    sent = world.send(sso("1"))
    await world.fetch.next()
    world.clock.advance(1.5)
    assert "1.5 seconds" in error_of(await sent.reply())["message"]


async def test_nothing_is_sent_twice(worlds: Callable[..., World]) -> None:
    world = worlds(answers=(503, b""))
    assert code_of(await world.ask(sso("1"))) == "BACKEND_ERROR"
    assert len(world.fetch.calls) == 1


async def test_a_fetch_that_fails_in_another_way_is_a_defect(world: World) -> None:
    sent = world.send(sso("1"))
    error = RuntimeError("MARK")
    (await world.fetch.next()).fail(error)
    assert code_of(await sent.reply()) == "INTERNAL"
    assert world.reports == [error]
    world.reports.clear()
