"""Signing in at real OpenID Connect providers: their login pages, their codes, their keys."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Route

from tests.e2e.support.oidc import KINDS, ORG, Provider, journey, running
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.world import World

# At their login pages, a person does what the tests can do with Playwright.
pytestmark = pytest.mark.engines("chromium", "firefox")


DAY = 86_400


@dataclass
class Party:
    """A provider, and a host page with a bus for it."""

    provider: Provider
    tab: Tab
    src: str
    journey: Callable[..., dict[str, str]]

    def ask(self, payload: dict[str, str]) -> Any:
        return self.tab.run("(payload) => ask(payload)", payload)


def bus(world: World, provider: Provider, client_id: str = "") -> str:
    """Return the address of a bus for a provider, which is new with each engine."""
    client_id = client_id or provider.client_id
    sso = {
        "provider": "oidc",
        "issuer": provider.issuer,
        "client_id": client_id,
        "company_claim": "org",
    }
    return world.bus(f"{client_id}-{provider.issuer.rpartition(':')[2]}", sso=sso)


@pytest.fixture(scope="module", params=KINDS)
def party(
    request: pytest.FixtureRequest, browser: Opener, open_module_tab: Opener, world: World
) -> Iterator[Party]:
    with running(request.param, world.page, world.bus_origin) as provider:
        # connect_origins is not set: the build asks the provider.
        src = bus(world, provider)
        tab = open_module_tab().goto(world.page)
        tab.run("(src) => embed({ src }).ready", src)
        yield Party(
            provider,
            tab,
            src,
            lambda **more: journey(browser, provider, world.page, **more),
        )


def claims(id_token: str) -> dict[str, Any]:
    payload = id_token.split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def refused(got: Any, error: str = "invalid_grant") -> bool:
    """The provider's own error (RFC 6749, 5.2), unchanged."""
    assert got["code"] == "REJECTED", got
    assert got["error"]["error"] == error
    assert got["meta"] == {"source": "backend", "status": 400}
    return True


def test_signs_in(party: Party) -> None:
    got = party.ask(party.journey(user="ada"))
    assert "fulfilled" in got, got
    signed_in = got["fulfilled"]
    assert set(signed_in["credentials"]) == {"idToken", "refreshToken"}
    token = claims(signed_in["credentials"]["idToken"])
    assert (token["iss"], token["sub"], token["nonce"]) == (party.provider.issuer, "ada", "a-nonce")
    # Optional in the code flow: one of them binds its token to the access token, one does not.
    assert ("at_hash" in token) == (party.provider.client_id == "crm-at-authlib")
    user = signed_in["currentUser"]
    assert (user["sub"], user["name"], user["email"]) == ("ada", "ada", "ada@example.com")
    assert signed_in["company"] == ORG


def test_a_nonce_that_the_bus_is_not_told(party: Party) -> None:
    """OpenID Connect Core 1.0, 2: it must be the one that was sent; the bus cannot know."""
    payload = party.journey()
    del payload["nonce"]
    got = party.ask(payload)
    assert got["code"] == "ID_TOKEN_INVALID"
    assert "nonce" in got["message"]


def test_a_sign_in_without_a_nonce(party: Party) -> None:
    payload = party.journey(nonce="")
    del payload["nonce"]
    assert "fulfilled" in party.ask(payload)


def test_a_code_that_nobody_issued(party: Party) -> None:
    assert refused(party.ask(party.journey() | {"code": "made-up"}))


def test_a_code_that_is_replayed(party: Party) -> None:
    payload = party.journey()
    assert "fulfilled" in party.ask(payload)
    assert refused(party.ask(payload))


def test_another_verifier(party: Party) -> None:
    assert refused(party.ask(party.journey() | {"codeVerifier": "v" * 43}))


def test_no_verifier(party: Party) -> None:
    payload = party.journey()
    del payload["codeVerifier"]
    got = party.ask(payload)
    assert got["code"] == "INVALID_PAYLOAD"
    assert got["error"]["details"][0]["loc"] == ["codeVerifier"]


def test_another_redirect_url(party: Party) -> None:
    payload = party.journey()
    assert refused(party.ask(payload | {"redirectUrl": payload["redirectUrl"] + "?"}))


def test_a_code_that_has_expired(party: Party) -> None:
    payload = party.journey()
    party.provider.advance(90)
    try:
        assert refused(party.ask(payload))
    finally:
        party.provider.advance(0)


def test_another_nonce(party: Party) -> None:
    got = party.ask(party.journey(nonce="one") | {"nonce": "another"})
    assert got["code"] == "ID_TOKEN_INVALID"
    assert "nonce" in got["message"]


