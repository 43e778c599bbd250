"""What a browser lets a page at the bus's origin read and send."""

import httpx
import pytest

from host.tools.check.asking import Answer
from host.tools.check.cors import hidden, preflight_headers, refused

ORIGIN = "https://bus.example.com"
ALLOW, NAMES = "Access-Control-Allow-Origin", "Access-Control-Allow-Headers"


def answer(status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, httpx.Headers(list(headers)), b"", 0, 0, None)


@pytest.mark.parametrize("value", ["*", ORIGIN])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_an_answer_that_may_be_read(value: str, status: int) -> None:
    assert hidden(answer(status, (ALLOW, value)), ORIGIN) is None


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([], "has no Access-Control-Allow-Origin"),
        ([(ALLOW, "https://app.example.com")], "allows https://app.example.com, not"),
        ([(ALLOW, ORIGIN + "/")], "not https://bus.example.com"),
        ([(ALLOW, "null")], "allows null"),
        ([(ALLOW, "*"), (ALLOW, ORIGIN)], "more than one"),
        ([(ALLOW, f"*, {ORIGIN}")], "more than one"),
    ],
)
def test_an_answer_that_may_not_be_read(headers: list[tuple[str, str]], words: str) -> None:
    assert words in str(hidden(answer(200, *headers), ORIGIN))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("Content-Type", ["content-type"]),
        ("accept, AUTHORIZATION ,x-a", ["authorization", "x-a"]),
        ("*", ["content-type"]),
    ],
)
def test_a_preflight_that_lets_a_request_pass(names: str, wanted: list[str]) -> None:
    assert refused(answer(204, (ALLOW, "*"), (NAMES, names)), ORIGIN, wanted) is None


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (301, [(ALLOW, "*"), (NAMES, "*")], "is a redirect"),
        (404, [(ALLOW, "*"), (NAMES, "content-type,authorization")], "status 404"),
        (204, [(NAMES, "content-type,authorization")], "has no Access-Control-Allow-Origin"),
        (204, [(ALLOW, "*"), (NAMES, "content-type")], "the header authorization"),
        (204, [(ALLOW, "*"), (NAMES, "*")], "the header authorization"),
        (204, [(ALLOW, "*")], "the header content-type"),
    ],
)
def test_a_preflight_that_does_not(status: int, headers: list[tuple[str, str]], words: str) -> None:
    wanted = ["content-type", "authorization"]
    assert words in str(refused(answer(status, *headers), ORIGIN, wanted))


def test_what_a_browser_asks_first() -> None:
    assert preflight_headers(ORIGIN, "POST", ["x-b", "content-type"]) == {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-b",
    }
