"""Where the company is found among claims."""

from typing import Any

import pytest

from bus.exchange.oidc.company import company_in

ACME = {"name": "Acme", "deep": {"id": 7}}


@pytest.mark.parametrize(
    ("path", "claims", "company"),
    [
        ("", {"": ACME}, {}),
        ("org", {"org": ACME}, ACME),
        ("org", {"org": "acme"}, {"org": "acme"}),
        ("org", {"org": ["a", "b"]}, {"org": ["a", "b"]}),
        ("org", {"org": 0}, {"org": 0}),
        ("org", {"org": {}}, {}),
        ("org", {"org": None}, {}),
        ("org", {}, {}),
        ("org.deep", {"org": ACME}, {"id": 7}),
        ("org.deep.id", {"org": ACME}, {"id": 7}),
        ("org.deep.no", {"org": ACME}, {}),
        ("org.name.x", {"org": ACME}, {}),
        ("org.deep", {"org": None}, {}),
        ("https://acme.example/org", {"https://acme.example/org": ACME}, ACME),
        ("a.b", {"a.b": "x", "a": {"b": "y"}}, {"a.b": "x"}),
        (
            "https://acme.example/org",
            {"https://acme.example/org": "a"},
            {"https://acme.example/org": "a"},
        ),
        (("org",), {"org": "acme"}, {"org": "acme"}),
        (("a.b",), {"a": {"b": "y"}}, {}),
        (
            ("https://acme.example/app", "org.unit"),
            {"https://acme.example/app": {"org.unit": ACME}},
            ACME,
        ),
        (
            ("https://acme.example/app", "ids"),
            {"https://acme.example/app": {"ids": [7]}},
            {"ids": [7]},
        ),
        (("org", "no"), {"org": ACME}, {}),
    ],
)
def test_companies(
    path: str | tuple[str, ...], claims: dict[str, Any], company: dict[str, Any]
) -> None:
    assert company_in(path, claims) == company


def test_the_first_that_has_it() -> None:
    assert company_in("org", {"org": None}, {"org": "b"}, {"org": "c"}) == {"org": "b"}
