"""Sessions with real OpenID Connect providers, which rotate refresh tokens and punish their reuse.

What a session does is proved in tests/unit/session, and what the bus asks of a provider in
tests/unit/exchange/oidc; here it is that real providers and browsers go along with it.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Playwright, Route

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.oidc import running
from tests.e2e.support.party import Party, gathered
from tests.e2e.support.providers.chosen import chosen_providers
from tests.e2e.support.tab import Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World

# At the providers' pages, a person does what the tests can do with Playwright. What differs between
# engines is proved with a backend, in test_session.py.
pytestmark = pytest.mark.engines("chromium")

EXPIRED = {"type": "AUTH.REFRESH_TOKEN_EXPIRED"}


class Beside:
    """A page with the same profile as another, for `journey`."""

    def __init__(self, page: Page) -> None:
        self.page = page.context.new_page()
        self.close = self.page.close


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module", params=chosen_providers())
def providers_party(
    request: pytest.FixtureRequest, browser: Opener, open_module_tab: Opener, world: World
) -> Iterator[Party]:
    with running(request.param, world.page, world.bus_origin) as provider:
        sso = {
            "provider": "oidc",
            "issuer": provider.issuer,
            "client_id": provider.client_id,
            "company_claim": "org",
            **provider.session_settings,
        }
        src = world.bus(
            f"session-{urlsplit(provider.issuer).port}",
            sso=sso,
            session={"post_logout_redirect_uri": f"{world.page}?bye"},
        )
        yield gathered(provider, world, src, open_module_tab(fresh=True), browser)


@pytest.fixture
def party(providers_party: Party) -> Iterator[Party]:
    """The party; whatever a test leaves of a session is over."""
    party = providers_party
    yield party
    party.tab.page.context.unroute_all()
    party.one.ask("AUTH.SIGN_OUT")
    assert party.two.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    for each in (party.one, party.two):
        each.run("() => { pushed.length = 0; }")


def test_refreshes_in_time_once_for_both_tabs(party: Party) -> None:
    before = party.sign_in()["credentials"]
    for again in (False, True):
        if again and not party.provider.forgets_with_its_keys:
            party.provider.rotate()
        party.later()
        [fresh] = party.one.pushes(1)
        assert party.two.pushes(1) == [fresh]
        assert fresh["type"] == "AUTH.TOKEN_REFRESHED"
        # One refresh, by one of them; where tokens are rotated, each is sent once.
        assert party.refreshes() == [before["refreshToken"]]
        rotated = fresh["payload"]["refreshToken"] != before["refreshToken"]
        assert rotated == party.provider.rotates
        assert fresh["payload"]["idToken"] != before["idToken"]
        before = fresh["payload"]
        for each in (party.one, party.two):
            held = each.ask("AUTH.CREDENTIALS")
            assert held["credentials"] == before
            assert held["currentUser"]["email"] == "ada@example.com"
            assert held["company"] == party.provider.company
            assert each.pushes(0) == []
        party.asked.clear()


def test_an_answer_that_is_lost(party: Party) -> None:
    before = party.sign_in()["credentials"]["refreshToken"]
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost or "refresh_token=" not in (route.request.post_data or ""):
            route.continue_()
        else:
            lost.append(route.fetch().json().get("refresh_token", before))
            route.abort()

    party.tab.page.context.route(party.provider.token_endpoint, lose)
    party.later()
    got = [each.pushes(1)[0] for each in (party.one, party.two)]
    assert got[0] == got[1]
    # The same token again; between the two, the bus asks why, without it. Where the ID token in the
    # second answer is of no use, the refresh token in it is, and the bus asks once more.
    good = party.provider.repeats_well or not party.provider.grace_seconds
    assert party.refreshes() == [before, before, *([] if good else lost)]
    assert len(lost) == 1
    if party.provider.grace_seconds:
        assert got[0]["type"] == "AUTH.TOKEN_REFRESHED"
        assert party.one.ask("AUTH.CREDENTIALS")["credentials"] == got[0]["payload"]
    else:  # to this provider, that is reuse
        assert got[0] == EXPIRED
        assert party.one.ask("AUTH.CREDENTIALS") == "NO_SESSION"


def test_a_sign_in_on_another_device(party: Party) -> None:
    """`auth_time` of a refreshed ID token is that of the sign-in (OpenID Connect Core 1.0, 12.2)."""
    before = party.sign_in()["credentials"]
    party.ahead += 60
    party.provider.advance(party.ahead)
    party.journey()  # with the same account
    party.later()
    for each in (party.one, party.two):
        [fresh] = each.pushes(1)
        assert fresh["type"] == "AUTH.TOKEN_REFRESHED"
        assert fresh["payload"]["idToken"] != before["idToken"]
        assert each.ask("AUTH.CREDENTIALS")["credentials"] == fresh["payload"]


def test_a_token_that_a_thief_uses_ends_the_session(party: Party) -> None:
    before = party.sign_in()["credentials"]["refreshToken"]
    party.later()
    [fresh] = party.one.pushes(1)
    party.two.pushes(1)
    party.later(60)  # longer than any grace
    stolen = party.present(before)
    party.later()
    if not party.provider.rotates:  # nobody can tell
        assert stolen.status_code == 200
        assert party.one.pushes(1)[0]["type"] == "AUTH.TOKEN_REFRESHED"
        return
    assert stolen.json()["error"] == "invalid_grant"
    assert party.one.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    for each in (party.one, party.two):
        assert each.pushes(1) == [EXPIRED]
        assert each.ask("AUTH.CREDENTIALS") == "NO_SESSION"
        assert each.pushes(0) == []
    assert party.refreshes() == [before, fresh["payload"]["refreshToken"]]


def test_signing_out(party: Party) -> None:
    # In the same profile, so that there is a session at the provider's pages as well.
    signed_in = party.sign_in(open_tab=lambda: Beside(party.one.page))
    token = signed_in["credentials"]["refreshToken"]
    signed_out = party.one.ask("AUTH.SIGN_OUT")
    assert party.present("made-up").json()["error"] == party.provider.unknown_token
    if party.provider.revocation_endpoint:
        assert party.forms(party.provider.revocation_endpoint) == [
            {
                "client_id": party.provider.client_id,
                "token": token,
                "token_type_hint": "refresh_token",
            }
        ]
        assert party.present(token).json()["error"] == "invalid_grant"
    else:
        assert party.present(token).status_code == 200
    assert party.two.pushes(1) == [{"type": "AUTH.SESSION_CHANGED", "payload": {"user": None}}]
    if not party.provider.logs_out:
        assert signed_out == {}
        return
    page = party.tab.page.context.new_page()
    page.goto(signed_out["logoutUrl"])
    party.provider.sign_out(page)
    page.wait_for_url(f"{party.world.page}?bye")
    page.close()
    assert party.present(token).json()["error"] == "invalid_grant"


def test_a_revocation_endpoint_without_cors(party: Party) -> None:
    if party.provider.revocation_endpoint is None:
        pytest.skip("this provider has no revocation endpoint; test_signing_out asserts that")

    def without_cors(route: Route) -> None:
        answer = route.fetch()
        # Where the header is missing, Playwright adds it.
        other = {"access-control-allow-origin": "https://another-bus.example"}
        route.fulfill(response=answer, headers=answer.headers | other)

    party.tab.page.context.route(party.provider.revocation_endpoint, without_cors)
    after = len(party.tab.lines)
    tokens = []
    for _ in range(2):
        tokens.append(party.sign_in()["credentials"]["refreshToken"])
        assert isinstance(party.one.ask("AUTH.SIGN_OUT"), dict)
        party.two.pushes(1)
    party.tab.wait_for_line("revocation endpoint", after)
    said = [line for line in party.tab.lines[after:] if "revocation endpoint" in line]
    assert len(said) == 1
    assert "CORS" in said[0]
    # The request itself had arrived.
    for token in tokens:
        assert party.present(token).json()["error"] == "invalid_grant"
