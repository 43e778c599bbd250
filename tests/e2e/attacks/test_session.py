"""Attacks on sessions: by another host, by what is stored, by repetition, by timing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.hosts import Place, Window, changed, refreshed, until
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World

Tabs = tuple[Window, Window]


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def tabs(place: Place, open_module_tab: Opener) -> Tabs:
    """A host, and a second allowed host on its site; both with pushes."""
    tab = open_module_tab(fresh=True)
    host, other = place.embed(tab), place.embed(tab.beside(), place.world.other)
    for window in (host, other):
        window.init()
    return host, other


def starts_again(place: Place, window: Window) -> None:
    """Load a page again: only the start of a bus deletes what is no session of its own."""
    again = place.embed_again(window)
    assert again.register() is None
    again.init()


@pytest.fixture
def pair(tabs: Tabs, sessions: Sessions) -> Iterator[Tabs]:
    """The two; whatever a test leaves of a session is over, and a good sign-in follows."""
    yield tabs
    sessions.release()
    for window in tabs:
        window.ask("AUTH.SIGN_OUT")
        assert window.sign_in("good")["currentUser"] == {"name": "good"}
        assert window.ask("AUTH.SIGN_OUT") == {}
        window.pushes(0)


def test_a_host_that_registers_as_another(pair: Tabs) -> None:
    host, other = pair
    host.sign_in("ann")
    for origin in (host.host, f"{other.host}/", other.host.upper(), "null", "*"):
        payload = {"origin": origin, "appName": "app", "release": "1"}
        assert other.ask("BUS.REGISTER", payload) == "ORIGIN_MISMATCH"
    assert other.register() is None
    assert host.register() == {"user": {"name": "ann"}}


def test_a_second_allowed_host_on_the_same_site(pair: Tabs, sessions: Sessions) -> None:
    host, other = pair
    signed_in = host.sign_in("ann")
    assert other.register() is None
    assert other.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    assert other.ask("AUTH.SIGN_OUT") == {}
    assert sessions.sent("revoke") == []
    assert host.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    assert host.pushes(0) == other.pushes(0) == []


TAMPERED: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://other.example.com"},
    "another maker": {"maker": {"provider": "json", "refresh_url": "https://evil.example.com/"}},
    "credentials that are none": {"credentials": {"idToken": ""}},
    "a key too many": {"more": 1},
    "an age that is over": {"expires": 1},
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_record_that_was_tampered_with(
    pair: Tabs, place: Place, sessions: Sessions, how: str
) -> None:
    host, _ = pair
    host.sign_in("ann")
    record = place.record(host)
    place.store(host.tab, host.host, json.dumps(record | TAMPERED[how]))
    assert host.register() is None
    assert host.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    starts_again(place, host)
    until(lambda: place.stored(host.tab) == {})
    assert sessions.sent("refresh") == []


def test_another_hosts_record_in_its_place(pair: Tabs, place: Place) -> None:
    host, other = pair
    host.sign_in("ann")
    place.store(other.tab, other.host, json.dumps(place.record(host)))
    assert other.register() is None
    starts_again(place, other)
    until(lambda: f"sso-bus/sessions/{other.host}" not in place.stored(other.tab))
    assert host.register() == {"user": {"name": "ann"}}


def test_a_record_of_a_newer_version(pair: Tabs, place: Place, sessions: Sessions) -> None:
    host, _ = pair
    host.sign_in("ann")
    newer = json.dumps(place.record(host) | {"version": 2, "more": 1})
    place.store(host.tab, host.host, newer)
    assert host.register() is None
    assert host.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    assert list(place.stored(host.tab).values()) == [newer]
    assert sessions.sent("refresh") == []


def test_a_flood_of_requests_for_credentials_is_one_refresh(
    pair: Tabs, place: Place, sessions: Sessions
) -> None:
    host, _ = pair
    host.sign_in("ann")
    place.age(host, 890)
    got = host.tab.run(
        """() => Promise.all(
            Array.from({ length: 50 }, () => request("AUTH.CREDENTIALS", { minValiditySeconds: 600 })),
        )"""
    )
    assert len(sessions.sent("refresh")) == 1
    tokens = {json.dumps(reply["payload"]["credentials"]) for reply in got}
    assert [json.loads(each)["refreshToken"] for each in tokens] == [
        sessions.families[-1].tokens[-1]
    ]


def test_pushes_that_are_replayed_into_the_bus(pair: Tabs) -> None:
    """By the window, and by the very port that they came over: nobody listens there."""
    host, _ = pair
    signed_in = host.sign_in("ann")
    host.tab.run(
        """(pushes) => {
            for (const push of pushes) {
                rawBus.post(push);
                rawBus.post({ ...push, id: "replayed" });
                initPort.postMessage(push);
            }
            initPort.postMessage({ type: "AUTH.SIGN_OUT", id: "port", payload: {} });
        }""",
        [
            refreshed({"idToken": "evil", "refreshToken": "evil"}),
            changed(None),
            {"type": "AUTH.REFRESH_TOKEN_EXPIRED", "payload": {}},
        ],
    )
    assert host.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    assert host.register() == {"user": {"name": "ann"}}
    assert host.pushes(0) == []
    heard = host.tab.run("() => heard.map(({ data }) => data)")
    assert [data for data in heard if "id" in data] == []


def test_words_that_a_tab_of_another_host_makes_up(pair: Tabs, place: Place) -> None:
    """A host cannot post to the channel, and no post to it can end a stored session."""
    host, other = pair
    signed_in = host.sign_in("ann")
    words = [{"kind": kind, "origin": host.host, "generation": ""} for kind in ("END", "OUT", "X")]
    say = """(words) => {
        const channel = new BroadcastChannel("sso-bus");
        for (const word of words) channel.postMessage(JSON.stringify(word));
        channel.postMessage({ kind: "OUT" });
        channel.close();
    }"""
    other.tab.run(say, words)
    place.beside(other.tab, say, words)
    assert host.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    assert host.pushes(0) == []


@pytest.mark.parametrize("first", ["sign-in", "refresh"])
def test_a_sign_out_that_races_everything(
    pair: Tabs, place: Place, sessions: Sessions, first: str
) -> None:
    """Whatever is in flight, nobody is signed in afterwards, and late tokens are revoked."""
    host, _ = pair
    host.sign_in("ann")
    sessions.hold()
    if first == "refresh":
        place.age(host, 890)
        host.tab.run("() => { window.asked = request('AUTH.CREDENTIALS'); }")
        sessions.wait_for("refresh")
    else:
        payload = {"code": "bob/race", "redirectUrl": "https://app.example.com/cb"}
        host.tab.run("(payload) => { window.asked = request('AUTH.SSO', payload); }", payload)
    host.tab.run("() => { window.out = request('AUTH.SIGN_OUT'); }")
    assert host.register() is None  # it is erased by then, and nothing waits for the backend
    sessions.release()
    assert host.tab.run("() => out")["type"] == "AUTH.SIGN_OUT_FULFILLED"
    asked = host.tab.run("() => asked")
    code = "NO_SESSION" if first == "refresh" else "CANCELLED"
    assert asked["payload"]["error"]["code"] == code
    assert host.register() is None
    assert place.stored(host.tab) == {}
    assert host.pushes(0) == []
    if first == "refresh":
        family = sessions.families[-1]
        revoked = {body["refreshToken"] for body in sessions.wait_for("revoke", 2)}
        assert revoked == set(family.tokens)
