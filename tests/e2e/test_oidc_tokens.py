"""Access tokens, and sessions without a refresh token, with a real OpenID Connect provider.

The rules are proved in tests/unit/session/test_tokens.py, and the mock is held to them in test_mock.py; here it
is that a real provider and a browser go along with them.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.oidc import API, ORG, running
from tests.e2e.support.party import Party, gathered
from tests.e2e.support.tab import LOADED, Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World
from tests.unit.session.tokens import claims

# What a person does at the provider's pages, the tests do with Playwright.
pytestmark = pytest.mark.engines("chromium")

MINUTES = 60
EXPIRED = {"type": "AUTH.REFRESH_TOKEN_EXPIRED"}
ONLINE = {"scope": "openid profile email", "resource": API}
"""A request for access to the API, without a refresh token."""


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def module_party(browser: Opener, open_module_tab: Opener, world: World) -> Iterator[Party]:
    with running("oidc-provider", world.page, world.bus_origin) as provider:
        sso = {
            "provider": "oidc",
            "issuer": provider.issuer,
            "client_id": provider.client_id,
            "company_claim": "org",
            "access_token": True,
            "resource": API,
            "refresh_token": "optional",
        }
        src = world.bus(
            f"tokens-{provider.issuer.rpartition(':')[2]}", sso=sso, session={}, debug=True
        )
        yield gathered(provider, world, src, open_module_tab(fresh=True), browser)


@pytest.fixture
def party(module_party: Party) -> Iterator[Party]:
    """The party; whatever a test leaves of a session is over."""
    party = module_party
    yield party
    party.one.ask("AUTH.SIGN_OUT")
    assert party.two.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    party.asked.clear()
    for each in (party.one, party.two):
        each.run("() => { pushed.length = 0; }")


def both_hear(party: Party, *expected: Any) -> None:
    for each in (party.one, party.two):
        assert each.pushes(len(expected)) == list(expected)


def test_an_access_token_for_the_api_comes_with_each_pair(party: Party) -> None:
    party.one.run(
        """() => {
            window.reported = [];
            addEventListener("message", ({ data }) => reported.push(JSON.stringify(data)));
        }"""
    )
    before = party.sign_in(more={"resource": API})["credentials"]
    assert set(before) == {"idToken", "refreshToken", "accessToken", "accessTokenExpiresAt"}
    assert claims(before["accessToken"])["aud"] == API
    lives = before["accessTokenExpiresAt"] - claims(before["accessToken"])["iat"] * 1000
    assert 300_000 <= lives < 360_000  # by the browser's clock, from its arrival
    party.later(4 * MINUTES)  # the ID token is good for ten minutes more
    [fresh] = party.one.pushes(1)
    assert party.two.pushes(1) == [fresh]
    assert fresh["type"] == "AUTH.TOKEN_REFRESHED"
    after = fresh["payload"]
    assert set(after) == set(before)
    assert claims(after["accessToken"])["aud"] == API
    assert after["accessToken"] != before["accessToken"]
    assert after["accessTokenExpiresAt"] > before["accessTokenExpiresAt"]
    assert party.refreshes() == [before["refreshToken"]]
    [form] = party.forms(party.provider.token_endpoint)
    assert form["resource"] == API
    for each in (party.one, party.two):
        assert each.ask("AUTH.CREDENTIALS")["credentials"] == after
    # Replies and pushes come over ports; what the window hears are the reports of a debug build.
    reports = party.one.run("() => reported")
    assert any('"BUS.DEBUG"' in each and party.provider.token_endpoint in each for each in reports)
    said = "\n".join([*reports, *party.tab.lines])
    secrets = [pair[name] for pair in (before, after) for name in pair if name.endswith("Token")]
    assert len(secrets) == 6
    assert not [secret for secret in secrets if secret in said]


def test_a_resource_that_the_sign_in_was_not_for(party: Party) -> None:
    # The bus asks for the API (RFC 8707), for which the sign-in did not begin: the host gets the provider's own error.
    asked = party.journey()
    got = party.one.run("(payload) => request('AUTH.SSO', payload)", asked)
    assert got["type"] == "AUTH.SSO_REJECTED"
    assert got["payload"]["error"]["error"] == "invalid_target"
    assert party.two.pushes(0) == []


def test_a_session_without_a_refresh_token(party: Party) -> None:
    tokens = party.sign_in(more=ONLINE)["credentials"]
    assert set(tokens) == {"idToken", "accessToken", "accessTokenExpiresAt"}
    party.later(4 * MINUTES)
    for each in (party.one, party.two):
        held = each.ask("AUTH.CREDENTIALS", {"minValiditySeconds": 600})
        assert held["credentials"] == tokens
        assert held["company"] == ORG
        assert each.pushes(0) == []
    # The page is loaded anew, and its session is there as before.
    page = party.two.page
    page.reload()
    page.evaluate(LOADED)
    # The clock of its new frame is as far ahead as all others are; see `Party.later`.
    ahead = party.ahead * 1000
    page.add_init_script(
        f"window.rightNow = Date.now.bind(Date); Date.now = () => rightNow() + {ahead};"
    )
    party.two.run("(src) => raw(src).ready", party.src)
    party.two.run("() => init()")
    assert party.two.pushes(1) == [{"type": "AUTH.TOKEN_REFRESHED", "payload": tokens}]
    party.later(61)
    both_hear(party, EXPIRED)
    for each in (party.one, party.two):
        assert each.ask("AUTH.CREDENTIALS") == "NO_SESSION"
        assert each.pushes(0) == []
    assert party.forms(party.provider.token_endpoint) == []


def test_its_sign_out_asks_the_provider_for_nothing(party: Party) -> None:
    party.sign_in(more=ONLINE)
    party.one.ask("AUTH.SIGN_OUT")
    assert party.two.pushes(1) == [{"type": "AUTH.SESSION_CHANGED", "payload": {"user": None}}]
    assert party.one.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    assert party.forms(party.provider.revocation_endpoint) == []
    assert [parse_qs(each.post_data or "") for each in party.asked if each.method == "POST"] == []
