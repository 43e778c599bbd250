"""Attacks with a refresh token that has leaked from a host, at a provider that binds it to a key (DPoP)."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from joserfc import jwk, jws
from playwright.sync_api import Playwright, Route

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.hosts import Place, Window
from tests.e2e.support.interpreter import core_in, with_interpreter
from tests.e2e.support.oidc import BOUND, OidcProvider, journey_without_browser
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World

KEYS = """async () => {
    const opening = indexedDB.open("sso-bus-keys");
    const done = (request) =>
        new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
    const database = await done(opening);
    const stored = await done(database.transaction("keys").objectStore("keys").getAll());
    database.close();
    const found = [];
    for (const { pair } of stored) {
        const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
        const exported = [];
        for (const format of ["jwk", "pkcs8"])
            await crypto.subtle.exportKey(format, pair.privateKey).then(
                () => exported.push(format),
                () => {},
            );
        found.push({ x, y, exported, usages: pair.privateKey.usages, extractable: pair.privateKey.extractable });
    }
    return found;
}"""
"""What script on the bus's origin can find out about the stored keys."""


@dataclass
class Party:
    """A provider that binds tokens, and a host with a bus for it."""

    provider: OidcProvider
    place: Place
    src: str
    window: Window

    def sign_in(self) -> str:
        """Sign in; returns the refresh token, which the host has."""
        payload = journey_without_browser(self.provider, self.place.world.page, client_id=BOUND)
        got = self.window.ask("AUTH.SSO", payload)
        assert got["currentUser"]["name"] == "ada", got
        return str(got["credentials"]["refreshToken"])

    def open_again(self) -> None:
        """Open the host's page again, as a user who reloads it."""
        self.window = self.place.embed(self.window.tab, src=self.src)

    def refresh(self, window: Window | None = None) -> str:
        """Have the bus refresh tokens that are about to expire; returns the new ID token.

        The refresh token stays: this provider does not rotate what is bound.
        """
        window = window or self.window
        self.place.age(window, 890)
        before = self.place.record(window)["credentials"]
        got = window.ask("AUTH.CREDENTIALS")
        assert isinstance(got, dict), got
        assert got["credentials"]["idToken"] != before["idToken"]
        assert got["credentials"]["refreshToken"] == before["refreshToken"]
        return str(got["credentials"]["idToken"])

    def keys(self) -> list[dict[str, Any]]:
        """What can be found out about the stored keys."""
        return list(self.place.beside(self.window.tab, KEYS))

    def replaced(self) -> list[dict[str, Any]]:
        """The same, once the key of the session before is deleted: that goes on after the sign-in."""
        until = time.monotonic() + 30
        while len(found := self.keys()) > 1 and time.monotonic() < until:
            pass
        return found

    def present(self, refresh_token: str, proof: str = "") -> Any:
        """Do what a thief of a refresh token does; returns the provider's answer."""
        form = {
            "grant_type": "refresh_token",
            "client_id": BOUND,
            "refresh_token": refresh_token,
        }
        headers = {"DPoP": proof} if proof else {}
        return httpx.post(self.provider.token_endpoint, data=form, headers=headers)


def proof_of(url: str) -> str:
    """A faultless proof for a POST, by a thief's own key."""
    key = jwk.ECKey.generate_key("P-256")
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    claims = {
        "jti": secrets.token_urlsafe(16),
        "htm": "POST",
        "htu": url,
        "iat": int(time.time()),
    }
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["ES256"])


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def provider(world: World) -> Iterator[OidcProvider]:
    provider = OidcProvider(world.page, world.bus_origin)
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def module_party(provider: OidcProvider, world: World, open_module_tab: Opener) -> Party:
    sso = {"provider": "oidc", "issuer": provider.issuer, "client_id": BOUND, "dpop": "all"}
    name = f"dpop-{provider.issuer.rpartition(':')[2]}"
    src = world.bus(name, sso=sso, session={}, debug=True)
    place = Place(world, cast("Sessions", None), provider.issuer)
    return Party(provider, place, src, place.embed(open_module_tab(fresh=True), src=src))


@pytest.fixture
def party(module_party: Party) -> Iterator[Party]:
    """The party; whatever a test leaves of a session is over."""
    party = module_party
    yield party
    party.provider.want_nonces(wanted=False)
    assert isinstance(party.window.ask("AUTH.SIGN_OUT"), dict)


def test_a_refresh_token_that_has_leaked_is_worthless_outside_the_bus(party: Party) -> None:
    leaked = party.sign_in()
    [key] = party.keys()
    url = party.provider.token_endpoint
    for proof in ("", proof_of(url)):
        answer = party.present(leaked, proof)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    # Nor is there anything to steal beside it, for the bus's own key does the same again.
    assert (key["extractable"], key["exported"], key["usages"]) == (False, [], ["sign"])
    fresh = party.refresh()
    party.open_again()
    assert party.window.register()["user"]["name"] == "ada"
    assert party.refresh() != fresh
    assert party.keys() == [key]


