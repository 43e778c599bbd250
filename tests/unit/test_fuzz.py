"""Whatever comes in: one end per message, the right code, and the bus serves on."""

import asyncio
import json
import math
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bus.errors import CODES
from bus.json_text import parse_json
from bus.settings import Settings, settings_problems
from bus.urls import origin_of, origin_problem, policy_problem, redirect_url_problem, url_problem
from tests.unit.fakes import ORIGIN, SIGNED_IN, World, cancel, error_of, sso

FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
types = st.sampled_from(
    ["AUTH.SSO", "BUS.CANCEL", "BUS.INIT", "A.B_FULFILLED", "BUS.READY"]
) | st.text(max_size=70)
fields = {
    "code": st.just("MARK") | json_values,
    "redirectUrl": st.just("https://app.example.com/")
    | st.just("http://MARK.example")
    | json_values,
    "codeVerifier": st.just("v" * 43) | json_values,
    "nonce": json_values,
    "id": st.just("good") | json_values,
}
payloads = (
    st.fixed_dictionaries({}, optional=fields)
    | st.dictionaries(st.text(), json_values, max_size=3)
    | json_values
)
envelopes = st.fixed_dictionaries(
    {"type": types | json_values},
    optional={
        "id": st.text(max_size=130) | json_values,
        "payload": payloads,
        "problem": json_values,
        "x": json_values,
    },
)
texts = (
    (envelopes | json_values).map(json.dumps)
    | st.text()
    | st.text(alphabet='{}[]":,0e.\\uADt ', max_size=40)
)