def test_rotated_keys(party: Party) -> None:
    assert "fulfilled" in party.ask(party.journey())
    party.provider.rotate()
    assert "fulfilled" in party.ask(party.journey())
    assert "fulfilled" in party.ask(party.journey())


@pytest.mark.engines("chromium")
def test_a_key_that_is_withdrawn(party: Party, open_tab: Opener, world: World) -> None:
    """A page that has been open for a day looks at the keys again, and refuses what they do not sign."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", party.src)
    ask = "(payload) => ask(payload)"
    assert "fulfilled" in tab.run(ask, party.journey())
    address = httpx.get(f"{party.provider.issuer}/.well-known/openid-configuration").json()
    looks: list[str] = []

    def withdrawn(route: Route) -> None:
        looks.append(route.request.url)
        headers = {"Access-Control-Allow-Origin": world.bus_origin}
        route.fulfill(json={"keys": []}, headers=headers)

    tab.page.route(address["jwks_uri"], withdrawn)
    assert "fulfilled" in tab.run(ask, party.journey())
    assert looks == []
    party.provider.advance(DAY)
    try:
        tab.run_in(
            party.src,
            """(ms) => {
                const rightNow = Date.now.bind(Date);
                Date.now = () => rightNow() + ms;
            }""",
            DAY * 1000,
        )
        got = tab.run(ask, party.journey())
        assert got["code"] == "ID_TOKEN_INVALID", got
        assert "does not publish" in got["message"]
        assert len(looks) == 2  # the day's, and one more because no key fits
    finally:
        party.provider.advance(0)


def test_the_bus_may_reach_just_the_provider(party: Party) -> None:
    policy = party.tab.run_in(
        party.src,
        "() => document.querySelector('meta[http-equiv=Content-Security-Policy]').content",
    )
    assert f"connect-src 'self' {party.provider.issuer};" in policy


@pytest.mark.engines("chromium")
def test_a_sign_in_for_which_the_host_configures_nothing(open_tab: Opener, world: World) -> None:
    """The build asks the provider, BUS.READY says it, signin.js does it, and the bus checks it."""
    page = f"{world.host}/pages/signin.html"
    with running("oidc-provider", page, world.bus_origin) as provider:
        sso = {
            "provider": "oidc",
            "issuer": provider.issuer,
            "client_id": provider.client_id,
            "company_claim": "org",
            "authorization_params": {"prompt": "consent", "ui_locales": "en"},
            "max_age_seconds": 3600,
        }
        src = world.bus(f"short-{provider.issuer.rpartition(':')[2]}", sso=sso)
        tab = open_tab().goto(page)
        ready = tab.run("(src) => embed({ src }).ready", src)
        assert ready["authorization"] == {
            "authorizeUrl": provider.authorization_endpoint,
            "clientId": provider.client_id,
            "scope": "openid profile email offline_access",
            "issuer": provider.issuer,
            "issRequired": True,
            "params": {"prompt": "consent", "ui_locales": "en", "max_age": "3600"},
        }
        tab.expect(*LEFT)
        tab.run("() => { start({ bus, redirectUrl: location.pathname }); }")
        provider.sign_in(tab.page, "ada")
        tab.wait_for_line("back in the tab")
        assert "iss=" in tab.run("() => location.search")
        tab.run("(src) => { embed({ src }); }", src)
        got = tab.run("() => finish({ bus })")
    assert got["fulfilled"]["company"] == ORG
    token = claims(got["fulfilled"]["credentials"]["idToken"])
    assert token["nonce"]
    assert token["auth_time"] > token["iat"] - 60


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_other_algorithms(browser: Opener, open_tab: Opener, world: World, alg: str) -> None:
    with running("oidc-provider", world.page, world.bus_origin) as provider:
        client = f"crm-{alg.lower()}"
        src = bus(world, provider, client_id=client)
        tab = open_tab().goto(world.page)
        tab.run("(src) => embed({ src }).ready", src)
        payload = journey(browser, provider, world.page, client_id=client)
        got = tab.run("(payload) => ask(payload)", payload)
    assert got["fulfilled"]["company"] == ORG


def test_a_provider_that_does_not_allow_the_buss_origin(
    browser: Opener, open_tab: Opener, world: World
) -> None:
    """npm oidc-provider refuses such a client in its answer's body, which the browser withholds."""
    with running("oidc-provider", world.page, "https://another-bus.example") as provider:
        src = bus(world, provider)
        tab = open_tab().goto(world.page)
        tab.run("(src) => embed({ src }).ready", src)
        got = tab.run("(payload) => ask(payload)", journey(browser, provider, world.page))
    assert got["code"] == "PROVIDER_MISCONFIGURED", got
    assert "CORS" in got["message"]
