"""Every row of the error table, provoked for real; each time a good request follows on the same bus."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN, Backend
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World


@pytest.fixture(scope="module")
def quick(open_module_tab: Opener, world: World) -> Tab:
    """A bus that waits one second for its backend, the minimum."""
    tab = open_module_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus("quick", request_timeout_seconds=1))
    return tab


@pytest.fixture(autouse=True)
def still_serves(quick: Tab, world: World) -> Iterator[None]:
    yield
    assert ask(quick, world.backend.answers()) == {"fulfilled": SIGNED_IN}


MiB = 1024 * 1024
BAD_BODIES = {
    "nothing": b"",
    "white space": b" \n",
    "html": b"<!doctype html><title>Oops</title>",
    "half": b'{"error": "cut',
    "two values": b"{} {}",
    "NaN": b'{"n": NaN}',
    "Infinity": b"Infinity",
    "overflowing number": b"[1e999]",
    "overflowing integer": b"1" + b"0" * 400,
    "integer of 5,000 digits": b"1" * 5000,
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "lone surrogate": rb'"\ud800"',
    "20,000 brackets": b"[" * 20_000,
    "20,000 brackets, closed": b"[" * 20_000 + b"]" * 20_000,
    "UTF-16": json.dumps(SIGNED_IN).encode("utf-16"),
    "over 1 MiB": b'"' + b"x" * MiB + b'"',
    "2 MiB of brackets": b"[" * 2 * MiB,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_an_error_without_json(quick: Tab, world: World, body: bytes) -> None:
    got = ask(quick, world.backend.sends(body, 502, "text/html"))
    assert (got["code"], got["meta"]) == ("BACKEND_ERROR", {"source": "bus", "status": 502})


WRONG_SHAPES: dict[str, Any] = {
    "null": None,
    "a list": [SIGNED_IN],
    "no credentials": {k: v for k, v in SIGNED_IN.items() if k != "credentials"},
    "no user": {k: v for k, v in SIGNED_IN.items() if k != "currentUser"},
    "no company": {k: v for k, v in SIGNED_IN.items() if k != "company"},
    "user is a string": SIGNED_IN | {"currentUser": "Ada"},
    "company is null": SIGNED_IN | {"company": None},
    "half the credentials": SIGNED_IN | {"credentials": {"idToken": "x"}},
    "an empty token": SIGNED_IN | {"credentials": {"idToken": "", "refreshToken": "x"}},
    "a number for a token": SIGNED_IN | {"credentials": {"legacy_token": 7}},
    "both kinds": SIGNED_IN
    | {"credentials": {"idToken": "x", "refreshToken": "y", "legacy_token": "z"}},
}
BAD_SUCCESSES = BAD_BODIES | {name: json.dumps(of).encode() for name, of in WRONG_SHAPES.items()}


@pytest.mark.parametrize("body", BAD_SUCCESSES.values(), ids=BAD_SUCCESSES.keys())
def test_a_success_that_is_not_the_contracts(quick: Tab, world: World, body: bytes) -> None:
    got = ask(quick, world.backend.sends(body, 200))
    assert (got["code"], got["meta"]) == ("BACKEND_INVALID", {"source": "bus", "status": 200})


def test_exactly_1_mib_is_read(quick: Tab, world: World) -> None:
    start = json.dumps(SIGNED_IN | {"currentUser": {"x": ""}})
    body = start.replace('""', '"' + "x" * (MiB - len(start)) + '"').encode()
    assert len(body) == MiB
    assert len(ask(quick, world.backend.sends(body))["fulfilled"]["currentUser"]["x"]) > 1_000_000


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        (Backend.resets, None),
        (Backend.lacks_cors, None),
        (Backend.breaks_off, 200),
    ],
    ids=["reset", "no CORS", "body breaks off"],
)
def test_unreachable(quick: Tab, world: World, plan: Any, status: int | None) -> None:
    got = ask(quick, plan(world.backend))
    meta = {"source": "bus"} | ({"status": status} if status else {})
    assert (got["code"], got["meta"]) == ("BACKEND_UNREACHABLE", meta)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(quick: Tab, world: World, status: int) -> None:
    """What waits behind it is a good answer, which the browser would let the bus read."""
    url, follow = world.exchange_url, world.backend.redirects(status)
    headers = {"Origin": world.bus_origin}
    found = httpx.post(url, json={"code": follow}, headers=headers, follow_redirects=True)
    assert (found.status_code, found.json()) == (200, SIGNED_IN)
    assert found.headers["Access-Control-Allow-Origin"] == world.bus_origin
    world.backend.elsewhere.clear()
    got = ask(quick, world.backend.redirects(status))
    assert "fulfilled" not in got
    assert (got["code"], got["meta"]) == ("BACKEND_UNREACHABLE", {"source": "bus"})
    assert world.backend.elsewhere == []


def test_no_backend_at_all(open_tab: Opener, world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    src = world.bus("nobody", sso={"exchange_url": f"http://localhost:{port}/sso"})
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    got = ask(tab, "a-code")
    assert (got["code"], got["meta"]) == ("BACKEND_UNREACHABLE", {"source": "bus"})


@pytest.mark.parametrize(
    ("plan", "status"), [(Backend.hangs, None), (Backend.hangs_in_body, 200)], ids=["head", "body"]
)
def test_timeout(quick: Tab, world: World, plan: Any, status: int | None) -> None:
    code = plan(world.backend)
    got = ask(quick, code)
    meta = {"source": "bus"} | ({"status": status} if status else {})
    assert (got["code"], got["meta"]) == ("BACKEND_TIMEOUT", meta)
    assert world.backend.wait_for(code).gone.wait(10)  # the fetch was aborted


VERIFIER = "v" * 43
BAD_PAYLOADS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, ["code", "redirectUrl"]),
    "an empty code": ({"code": "", "redirectUrl": REDIRECT}, ["code"]),
    "a long code": ({"code": "c" * 4097, "redirectUrl": REDIRECT}, ["code"]),
    "a number for a code": ({"code": 1, "redirectUrl": REDIRECT}, ["code"]),
    "a list for a code": ({"code": ["c"], "redirectUrl": REDIRECT}, ["code"]),
    "null for a code": ({"code": None, "redirectUrl": REDIRECT}, ["code"]),
    "a relative URL": ({"code": "c", "redirectUrl": "/login"}, ["redirectUrl"]),
    "plain http": ({"code": "c", "redirectUrl": "http://app.example.com/"}, ["redirectUrl"]),
    "javascript": ({"code": "c", "redirectUrl": "javascript:alert(1)"}, ["redirectUrl"]),
    "user info": ({"code": "c", "redirectUrl": "https://u:p@example.com/"}, ["redirectUrl"]),
    "a fragment": ({"code": "c", "redirectUrl": REDIRECT + "#"}, ["redirectUrl"]),
    "a backslash": ({"code": "c", "redirectUrl": "https:\\\\example.com"}, ["redirectUrl"]),
    "a space before": ({"code": "c", "redirectUrl": " " + REDIRECT}, ["redirectUrl"]),
    "a host as a number": ({"code": "c", "redirectUrl": "http://2130706433/"}, ["redirectUrl"]),
    "a short address": ({"code": "c", "redirectUrl": "http://127.1/"}, ["redirectUrl"]),
    "circled letters": (
        {
            "code": "c",
            "redirectUrl": "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
        },
        ["redirectUrl"],
    ),
    "a mark in the host": (
        {"code": "c", "redirectUrl": "https://example\u200e.com/"},
        ["redirectUrl"],
    ),
    "a host that is percent-encoded": (
        {"code": "c", "redirectUrl": "https://%65xample.com/"},
        ["redirectUrl"],
    ),
    "a host with a percent sign": ({"code": "c", "redirectUrl": "https://%zz/"}, ["redirectUrl"]),
    "upper case in the host": (
        {"code": "c", "redirectUrl": "https://Example.com/"},
        ["redirectUrl"],
    ),
    "a long code in UTF-16": ({"code": "\U0001f600" * 2049, "redirectUrl": REDIRECT}, ["code"]),
    "a long URL": ({"code": "c", "redirectUrl": REDIRECT + "/" + "x" * 2048}, ["redirectUrl"]),
    "a short verifier": (
        {"code": "c", "redirectUrl": REDIRECT, "codeVerifier": "v" * 42},
        ["codeVerifier"],
    ),
    "a verifier with a line feed": (
        {"code": "c", "redirectUrl": REDIRECT, "codeVerifier": VERIFIER + "\n"},
        ["codeVerifier"],
    ),
    "null for a verifier": (
        {"code": "c", "redirectUrl": REDIRECT, "codeVerifier": None},
        ["codeVerifier"],
    ),
    "a nonce": ({"code": "c", "redirectUrl": REDIRECT, "nonce": "n"}, ["nonce"]),
    "an unknown key": ({"code": "c", "redirectUrl": REDIRECT, "state": "s"}, ["state"]),
    "an inherited name": (
        {"code": "c", "redirectUrl": REDIRECT, "constructor": "s", "toString": "t"},
        ["constructor", "toString"],
    ),
}


@pytest.mark.parametrize(("payload", "fields"), BAD_PAYLOADS.values(), ids=BAD_PAYLOADS.keys())
def test_a_payload_that_does_not_fit(
    quick: Tab, world: World, payload: dict[str, Any], fields: list[str]
) -> None:
    before = len(world.backend.seen)
    got = quick.run("(payload) => ask(payload)", payload)
    assert (got["code"], got["meta"]) == ("INVALID_PAYLOAD", {"source": "bus"})
    assert [item["loc"] for item in got["error"]["details"]] == [[field] for field in fields]
    assert all(item["message"] for item in got["error"]["details"])
    assert len(world.backend.seen) == before


# JavaScript expressions: what structured cloning can carry and JSON cannot.
NOT_JSON = {
    "undefined": "({ code: undefined })",
    "NaN": "({ code: NaN })",
    "Infinity": "({ code: [-Infinity] })",
    "a BigInt": "({ code: 10n })",
    "a Date": "({ code: new Date(0) })",
    "a Map": "({ code: new Map([['a', 1]]) })",
    "a Set": "({ code: new Set() })",
    "a RegExp": "({ code: /x/ })",
    "an Error": "({ code: new Error('x') })",
    "an ArrayBuffer": "({ code: new ArrayBuffer(8) })",
    "a typed array": "({ code: new Uint8Array(8) })",
    "a Blob": "({ code: new Blob(['x']) })",
    "a boxed string": "({ code: new String('x') })",
    "an array with holes": "({ code: [, 1] })",
    "an array with a name": "({ code: Object.assign([1], { name: 2 }) })",
    "a huge empty array": "({ code: new Array(4294967295) })",
    "a lone surrogate": "({ code: '\\ud800' })",
    "a lone surrogate in a key": "({ ['\\udfff']: 1 })",
    "a cycle": "(() => { const p = {}; p.code = p; return p; })()",
    "65 levels": "(() => { let p = {}; for (let i = 1; i < 65; i++) p = { p }; return p; })()",
    "64 KiB and a bit": "({ code: 'x'.repeat(65536) })",
    "64 KiB of UTF-8": "({ code: '\\u00e9'.repeat(32768) })",
    "5 MB": "({ code: 'x'.repeat(5e6) })",
    "a million keys": "Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => [i, i]))",
    "a payload that is a string": "'{}'",
    "a payload that is a list": "[]",
    "a payload that is null": "null",
    "a payload that is a Map": "new Map([['code', 'c']])",
}


@pytest.mark.parametrize("expression", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_message_that_is_not_json_shaped(
    quick: Tab, world: World, engine: str, expression: str
) -> None:
    if engine == "webkit":  # its structured clone counts to the length: a minute, in the sender
        expression = expression.replace("4294967295", "1e7")
    before = len(world.backend.seen)
    got = quick.run(f"() => ask({expression})")
    assert (got["code"], got["meta"]) == ("INVALID_MESSAGE", {"source": "bus"})
    # The early listener has found it and says what it is: Python, which looks again, says less.
    assert re.match(
        r"payload\S* (is|has) |The payload is |The message is larger", got["error"]["message"]
    )
    assert len(world.backend.seen) == before


def test_where_a_message_is_not_json_shaped_is_said_in_well_formed_text(quick: Tab) -> None:
    """The path is cut at 128 UTF-16 code units, but not in the middle of a pair."""
    got = quick.run("() => ask({ ['a' + '\\u{1f600}'.repeat(100)]: undefined })")
    shown = "payload.a" + "\U0001f600" * 59
    assert (got["code"], got["error"]["message"]) == (
        "INVALID_MESSAGE",
        f"{shown}\u2026 is of type undefined, which JSON does not have.",
    )


def test_64_levels_and_shared_parts_are_json_shaped(quick: Tab) -> None:
    got = quick.run(
        "() => { let p = 1; for (let i = 1; i < 64; i++) p = { p }; const q = {}; return ask({ p, q, r: q }); }"
    )
    assert got["code"] == "INVALID_PAYLOAD"
    assert [item["loc"] for item in got["error"]["details"]][-3:] == [["p"], ["q"], ["r"]]


def test_unknown_type(quick: Tab) -> None:
    for type_ in ("AUTH.NO_SUCH", "BUS.REGISTER", "BUS.INIT", "BUS.DESTROY", "A.B"):
        got = quick.run("(type) => ask({}, {}, type)", type_)
        assert (got["code"], got["meta"]) == ("UNKNOWN_TYPE", {"source": "bus"})


def test_cancelled_by_an_abort_signal_and_the_fetch_with_it(quick: Tab, world: World) -> None:
    code = world.backend.hangs()
    quick.run(
        """(payload) => {
            window.control = new AbortController();
            window.asked = ask(payload, { signal: control.signal });
        }""",
        {"code": code, "redirectUrl": REDIRECT},
    )
    seen = world.backend.wait_for(code)
    assert quick.run("() => { control.abort(); return asked; }")["code"] == "ABORTED"
    assert seen.gone.wait(10)


def test_the_module_holds_back_what_would_be_too_much(quick: Tab, world: World) -> None:
    """So OVERLOADED is for hosts without it: tests/e2e/attacks/test_volume.py."""
    slow = [world.backend.hangs() for _ in range(60)]
    codes = [*slow, *(world.backend.answers() for _ in range(10))]
    got = quick.run(
        "(codes, redirectUrl) => Promise.all(codes.map((code) => ask({ code, redirectUrl })))",
        codes,
        REDIRECT,
    )
    assert {end["code"] for end in got[:60]} == {"BACKEND_TIMEOUT"}
    assert got[60:] == [{"fulfilled": SIGNED_IN}] * 10
