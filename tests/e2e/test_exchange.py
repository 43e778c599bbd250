"""The main job: a code goes in, credentials come out, and everything is passed on as it is."""

import json
from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World


def test_signs_in_a_migrated_user(embedded: Tab, world: World) -> None:
    assert ask(embedded, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_signs_in_a_legacy_user(embedded: Tab, world: World) -> None:
    body = SIGNED_IN | {"credentials": {"legacy_token": "forever"}}
    assert ask(embedded, world.backend.answers(body)) == {"fulfilled": body}


@pytest.mark.parametrize(
    "redirect",
    [
        "https://app.example.com",
        "https://app.example.com/a%2Fb/../c?x=%E4%B8%AD&y=a+b#".rstrip("#"),
        "HTTPS://app.example.com:443/%C3%9Cber/../x?q=%e4%b8%ad",
        "http://localhost:8000/login?state=1",
        "http://127.0.0.1/x",
        "http://[::1]:9/x",
    ],
)
def test_the_redirect_url_reaches_the_backend_character_for_character(
    embedded: Tab, world: World, redirect: str
) -> None:
    code = world.backend.answers()
    verifier = "v" * 43
    assert "fulfilled" in ask(embedded, code, redirect, codeVerifier=verifier)
    (seen,) = world.backend.of(code)
    assert seen.body == {"code": code, "redirectUrl": redirect, "codeVerifier": verifier}


def test_the_exchange_carries_nothing_else(embedded: Tab, world: World) -> None:
    code = world.backend.answers()
    ask(embedded, code)
    (seen,) = world.backend.of(code)
    assert seen.body == {"code": code, "redirectUrl": REDIRECT}
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["origin"] == world.bus_origin
    assert not {"cookie", "referer", "authorization"} & seen.headers.keys()


def test_unknown_fields_unicode_and_nesting_survive(embedded: Tab, world: World) -> None:
    deep: Any = "bottom"
    for _ in range(197):
        deep = [deep]
    user = {
        "name": "Zo\u00eb \U0001f469\u200d\U0001f52c \u202e\u0000",
        "": {"__proto__": {"polluted": True}, "constructor": None},
        "deep": deep,
        "numbers": [0, 0, 1e308, 5e-324, 9007199254740993, 0.1, -1],
        "kinds": [True, False, None, [], {}, ""],
    }
    code = world.backend.answers(SIGNED_IN | {"currentUser": user, "extra": 1})
    # As text: the browser's driver does not carry so many levels.
    text = embedded.run(
        "async (payload) => JSON.stringify(await ask(payload))",
        {"code": code, "redirectUrl": REDIRECT},
    )
    got = json.loads(text)
    expected = user | {"numbers": [0, 0, 1e308, 5e-324, 9007199254740992, 0.1, -1]}
    assert "fulfilled" in got, got
    assert got["fulfilled"]["currentUser"] == expected
    assert "extra" not in got["fulfilled"]
    assert embedded.run("() => ({}).polluted === undefined")


@pytest.mark.parametrize(
    "error",
    [None, False, 0, -1.5, "", "no", [], [None], {}, {"code": "X", "nested": {"a": ["\u4e2d"]}}],
    ids=str,
)
@pytest.mark.parametrize("status", [400, 503])
def test_the_backends_own_error_arrives_unchanged(
    embedded: Tab, world: World, error: Any, status: int
) -> None:
    got = ask(embedded, world.backend.answers(error, status, name="refused"))
    assert got["code"] == "REJECTED"
    assert got["error"] == error
    assert got["meta"] == {"source": "backend", "status": status}


def test_any_success_status_and_content_type_will_do(embedded: Tab, world: World) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(SIGNED_IN).encode()
    assert "fulfilled" in ask(embedded, world.backend.sends(body, 201, "text/plain"))


def test_two_who_ask_at_once_share_one_exchange(embedded: Tab, world: World) -> None:
    code = world.backend.hangs()
    embedded.run(
        "(payload) => { window.both = Promise.all([ask(payload), ask(payload)]); }",
        {"code": code, "redirectUrl": REDIRECT},
    )
    world.backend.wait_for(code)
    # A third, with other fields, is refused meanwhile; and nobody waits behind the hanging one.
    other = ask(embedded, code, "https://app.example.com/other")
    assert (other["code"], other["error"]["details"][0]["loc"]) == ("INVALID_PAYLOAD", ["code"])
    assert "fulfilled" in ask(embedded, world.backend.answers())
    world.backend.release(code)
    assert embedded.run("() => both") == [{"fulfilled": SIGNED_IN}] * 2
    assert len(world.backend.of(code)) == 1


def test_after_the_answer_the_backend_decides_again(embedded: Tab, world: World) -> None:
    code = world.backend.answers()
    ask(embedded, code)
    ask(embedded, code)
    assert len(world.backend.of(code)) == 2
