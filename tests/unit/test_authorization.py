"""The authorization part of `BUS.READY`."""

import json
from typing import Any

import pytest

from bus.authorization import authorization_by
from bus.messages import ready
from bus.settings import Settings
from tests.wire import assert_from_bus

ISSUER = "https://id.example.com"
ENDPOINT = "https://id.example.com/authorize?tenant=7"


def settings(**sso: Any) -> Settings:
    oidc = {"provider": "oidc", "issuer": ISSUER, "client_id": "crm", "scope": "openid"}
    return Settings.model_validate(
        {"allowed_origins": ["https://app.example.com"], "sso": oidc | sso}
    )


def part(**sso: Any) -> Any:
    """Return the part, as a host reads it."""
    text = ready(authorization=authorization_by(settings(**sso)))
    assert_from_bus(text)
    return json.loads(text)["payload"].get("authorization")


def test_all_that_a_host_needs() -> None:
    assert part(authorization_endpoint=ENDPOINT, iss_required=True) == {
        "authorizeUrl": ENDPOINT,
        "clientId": "crm",
        "scope": "openid",
        "issuer": ISSUER,
        "issRequired": True,
        "params": {},
    }


@pytest.mark.parametrize("required", [None, False])
def test_an_issuer_that_answers_may_lack(required: bool | None) -> None:
    assert part(authorization_endpoint=ENDPOINT, iss_required=required)["issRequired"] is False


def test_more_parameters() -> None:
    found = part(
        authorization_endpoint=ENDPOINT,
        authorization_params={"prompt": "consent", "response_mode": "fragment"},
        max_age_seconds=0,
        acr_values=["urn:example:mfa", "2"],
    )
    assert found["params"] == {
        "prompt": "consent",
        "response_mode": "fragment",
        "max_age": "0",
        "acr_values": "urn:example:mfa 2",
    }


def test_what_the_access_token_is_for() -> None:
    wanted = {"access_token": True, "authorization_endpoint": ENDPOINT}
    assert part(**wanted)["params"] == {}
    assert part(**wanted, resource=["urn:a", "urn:b"], audience="crm")["params"] == {
        "resource": ["urn:a", "urn:b"],
        "audience": "crm",
    }


def test_there_is_none_where_the_endpoint_is_unknown() -> None:
    assert part(max_age_seconds=60, iss_required=True) is None


def test_there_is_none_for_a_json_backend() -> None:
    plain = Settings.model_validate(
        {"allowed_origins": ["https://a.example"], "sso": {"exchange_url": "https://b.example/"}}
    )
    assert authorization_by(plain) is None
    assert ready(authorization=None) == ready()


def test_nothing_else_of_the_settings_shows() -> None:
    text = json.dumps(
        part(
            authorization_endpoint=ENDPOINT,
            extra_params={"a": "MARK"},
            extra_headers={"X-A": "MARK"},
            company_claim="MARK",
        )
    )
    assert "MARK" not in text
