"""What the demo's page holds of a session, and what the host's user would see."""

from typing import Any

import pytest

from host.demo.pages.holding import SEEN, Holding, place
from host.demo.pages.words import outcome, pushed, soon

NOW = 1_800_000_000.0
USER = {"name": "Mira"}


def credentials(**more: Any) -> dict[str, Any]:
    return {
        "currentUser": USER,
        "company": {"name": "Blåvand"},
        "credentials": {"idToken": "eyJ", "refreshToken": "r"},
    } | more


def holding(life: float = 900, *, margin: float = 90, skew: float = 0) -> Holding:
    """Credentials that came just now, whose backend's clock is wrong by `skew`."""
    held = Holding(margin)
    claims = {"iat": NOW + skew, "exp": NOW + skew + life}
    held.take(credentials(expiresAt=(NOW + life) * 1000), claims)
    return held


def test_a_life_and_what_is_left_of_it() -> None:
    held = holding(900)
    assert (held.left(NOW), held.share(NOW)) == (900, 100)
    assert (held.left(NOW + 450), held.share(NOW + 450)) == (450, 50)
    assert (held.left(NOW + 901), held.share(NOW + 901)) == (0, 0)
    assert not held.over(NOW + 899)
    assert held.over(NOW + 900)


@pytest.mark.parametrize(("life", "due", "mark"), [(900, 810, 10), (20, 10, 50)])
def test_it_is_refreshed_by_the_margin_or_at_half_of_a_short_life(
    life: float, due: float, mark: float
) -> None:
    held = holding(life)
    assert held.to_refresh(NOW) == due
    assert held.to_refresh(NOW + due + 1) == 0
    assert held.mark() == mark


@pytest.mark.parametrize(
    ("skew", "words"),
    [(0, ""), (59, ""), (3600, "60 minutes ahead of"), (-3600, "60 minutes behind")],
)
def test_a_wrong_clock_is_named_and_changes_nothing(skew: float, words: str) -> None:
    held = holding(20, skew=skew)
    assert held.left(NOW) == 20
    assert not held.over(NOW + 19)
    assert words in held.clock()
    assert bool(held.clock()) is bool(words)


def test_without_a_session_the_token_says_when_it_expires() -> None:
    held = Holding(0)
    held.take(credentials(), {"iat": NOW, "exp": NOW + 900})
    assert held.left(NOW) == 900
    assert held.clock() == ""


def test_legacy_credentials_never_expire() -> None:
    held = Holding(90)
    held.take(credentials(credentials={"legacy_token": "x"}), {})
    assert not held.over(NOW + 10**9)
    assert (held.left(NOW), held.share(NOW), held.mark(), held.clock()) == (0, 0, 0, "")
    assert held.state(NOW) == "good"


def test_what_the_user_sees() -> None:
    held = Holding(90)
    seen = [held.state(NOW)]
    for ended in ("signed out", "expired", "another tab"):
        held.clear(ended)
        seen.append(held.state(NOW))
    held.met(USER)
    seen.append(held.state(NOW))  # known, and no credentials yet
    held = holding(20)
    seen.append(held.state(NOW))
    held.failing = True
    seen.append(held.state(NOW + 15))
    held.error = "BACKEND_UNREACHABLE"
    seen.append(held.state(NOW + 21))
    assert seen == [
        "",
        "signed out",
        "expired",
        "another tab",
        "late",
        "good",
        "failing",
        "unreachable",
    ]
    assert set(seen) == set(SEEN)
    # Credentials that come after all set it right.
    held.take(credentials(expiresAt=(NOW + 41) * 1000), {"iat": NOW + 21, "exp": NOW + 41})
    assert held.state(NOW + 21) == "good"


def test_nothing_is_left_of_who_has_gone() -> None:
    held = holding()
    held.error, held.failing, held.refreshed, held.by = "X", True, NOW, "this tab"
    held.clear("signed out")
    fresh = Holding(90)
    fresh.clear("signed out")
    assert vars(held) == vars(fresh)


def test_where_it_is_kept() -> None:
    assert place("", "") == ""
    assert "by the browser" in place("partition", "")
    assert place("memory", "the browser's storage fails").endswith("(the browser's storage fails)")


@pytest.mark.parametrize(
    ("what", "by", "user", "words"),
    [
        ("AUTH.TOKEN_REFRESHED", "this tab", None, "pushed: refreshed by this tab"),
        ("AUTH.TOKEN_REFRESHED", "another tab", None, "pushed: refreshed by another tab"),
        ("AUTH.TOKEN_REFRESHED", "the record", None, "pushed: from the record"),
        ("AUTH.TOKEN_REFRESHED", "", None, "pushed"),
        ("AUTH.SESSION_CHANGED", "", None, "pushed: another tab has signed out"),
        ("AUTH.SESSION_CHANGED", "", USER, "pushed: another tab has signed in"),
        ("AUTH.REFRESH_TOKEN_EXPIRED", "", None, "pushed: the session is over"),
        ("AUTH.SOMETHING_NEW", "", None, "pushed"),
    ],
)
def test_how_pushes_are_told(what: str, by: str, user: object, words: str) -> None:
    assert outcome("pushed", pushed(what, by, user)) == words


def test_when_something_is_due() -> None:
    assert [soon(left) for left in (0, 0.2, 9.5, 119, 810)] == [
        "due now",
        "in 1 s",
        "in 10 s",
        "in 119 s",
        "in 13 min",
    ]
