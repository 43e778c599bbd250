"""The settings, and the errors for wrong ones, with key and reason."""

from typing import Any

import pytest
from pydantic import ValidationError

from bus.settings import Settings, settings_problems

GOOD: dict[str, Any] = {
    "allowed_origins": ["https://app.example.com", "http://localhost:8000"],
    "sso": {"provider": "json", "exchange_url": "https://api.example.com/sso/exchange"},
}


def problems(data: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(data)
    return settings_problems(caught.value)


def test_good_settings_and_what_is_set_where_nothing_is_said() -> None:
    settings = Settings.model_validate(GOOD)
    assert settings.allowed_origins == ("https://app.example.com", "http://localhost:8000")
    assert settings.request_timeout_seconds == 15
    assert settings.boot_timeout_seconds == 60
    assert settings.sso.provider == "json"
    assert settings.sso.exchange_url == "https://api.example.com/sso/exchange"


@pytest.mark.parametrize("seconds", [1, 1.5, 120])
def test_request_timeouts(seconds: float) -> None:
    settings = Settings.model_validate(GOOD | {"request_timeout_seconds": seconds})
    assert settings.request_timeout_seconds == seconds


@pytest.mark.parametrize("seconds", [5, 7.25, 300])
def test_boot_timeouts(seconds: float) -> None:
    assert (
        Settings.model_validate(GOOD | {"boot_timeout_seconds": seconds}).boot_timeout_seconds
        == seconds
    )


def test_what_the_page_holds_is_read_back_as_it_was() -> None:
    settings = Settings.model_validate(GOOD | {"request_timeout_seconds": 7})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def sso(**more: int | str) -> dict[str, Any]:
    return GOOD | {"sso": GOOD["sso"] | more}


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        ({"sso": GOOD["sso"]}, "bus.allowed_origins:", "is missing"),
        (GOOD | {"allowed_origins": []}, "bus.allowed_origins:", "lists no origin"),
        (GOOD | {"allowed_origins": "https://app.example.com"}, "bus.allowed_origins:", "tuple"),
        (GOOD | {"allowed_origins": {}}, "bus.allowed_origins:", "tuple"),
        (GOOD | {"allowed_origins": ["https://a.example"] * 2}, "bus.allowed_origins:", "twice"),
        (GOOD | {"allowed_origins": ["https://a.example", 1]}, "bus.allowed_origins[1]:", "string"),
        (
            GOOD | {"allowed_origins": ["https://a.example", "*"]},
            "bus.allowed_origins[1]:",
            "'*' is not an origin",
        ),
        (
            GOOD | {"allowed_origins": ["null"]},
            "bus.allowed_origins[0]:",
            "'null' is not an origin",
        ),
        (
            GOOD | {"allowed_origins": ["https://a.example/"]},
            "bus.allowed_origins[0]:",
            "just the origin",
        ),
        (
            GOOD | {"allowed_origins": ["http://a.example"]},
            "bus.allowed_origins[0]:",
            "must be https",
        ),
        (
            GOOD | {"request_timeout_seconds": 0.9},
            "bus.request_timeout_seconds:",
            "greater than or equal to 1",
        ),
        (
            GOOD | {"request_timeout_seconds": 121},
            "bus.request_timeout_seconds:",
            "less than or equal to 120",
        ),
        (GOOD | {"request_timeout_seconds": "15"}, "bus.request_timeout_seconds:", "number"),
        (GOOD | {"request_timeout_seconds": True}, "bus.request_timeout_seconds:", "number"),
        (GOOD | {"request_timeout_seconds": float("nan")}, "bus.request_timeout_seconds:", "1"),
        (GOOD | {"request_timeout_seconds": float("inf")}, "bus.request_timeout_seconds:", "120"),
        (
            GOOD | {"boot_timeout_seconds": 4.9},
            "bus.boot_timeout_seconds:",
            "greater than or equal to 5",
        ),
        (
            GOOD | {"boot_timeout_seconds": 301},
            "bus.boot_timeout_seconds:",
            "less than or equal to 300",
        ),
        (GOOD | {"allowed_origin": []}, "bus.allowed_origin:", "is not a setting"),
        ({"allowed_origins": ["https://a.example"]}, "bus.sso:", "is missing"),
        (GOOD | {"sso": "json"}, "bus.sso:", ""),
        (GOOD | {"sso": {"provider": "json"}}, "bus.sso.exchange_url:", "is missing"),
        (sso(provider="saml"), "bus.sso.provider:", "'json'"),
        (sso(exchange_url="http://api.example.com/"), "bus.sso.exchange_url:", "must be https"),
        (sso(exchange_url="/sso/exchange"), "bus.sso.exchange_url:", "absolute"),
        (sso(exchange_url="https://a.example/#x"), "bus.sso.exchange_url:", "fragment"),
        (sso(exchange_url="https://*.example.com/"), "bus.sso.exchange_url:", "host"),
        (sso(exchange_url="https://u:p@a.example/"), "bus.sso.exchange_url:", "user info"),
        (sso(exchange_url=1), "bus.sso.exchange_url:", "string"),
        (
            GOOD | {"allowed_origins": ["http://[::1]:5173"]},
            "bus.allowed_origins[0]:",
            "use http://localhost:5173 or http://127.0.0.1:5173",
        ),
        (
            GOOD | {"allowed_origins": ["https://a_b.example.com"]},
            "bus.allowed_origins[0]:",
            "no Content-Security-Policy can name",
        ),
        (sso(exchange_url="https://a..b/sso"), "bus.sso.exchange_url:", "no Content-Security"),
        (sso(exchange_url="http://[::1]/"), "bus.sso.exchange_url:", "use http://localhost or"),
        (sso(exchange="x"), "bus.sso.exchange:", "is not a setting"),
    ],
)
def test_each_problem_names_the_key_and_the_reason(
    data: dict[str, Any], key: str, reason: str
) -> None:
    [problem] = problems(data)
    assert problem.startswith(key + " ")
    assert reason in problem


def test_all_problems_are_named_at_once() -> None:
    found = problems({"allowed_origins": ["*"], "boot_timeout_seconds": 1, "x": 1, "sso": {}})
    assert [line.split()[0] for line in found] == [
        "bus.allowed_origins[0]:",
        "bus.boot_timeout_seconds:",
        "bus.sso.exchange_url:",
        "bus.x:",
    ]


@pytest.mark.parametrize("data", [None, 1, "x", [], [GOOD]])
def test_what_is_no_table(data: Any) -> None:
    [problem] = problems(data)
    assert problem.startswith("bus: ")


def test_settings_stay_as_they_are() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(GOOD).request_timeout_seconds = 1  # type: ignore[misc] # as wrong as can be
