"""Refresh tokens: rotated, accepted once more for 30 seconds, and all revoked when one is replayed."""

from typing import Any

import pytest

from host.demo.families import GRACE, LIFETIME, LIMIT, Families, TokenError


@pytest.fixture
def families(clock: Any) -> Families:
    return Families(clock)


def refusal(families: Families, token: str) -> str:
    with pytest.raises(TokenError) as caught:
        families.rotate(token)
    assert not token or token not in f"{caught.value} {caught.value.hint}".split()
    return caught.value.reason


def test_each_token_brings_the_next(families: Families) -> None:
    token = families.begin("migrated", "demo-host")
    seen = {token}
    for _ in range(5):
        rotated = families.rotate(token)
        assert (rotated.person, rotated.client_id) == ("migrated", "demo-host")
        assert rotated.token not in seen
        seen.add(token := rotated.token)


def test_a_lost_answer_is_given_again(families: Families, clock: Any) -> None:
    first = families.begin("migrated", "demo-host")
    second = families.rotate(first).token
    clock.now += GRACE
    # The same, however often: two tabs that ask at once have one token.
    assert families.rotate(first).token == families.rotate(first).token == second
    assert families.rotate(second).token not in (first, second)


def test_after_that_a_token_that_comes_again_ends_all(families: Families, clock: Any) -> None:
    first = families.begin("migrated", "demo-host")
    other = families.begin("migrated", "demo-host")
    second = families.rotate(first).token
    clock.now += GRACE + 0.1
    assert refusal(families, first) == "refresh_token_reused"
    assert refusal(families, second) == "refresh_token_unknown"
    assert families.rotate(other).token  # another sign-in's


def test_only_the_last_token_is_accepted_again(families: Families) -> None:
    first = families.begin("migrated", "demo-host")
    second = families.rotate(first).token
    third = families.rotate(second).token
    assert refusal(families, first) == "refresh_token_reused"
    assert refusal(families, third) == "refresh_token_unknown"


def test_no_rotation_prolongs_a_sign_in(families: Families, clock: Any) -> None:
    token = families.begin("migrated", "demo-host")
    clock.now += LIFETIME - 1
    token = families.rotate(token).token
    clock.now += 1
    assert refusal(families, token) == "refresh_token_expired"
    assert len(families) == 0


def test_revoking_ends_a_family_by_any_of_its_tokens(families: Families) -> None:
    first = families.begin("migrated", "demo-host")
    second = families.rotate(first).token
    families.revoke("nobody's")
    assert len(families) == 1
    families.revoke(first)
    assert refusal(families, second) == "refresh_token_unknown"


@pytest.mark.parametrize("token", ["", ".", "x", "é.é", "a.b.c"])
def test_what_was_never_issued_is_unknown(families: Families, token: str) -> None:
    families.begin("migrated", "demo-host")
    assert refusal(families, token) == "refresh_token_unknown"
    assert len(families) == 1


def test_a_secret_that_is_no_ascii_text_is_no_defect(families: Families) -> None:
    key = families.begin("migrated", "demo-host").partition(".")[0]
    assert refusal(families, f"{key}.é") == "refresh_token_reused"


def test_memory_is_bounded(families: Families) -> None:
    first = families.begin("migrated", "demo-host")
    for _ in range(LIMIT):
        families.begin("migrated", "demo-host")
    assert len(families) == LIMIT
    assert refusal(families, first) == "refresh_token_unknown"
