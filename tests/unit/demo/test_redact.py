from typing import Any

import pytest

from bus.messages import LegacyCredentials, MigratedCredentials
from host.demo.pages.redact import CREDENTIALS, LONGEST, SECRETS, cut, masked, safe


@pytest.mark.parametrize("secret", ["", "abc", "x" * 31])
def test_a_short_secret_is_masked_whole(secret: str) -> None:
    assert masked(secret) == f"•••••••• ({len(secret)} characters)"


def test_a_long_secret_shows_its_ends() -> None:
    secret = "begin" + "-" * 40 + "end!!"
    assert masked(secret) == "begi••••••••nd!! (50 characters)"


def test_every_credential_is_a_secret() -> None:
    fields = {*MigratedCredentials.model_fields, *LegacyCredentials.model_fields}
    assert set(CREDENTIALS) == fields - {"accessTokenExpiresAt"}  # a time
    assert set(CREDENTIALS) < set(SECRETS)


@pytest.mark.parametrize("key", SECRETS)
def test_what_stands_under_the_name_of_a_secret_is_masked(key: str) -> None:
    assert safe(key, "s3cret") == masked("s3cret")


def test_a_token_is_masked_whatever_its_name() -> None:
    assert "eyJhbGciOi" not in safe("whatever", "eyJhbGciOiJFUzI1NiJ9" * 5)


def test_an_errors_code_says_what_went_wrong() -> None:
    assert safe("code", "INVALID_PAYLOAD", error=True) == "INVALID_PAYLOAD"
    assert safe("idToken", "s3cret", error=True) == masked("s3cret")


@pytest.mark.parametrize("value", [None, True, 7, 1.5, ["code"], {"code": "x"}])
def test_what_is_no_text_is_left_to_its_parts(value: Any) -> None:
    assert safe("code", value) is value


def test_a_long_text_is_cut() -> None:
    assert cut("x" * LONGEST) == "x" * LONGEST
    assert safe("name", "x" * 70_000) == "x" * 40 + "… (70000 characters)"
