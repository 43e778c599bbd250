"""The use of a provider's discovery document, and the errors for a wrong one."""

from collections.abc import Callable
from typing import Any

import pytest

from bus.errors import BusError
from bus.exchange.oidc.algorithms import ALGORITHMS
from bus.exchange.oidc.discovery import endpoints_in
from bus.settings.oidc import OidcSso
from tests.unit.fake_provider import DISCOVERY, ISSUER, JWKS, TOKEN, USERINFO, FakeProvider, ask
from tests.unit.fakes import code_of, error_of

DOCUMENT = FakeProvider().document


def sso(**more: Any) -> OidcSso:
    return OidcSso.model_validate({"provider": "oidc", "issuer": ISSUER, "client_id": "crm"} | more)


def problem(document: dict[str, Any], **more: list[str]) -> str:
    with pytest.raises(BusError) as caught:
        endpoints_in(document, sso(**more))
    assert caught.value.code == "PROVIDER_MISCONFIGURED"
    return caught.value.message


def test_the_endpoints() -> None:
    found = endpoints_in(DOCUMENT, sso())
    assert (found.token, found.jwks, found.userinfo) == (TOKEN, JWKS, USERINFO)
    assert found.origins == {"https://id.example.com", "https://keys.example.net"}


def test_the_endpoints_without_userinfo() -> None:
    assert endpoints_in(DOCUMENT, sso(userinfo=False)).userinfo is None
    no_userinfo = {name: v for name, v in DOCUMENT.items() if name != "userinfo_endpoint"}
    assert endpoints_in(no_userinfo, sso()).userinfo is None
    assert endpoints_in(no_userinfo, sso()).origins == {
        "https://id.example.com",
        "https://keys.example.net",
    }


@pytest.mark.parametrize(
    "issuer",
    [ISSUER + "/", ISSUER.upper(), "https://id.example.com", "", None, 1, ISSUER + "#", [ISSUER]],
)
def test_the_issuer_is_compared_exactly(issuer: Any) -> None:
    message = problem(DOCUMENT | {"issuer": issuer})
    assert "character for character" in message
    assert len(problem(DOCUMENT | {"issuer": "https://x.example/" + "y" * 9999})) < 500


def test_no_issuer() -> None:
    assert "names none" in problem({"token_endpoint": TOKEN, "jwks_uri": JWKS})


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
def test_an_endpoint_that_is_missing(name: str) -> None:
    message = problem({key: v for key, v in DOCUMENT.items() if key != name})
    assert f"bus.sso.{name}" in message


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url",
    ["http://id.example.com/", "/token", 1, [TOKEN], "https://u:p@id.example.com/", "https://a/#b"],
)
def test_an_endpoint_that_cannot_be_one(name: str, url: Any) -> None:
    assert name in problem(DOCUMENT | {name: url})


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_an_endpoint_outside_the_origins_that_are_allowed(name: str) -> None:
    listed = ["https://id.example.com", "https://keys.example.net"]
    assert endpoints_in(DOCUMENT, sso(connect_origins=listed))
    elsewhere = "https://elsewhere.example:8443"
    message = problem(DOCUMENT | {name: elsewhere + "/x"}, connect_origins=listed)
    assert name in message
    assert elsewhere in message
    assert "bus.sso.connect_origins" in message


def test_a_provider_without_pkce() -> None:
    assert "PKCE" in problem(DOCUMENT | {"code_challenge_methods_supported": ["plain"]})
    without = {k: v for k, v in DOCUMENT.items() if k != "code_challenge_methods_supported"}
    assert endpoints_in(without, sso())  # many do not say it


@pytest.mark.parametrize(
    "named", [["HS256"], ["none"], ["HS256", "ES256K"], ["RS1", 1, None], [["RS256"]]], ids=str
)
def test_a_provider_that_signs_with_nothing_that_can_be_verified(named: list[Any]) -> None:
    message = problem(DOCUMENT | {"id_token_signing_alg_values_supported": named})
    assert "RS256" in message
    assert all(name in message for name in named if isinstance(name, str))


@pytest.mark.parametrize("named", [*map(list, zip(ALGORITHMS)), ["Ed25519"], ["HS256", "PS384"]])
def test_a_provider_that_signs_with_something_that_can_be_verified(named: list[str]) -> None:
    assert endpoints_in(DOCUMENT | {"id_token_signing_alg_values_supported": named}, sso())


@pytest.mark.parametrize("absent", [None, [], "RS256", {}])
def test_a_provider_that_does_not_say_what_it_signs_with(absent: Any) -> None:
    assert endpoints_in(DOCUMENT | {"id_token_signing_alg_values_supported": absent}, sso())


def test_a_very_long_list_of_algorithms() -> None:
    named = [f"XX{n}" for n in range(9999)]
    assert len(problem(DOCUMENT | {"id_token_signing_alg_values_supported": named})) < 600


@pytest.mark.parametrize("absent", [None, ""])
def test_absent_members_as_serializers_write_them(absent: str | None) -> None:
    assert endpoints_in(DOCUMENT | {"userinfo_endpoint": absent}, sso()).userinfo is None
    assert "no jwks_uri" in problem(DOCUMENT | {"jwks_uri": absent})


def test_nothing_is_left_to_discover() -> None:
    settings = sso(token_endpoint=TOKEN, jwks_uri=JWKS, userinfo=False)
    assert settings.discovery is None
    assert endpoints_in({}, settings).token == TOKEN


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("page", "code", "word"),
    [
        ((404, {"issuer": ISSUER}), "PROVIDER_MISCONFIGURED", "issuer"),
        ((301, b""), "PROVIDER_MISCONFIGURED", "301"),
        ((500, b""), "BACKEND_ERROR", "500"),
        ((429, b""), "BACKEND_ERROR", "429"),
        ((200, b"<p>MARK"), "PROVIDER_MISCONFIGURED", "JSON"),
        ((200, [1]), "PROVIDER_MISCONFIGURED", "JSON"),
        ((200, None), "PROVIDER_MISCONFIGURED", "1 MiB"),
        ((200, {}), "PROVIDER_MISCONFIGURED", "issuer"),
        (
            (200, DOCUMENT | {"id_token_signing_alg_values_supported": ["HS256"]}),
            "PROVIDER_MISCONFIGURED",
            "HS256",
        ),
    ],
    ids=str,
)
async def test_a_document_that_is_none(
    worlds: Callable[..., Any], page: tuple[Any, ...], code: str, word: str
) -> None:
    provider = FakeProvider()
    provider.pages[DISCOVERY] = page
    reply = await worlds(exchange=provider.exchange()).ask(ask())
    assert code_of(reply) == code
    assert word in error_of(reply)["message"]
    assert provider.forms() == []
