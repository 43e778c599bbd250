"""The gate, second time: the same facts as the early listener judges, and the last word."""

from typing import Any

import pytest

from bus.gate import Gate
from bus.ports import Inbound

ALLOWED = frozenset({"https://app.example.com", "http://localhost:8000"})


def refusal(
    origin: str = "https://app.example.com", *, trusted: bool = True, from_parent: bool = True
) -> str | None:
    return Gate(ALLOWED).refusal(Inbound(1, trusted, from_parent, origin, "MARK"))


@pytest.mark.parametrize("origin", sorted(ALLOWED))
def test_the_embedding_window_at_an_allowed_origin_gets_in(origin: str) -> None:
    assert refusal(origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "", "null", "*", "https://app.example.com/", "https://app.example.com:443",
        "https://APP.example.com", "http://app.example.com", "https://app.example.com.evil.example",
        "https://evil.app.example.com", "https://app.example.co", "https://example.com",
        " https://app.example.com", "https://app.example.com ", "https://app.example.com\0",
        "http://localhost", "http://localhost:80001", "http://127.0.0.1:8000",
        "https://app.example.com,http://localhost:8000", "https://\u0430pp.example.com",
    ],
)  # fmt: skip
def test_origins_must_be_equal_character_for_character(origin: str) -> None:
    assert refusal(origin) == "origin not allowed"


def test_no_origin_gets_in_that_the_settings_could_not_hold() -> None:
    assert Gate(frozenset()).refusal(Inbound(1, True, True, "null", "")) is not None


def test_other_windows_are_refused_whatever_their_origin() -> None:
    assert refusal(from_parent=False) == "not from the window that embeds the bus"


def test_events_that_a_script_made_are_refused() -> None:
    assert refusal(trusted=False) == "made by a script"


def test_the_first_reason_is_the_one_named() -> None:
    assert refusal("null", trusted=False, from_parent=False) == "made by a script"
    assert refusal("null", from_parent=False) == "not from the window that embeds the bus"


@pytest.mark.parametrize(
    "facts", [{"trusted": False}, {"from_parent": False}, {"origin": "https://MARK"}]
)
def test_a_refusal_holds_no_data(facts: dict[str, Any]) -> None:
    assert "MARK" not in (refusal(**facts) or "")
