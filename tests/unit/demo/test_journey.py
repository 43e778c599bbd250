import base64
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bus.errors import CODES
from host.demo.codes import s256
from host.demo.pages import journey, meanings

PROVIDER = "http://localhost:8002"
KEPT = {"state": "st4te"}
GOOD = {"state": "st4te", "iss": PROVIDER, "code": "c0de"}


@pytest.mark.parametrize("data", [b"", b"\xfb\xff\xfe", bytes(range(32)), b"a", b"ab"])
def test_base64url_has_no_padding_and_no_plus_or_slash(data: bytes) -> None:
    assert journey.base64url(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_32_random_bytes_make_a_verifier() -> None:
    assert len(journey.base64url(bytes(32))) == 43


def test_the_address_where_a_sign_in_begins() -> None:
    challenge = s256("v" * 43)
    url = journey.authorize_url(
        f"{PROVIDER}/authorize", "demo-host", "http://localhost:8000/callback", "s", challenge
    )
    assert url.startswith(f"{PROVIDER}/authorize?")
    assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True)) == {
        "response_type": "code",
        "client_id": "demo-host",
        "redirect_uri": "http://localhost:8000/callback",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def test_more_may_be_asked_for() -> None:
    url = journey.authorize_url("https://p/x", "c", "r", "s", "ch", (("scope", "openid email"),))
    assert url.endswith("&code_challenge_method=S256&scope=openid%20email")


def test_a_query_is_percent_encoded() -> None:
    fields = (("a b", "c&d=e"), ("é", "/?#+~"))
    assert journey.query(fields) == "a%20b=c%26d%3De&%C3%A9=%2F%3F%23%2B~"
    assert tuple(parse_qsl(journey.query(fields))) == fields


def test_a_good_answer_may_be_used() -> None:
    assert journey.problem(KEPT, GOOD, PROVIDER) is None


@pytest.mark.parametrize(
    ("kept", "changes", "code"),
    [
        (None, {}, "STATE_MISMATCH"),
        ({}, {"state": None}, "STATE_MISMATCH"),
        ({"state": ""}, {"state": ""}, "STATE_MISMATCH"),
        (KEPT, {"state": "another"}, "STATE_MISMATCH"),
        (KEPT, {"state": None}, "STATE_MISMATCH"),
        (KEPT, {"iss": "http://evil.example"}, "ISSUER_MISMATCH"),
        (KEPT, {"iss": None}, "ISSUER_MISMATCH"),
        (KEPT, {"error": "access_denied"}, "access_denied"),
        (KEPT, {"code": None}, "CODE_MISSING"),
        (KEPT, {"code": ""}, "CODE_MISSING"),
    ],
)
def test_answers_that_must_not_be_used(
    kept: dict[str, Any] | None, changes: dict[str, Any], code: str
) -> None:
    answer = {key: value for key, value in (GOOD | changes).items() if value is not None}
    wrong = journey.problem(kept, answer, PROVIDER)
    assert wrong["code"] == code
    assert "c0de" not in wrong["message"]


def test_an_error_comes_with_the_provider_s_description() -> None:
    answer = GOOD | {"error": "access_denied", "error_description": "the sign-in was cancelled"}
    assert journey.problem(KEPT, answer, PROVIDER)["message"] == "the sign-in was cancelled"


@pytest.mark.parametrize(
    ("left", "shown"),
    [(900, "15:00"), (899.2, "15:00"), (899, "14:59"), (60, "01:00"), (0.5, "00:01"), (0, "00:00"), (-3, "00:00"), (6000, "100:00")],
)  # fmt: skip
def test_a_countdown(left: float, shown: str) -> None:
    assert journey.countdown(left) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 ms"), (-2, "0 ms"), (9.5, "10 ms"), (999.4, "999 ms"), (1000, "1,000 ms"), (1_234_567, "1,234,567 ms")],
)  # fmt: skip
def test_milliseconds(value: float, shown: str) -> None:
    assert journey.milliseconds(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "0.0 s"), (999, "0.9 s"), (12_340, "12.3 s")])
def test_seconds(value: int, shown: str) -> None:
    assert journey.seconds(value) == shown


@pytest.mark.parametrize(
    ("meta", "shown"),
    [
        ({"source": "backend", "status": 403}, "the backend, status 403"),
        ({"source": "bus"}, "the bus"),
        ({"source": "bus", "status": 502}, "the bus, status 502"),
        ({"source": "provider"}, "the identity provider"),
        ({"source": "host"}, "this page"),
        (None, "the embed module, on this page"),
    ],
)
def test_who_answered(meta: dict[str, Any] | None, shown: str) -> None:
    assert journey.answered_by(meta) == shown


def test_kinds_of_credentials() -> None:
    assert journey.kind({"legacy_token": "x"}).startswith("Legacy")
    assert journey.kind({"idToken": "x", "refreshToken": "y"}).startswith("Migrated")


def test_a_step_s_life() -> None:
    steps = journey.Steps()
    assert (steps.state("ready"), steps.text("ready")) == ("pending", "not yet")
    steps.begin("ready", 100.0)
    assert (steps.state("ready"), steps.text("ready")) == ("running", "under way")
    steps.end("ready", 1350.4)
    assert (steps.state("ready"), steps.text("ready")) == ("done", "1,250 ms")


def test_a_step_fails_only_while_it_is_under_way() -> None:
    steps = journey.Steps()
    steps.fail("exchange")
    assert steps.state("exchange") == "pending"
    steps.begin("listening", 0.0)
    steps.end("listening", 5.0)
    steps.fail("listening")
    assert steps.state("listening") == "done"
    steps.begin("exchange", 5.0)
    steps.fail("exchange")
    assert (steps.state("exchange"), steps.text("exchange")) == ("failed", "failed")
    steps.begin("exchange", 9.0)
    assert steps.state("exchange") == "running"


def test_a_step_that_never_began_does_not_end() -> None:
    steps = journey.Steps()
    steps.end("redirect", 5.0)
    assert steps.state("redirect") == "pending"


def test_every_code_of_the_bus_has_a_meaning() -> None:
    assert set(CODES) <= set(meanings.MEANINGS)


def test_meanings() -> None:
    assert meanings.meaning("BACKEND_TIMEOUT").startswith("The backend did not answer")
    assert meanings.meaning("SOMETHING_NEW") == "The sign-in did not succeed."