def test_two_tabs_have_one_key_and_the_end_of_the_session_is_its_end(party: Party) -> None:
    party.sign_in()
    [key] = party.keys()
    other = party.place.embed(party.window.tab.beside(), src=party.src)
    assert other.register()["user"]["name"] == "ada"
    party.refresh(other)
    party.refresh()
    assert party.keys() == [key]
    party.sign_in()
    [fresh] = party.replaced()
    assert fresh["x"] != key["x"]
    party.refresh(other)
    other.ask("AUTH.SIGN_OUT")
    assert party.keys() == []
    assert party.window.ask("AUTH.CREDENTIALS") == "NO_SESSION"


@pytest.mark.engines("chromium")
@pytest.mark.parametrize("readable", [True, False], ids=["readable", "hidden by CORS"])
def test_a_provider_that_wants_nonces(party: Party, readable: bool) -> None:
    page = party.window.tab.page
    party.open_again()  # a new bus knows no nonce
    party.provider.want_nonces(wanted=True)
    answers: list[tuple[int, bool]] = []

    def token_endpoint(route: Route) -> None:
        answer = route.fetch()
        headers = dict(answer.headers)
        if not readable:
            # Where the header is missing, Playwright adds none of this kind.
            headers["access-control-expose-headers"] = "etag"
        if route.request.method == "POST":
            answers.append((answer.status, "dpop-nonce" in headers))
        route.fulfill(response=answer, headers=headers)

    page.context.route(party.provider.token_endpoint, token_endpoint)
    try:
        if readable:
            party.sign_in()
            assert answers == [(400, True), (200, False)]
            party.refresh()
            assert [status for status, _ in answers] == [400, 200, 200]
            return
        payload = journey_without_browser(party.provider, party.place.world.page, client_id=BOUND)
        got = party.window.request("AUTH.SSO", payload)["payload"]["error"]
        assert got["code"] == "PROVIDER_MISCONFIGURED"
        assert "Access-Control-Expose-Headers: DPoP-Nonce" in got["message"]
        assert answers == [(400, True)]
    finally:
        page.context.unroute_all()


def test_a_store_that_keeps_no_keys(party: Party) -> None:
    """Some engines give back null for a key that they were given (put, then get)."""
    party.open_again()
    party.window.tab.run_in(
        party.src,
        """() => {
            const { get } = IDBObjectStore.prototype;
            IDBObjectStore.prototype.get = function (key) {
                return get.call(this, key.includes(" ") ? "none" : key);
            };
        }""",
    )
    party.sign_in()
    assert party.place.stored(party.window.tab) == {}
    # The answer has come over a port, which may be faster than the way to the window.
    party.window.tab.run("async () => { await hear(({ payload }) => payload?.kept === 'memory'); }")
    said = party.window.tab.run(
        "() => heard.map(({ data }) => data).filter(({ type }) => type === 'BUS.DEBUG')"
    )
    kept = [each["payload"] for each in said if each["payload"]["event"] == "session"]
    assert [(each["kept"], each.get("reason")) for each in kept] == [
        ("partition", None),
        ("memory", "the browser's storage does not keep keys"),
    ]
    assert party.window.register()["user"]["name"] == "ada"
    assert party.keys() == []
    assert party.place.stored(party.window.tab) == {}
    party.open_again()
    assert party.window.register() is None


LEAVE = """(origins) => new Promise((resolve) => {
    const opening = indexedDB.open("sso-bus-keys");
    opening.onsuccess = () => {
        const transaction = opening.result.transaction("keys", "readwrite");
        const store = transaction.objectStore("keys");
        for (const origin of origins) {
            store.put({ at: Date.now() - 3_601_000 }, `${origin} old`);
            store.put({ at: Date.now() - 3_500_000 }, `${origin} young`);
        }
        transaction.oncomplete = () => { opening.result.close(); resolve(); };
    };
})"""
"""Leaves keys that no session has, some of them for more than an hour."""


@pytest.mark.engines("chromium")
def test_keys_that_no_session_has_any_more(party: Party) -> None:
    party.sign_in()
    tab, host, other = party.window.tab, party.window.host, party.place.world.other
    party.place.beside(tab, LEAVE, [host, other])
    party.window.ask("AUTH.SIGN_OUT")
    left = [f"{host} young", f"{other} old", f"{other} young"]
    assert sorted(party.place.stored(tab)) == sorted(f"sso-bus-keys/keys/{key}" for key in left)
    tab.expect("unreachable", "fatally failed")
    abort = with_interpreter("(it, abort) => { try { it.runPython(abort); } catch {} }")
    core = core_in(party.place.world, party.src)
    tab.run_in(party.src, abort, core, "import os; os.abort()")
    # Without Python, the early listener deletes all that the host has.
    assert party.window.ask("AUTH.SIGN_OUT") == "RUNTIME_DIED"
    assert sorted(party.place.stored(tab)) == sorted(
        f"sso-bus-keys/keys/{other} {name}" for name in ("old", "young")
    )
    party.open_again()