def run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run on a separate loop that reports every error."""
    unseen = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        return await coroutine

    result = asyncio.run(watched())
    assert unseen == []
    return result


def is_good(text: Any) -> Any:
    """Whether the protocol lets this text through to the backend, as far as it can be told simply."""
    message = json.loads(text)
    payload = message["payload"]
    return (
        message["type"] == "AUTH.SSO"
        and payload.keys() <= {"code", "redirectUrl", "codeVerifier"}
        and isinstance(payload["code"], str)
        and redirect_url_problem(payload["redirectUrl"]) is None
    )


@FEW
@given(
    st.lists(
        st.tuples(texts, st.sampled_from([ORIGIN, ORIGIN, ORIGIN, "null", "https://evil.example"])),
        max_size=4,
    )
)
def test_any_text_has_one_end_and_the_next_good_request_works(messages: list[Any]) -> None:
    async def scene() -> None:
        world = World(answers=(200, SIGNED_IN))
        for text, origin in messages:
            before = len(world.fetch.calls)
            sent = world.send(text, origin=origin)
            await sent.task
            if sent.text is not None:
                reply = json.loads(sent.text)
                assert reply["type"].endswith(("_FULFILLED", "_REJECTED"))
                assert reply.keys() <= {"type", "id", "payload", "meta"}
                assert origin == ORIGIN
                if reply["type"].endswith("_REJECTED"):
                    assert error_of(reply)["code"] in CODES
                    assert error_of(reply)["code"] != "INTERNAL"
            fetched = len(world.fetch.calls) - before
            assert fetched == (sent.text is not None and reply["type"] == "AUTH.SSO_FULFILLED")
            assert not fetched or is_good(text)
        assert (await world.ask(sso("after")))["payload"] == SIGNED_IN
        assert world.reports == []
        world.check()

    run(scene())


steps = ["send", "join", "cancel first", "cancel last", "answer", "fail", "hide", "show", "tick"]


@FEW
@given(st.lists(st.sampled_from(steps), max_size=30))
def test_any_course_of_events_gives_each_request_one_reply(course: list[Any]) -> None:
    async def scene() -> None:
        world = World()
        asked = {}
        for number, step in enumerate(course):
            match step:
                case "send" | "join":
                    fields = {"code": f"MARK-{number}"} if step == "send" else {}
                    asked[f"{number}"] = world.send(sso(f"{number}", **fields))
                    await asyncio.sleep(0)  # in the browser, it starts at once
                case "cancel first" | "cancel last" if asked:
                    world.send(cancel(list(asked)[0 if step == "cancel first" else -1]))
                case "answer" | "fail":
                    for call in world.fetch.calls:
                        if not call._head.done():
                            call.answer(200, SIGNED_IN) if step == "answer" else call.fail()
                case "hide":
                    world.bus.hide()
                case "show":
                    world.bus.show()
                case "tick":
                    await asyncio.sleep(0)
        world.bus.hide()
        world.bus.show()
        for id_, sent in asked.items():
            assert (await sent.reply())["id"] == id_
        for sent in world.sent:
            await sent.reply()
        assert world.reports == []
        assert world.bus._flights == {}
        world.check()

    run(scene())


bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {
            "credentials": st.fixed_dictionaries(
                {},
                optional={
                    name: st.text(max_size=3) | json_values
                    for name in ("idToken", "refreshToken", "legacy_token")
                },
            ),
            "currentUser": st.dictionaries(st.text(), json_values, max_size=3),
            "company": st.dictionaries(st.text(), json_values, max_size=3) | json_values,
        }
    ).map(lambda value: json.dumps(value).encode())
    | st.none()
)


@FEW
@given(bodies, st.integers(200, 599))
def test_any_body_is_fulfilled_or_rejected(body: bytes | None, status: int) -> None:
    async def scene() -> None:
        world = World(answers=(status, body))
        reply = await world.ask(sso("1"))
        assert reply["meta"]["status"] == status
        if reply["type"] == "AUTH.SSO_FULFILLED":
            assert status <= 299
            answer = json.loads(body or b"")
            assert reply["payload"]["currentUser"] == answer["currentUser"]
            assert reply["payload"]["company"] == answer["company"]
            kept = reply["payload"]["credentials"]
            assert kept.keys() in ({"idToken", "refreshToken"}, {"legacy_token"})
            assert all(
                value and answer["credentials"][name] == value for name, value in kept.items()
            )
        elif reply["meta"]["source"] == "backend":
            assert status > 299
            assert error_of(reply) == json.loads((body or b"").removeprefix(b"\xef\xbb\xbf"))
        else:
            assert error_of(reply)["code"] == (
                "BACKEND_INVALID" if status <= 299 else "BACKEND_ERROR"
            )
        assert world.reports == []

    run(scene())


@FEW
@given(json_values, st.booleans())
def test_valid_json_is_read_as_json_loads_reads_it(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    same(parse_json(text), json.loads(text))


def same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    match theirs:
        case dict():
            assert list(ours) == list(theirs)
            for key in theirs:
                same(ours[key], theirs[key])
        case list():
            assert len(ours) == len(theirs)
            for one, other in zip(ours, theirs, strict=True):
                same(one, other)
        case _:
            assert ours == theirs


@FEW
@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]":,01eE+-.\\u/nultrfase \t', max_size=40).map(str.encode)
)
def test_what_is_read_is_json_and_what_is_not_is_a_value_error(body: bytes) -> None:
    def refuse(name: Any) -> None:
        raise ValueError(name)

    try:
        ours = parse_json(body)
    except ValueError:
        try:
            value = json.loads(body.decode("utf-8-sig"), parse_constant=refuse)
        except ValueError:
            return
        # Python's own parser takes two things that the protocol does not call JSON.
        text = json.dumps(value)
        assert "Infinity" in text or "\\ud" in text or too_large(value)
    else:
        same(ours, json.loads((body or b"").removeprefix(b"\xef\xbb\xbf"), parse_constant=refuse))


def too_large(value: Any) -> Any:
    match value:
        case dict():
            return any(map(too_large, value.values()))
        case list():
            return any(map(too_large, value))
        case int():
            return abs(value) > 1.8e308
        case _:
            return False


setting_values = json_values | st.sampled_from(
    ["https://app.example.com", "http://localhost:1", math.nan, math.inf, 15, 60]
)
setting_tables = st.fixed_dictionaries(
    {},
    optional={
        "allowed_origins": st.lists(setting_values, max_size=3) | setting_values,
        "request_timeout_seconds": setting_values,
        "boot_timeout_seconds": setting_values,
        "sso": st.fixed_dictionaries(
            {},
            optional={"provider": st.just("json") | setting_values, "exchange_url": setting_values},
        )
        | setting_values,
        "more": setting_values,
    },
)


@FEW
@given(setting_tables | json_values)
def test_settings_hold_or_each_problem_is_named(table: Any) -> None:
    try:
        found = Settings.model_validate(table)
    except ValidationError as error:
        lines = settings_problems(error)
        assert lines
        assert all(line.startswith("bus") and ": " in line for line in lines)
    else:
        assert all(origin_problem(origin) is None for origin in found.allowed_origins)
        assert 1 <= found.request_timeout_seconds <= 120
        assert 5 <= found.boot_timeout_seconds <= 300
        assert Settings.model_validate_json(found.model_dump_json()) == found


url_texts = st.text(max_size=30) | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS:", "//", ""]),
    st.sampled_from(["app.example.com", "localhost", "[::1]", "127.0.0.1", "a@b", "*", "\u00fc"])
    | st.text(max_size=5),
    st.sampled_from(["", ":443", ":8000", ":x"]),
    st.text(max_size=8),
)


@FEW
@given(url_texts)
def test_urls_and_origins_are_judged_and_nothing_else(text: str) -> None:
    problem = url_problem(text)
    origins = origin_problem(text)
    assert problem is None or isinstance(problem, str)
    if origins is None:
        assert problem is None
        assert origin_of(text) == text
    if redirect_url_problem(text) is None:
        assert problem is None
        assert text.isascii()
        assert str(urlsplit(origin_of(text)).hostname) in text
    if problem is None:
        assert origin_problem(origin_of(text)) == policy_problem(text)
        # A value in a policy has no character with a meaning there.
        assert not set(origin_of(text)) & set(" ;,'*\"<>@")


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"type":"AUTH.SSO","payload":' + '{"a":' * 10**5, "[" + '"' * 10**6]
)
def test_large_nonsense(text: str) -> None:
    async def scene() -> None:
        world = World(answers=(200, SIGNED_IN))
        reply = await world.ask(text)
        assert text[0] == "[" or error_of(reply)["code"] == "INVALID_MESSAGE"
        assert (await world.ask(sso()))["payload"] == SIGNED_IN
        world.check()

    run(scene())
