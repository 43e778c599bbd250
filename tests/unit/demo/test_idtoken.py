import json

import pytest
from joserfc import jwk, jwt

from host.demo.pages import idtoken
from host.demo.pages.journey import base64url

NOW = 1_800_000_000


def test_a_token_is_read() -> None:
    claims = {"exp": NOW + 900, "name": "Mira Łukasiewicz"}
    token = jwt.encode({"alg": "ES256"}, claims, jwk.ECKey.generate_key("P-256"))
    assert idtoken.claims(token) == claims
    assert idtoken.header(token) == {"typ": "JWT", "alg": "ES256"} or idtoken.header(token) == {
        "alg": "ES256"
    }


@pytest.mark.parametrize("padding", range(4))
def test_claims_of_every_length_are_read(padding: int) -> None:
    claims = {"x": "?" * padding + "ÿ>"}
    text = base64url(json.dumps(claims).encode())
    assert idtoken.claims(f"h.{text}.s") == claims


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.!!.c", "a.W10.c", "a._w.c", "a.e30", "..."])
def test_what_is_no_token_has_no_claims(token: str) -> None:
    assert idtoken.claims(token) == {}


def test_the_usual_claims_come_first_with_their_meaning() -> None:
    part = {"zeta": 1, "exp": NOW, "alpha": "a", "iss": "https://idp.example"}
    assert idtoken.rows(part, NOW) == [
        ("iss", "issuer", "https://idp.example"),
        ("exp", "expires", "2027-01-15 08:00:00 UTC (0 seconds ago)"),
        ("alpha", "", "a"),
        ("zeta", "", "1"),
    ]


def test_what_is_no_text_is_shown_as_json() -> None:
    part = {"aud": ["a", "b"], "org": {"name": "x"}, "ok": True, "exp": "soon", "iat": True}
    shown = {name: value for name, _, value in idtoken.rows(part, NOW)}
    assert shown == {
        "aud": '["a", "b"]',
        "org": '{"name": "x"}',
        "ok": "true",
        "exp": "soon",
        "iat": "true",
    }


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (900, "in 15 minutes"), (899.6, "in 15 minutes"), (119, "in 119 seconds"), (120, "in 2 minutes"), (-1, "1 seconds ago"),
        (-3600, "60 minutes ago"), (7200, "in 2 hours"), (90 * 86400, "in 90 days"), (0, "0 seconds ago"),
    ],
)  # fmt: skip
def test_how_far_off_a_time_is(seconds: float, shown: str) -> None:
    assert idtoken.away(seconds) == shown


def test_a_time_as_people_write_it() -> None:
    assert idtoken.date(0) == "1970-01-01 00:00:00 UTC"
    assert idtoken.date(NOW + 0.9) == "2027-01-15 08:00:00 UTC"
