"""Sessions of pages that are cached, frozen, offline, left, or share locks with a page that stands still."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.hosts import Place, Window, changed, refreshed, until
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.unhelped import BACK_FORWARD_CACHE, merged, partitioning, skip_if_built_in
from tests.e2e.support.world import World

LIMIT_SECONDS = 2
"""The time limit of the buses here: a refresh that is marked is waited for so long."""


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage and keeps pages, as users' browsers do."""
    options = merged(partitioning(playwright, engine), BACK_FORWARD_CACHE[engine])
    with opened(playwright, engine, world.reports, **options) as open_tab:
        yield open_tab


@pytest.fixture
def quick(place: Place) -> str:
    """The address of a bus with a short time limit."""
    return place.bus("quick", request_timeout_seconds=LIMIT_SECONDS)


def lock_of(world: World) -> str:
    return f"sso-bus:refresh:{world.host}"


HOLD = """(name) => new Promise((held) => {
    navigator.locks.request(name, () => new Promise(() => held()));
})"""
"""Takes a lock and never gives it back."""


# -- the back-forward cache -----------------------------------------------------------------------


def test_what_changed_while_a_page_was_cached_is_looked_at_first(
    open_tab: Opener, place: Place, playwright: Playwright, engine: str, world: World
) -> None:
    """Another tab has signed in as somebody else, and no word of it reached the page."""
    skip_if_built_in(playwright, engine)
    tab = open_tab(fresh=True)
    window, other = place.embed(tab), place.embed(tab.beside())
    window.init()
    window.sign_in("ann")
    anns = place.stored(other.tab)
    bob = other.sign_in("bob")
    window.pushes(2)
    bobs = place.stored(other.tab)
    put(place, other, anns)
    window.ask("AUTH.CREDENTIALS")
    window.pushes(2)

    leave(tab, world)
    put(place, other, bobs)
    come_back(tab)
    assert window.pushes(2) == [changed("bob"), refreshed(bob["credentials"])]
    assert window.ask("AUTH.CREDENTIALS")["credentials"] == bob["credentials"]


def test_session_js_says_what_has_happened_while_its_page_was_cached(
    open_tab: Opener, place: Place, playwright: Playwright, engine: str, world: World
) -> None:
    skip_if_built_in(playwright, engine)
    tab = open_tab(fresh=True).goto(f"{world.host}/pages/session_js.html")
    tab.run("(src) => begin(src)", place.bus())
    tab.run("() => session.signIn({ code: 'ann/1', redirectUrl: 'https://app.example.com/' })")
    other = place.embed(tab.beside())
    anns = place.stored(other.tab)
    other.sign_in("bob")
    assert tab.run("() => changes(3)")[2] == ["signed-in", "signed-in", "other-user", "bob"]
    bobs = place.stored(other.tab)
    put(place, other, anns)
    tab.run("() => session.credentials()")
    assert tab.run("() => changes(1)")[0] == ["signed-in", "signed-in", "other-user", "ann"]
    leave(tab, world)
    put(place, other, bobs)
    come_back(tab)
    assert tab.run("() => changes(1)")[0] == ["signed-in", "signed-in", "other-user", "bob"]


def leave(tab: Tab, world: World) -> None:
    """Go to another page; `come_back` sees whether the page was kept meanwhile."""
    tab.run(
        "() => { addEventListener('pageshow', ({ persisted }) => { window.persisted = persisted; }); }"
    )
    tab.goto(f"{world.other}/pages/host.html")


def come_back(tab: Tab) -> None:
    tab.back()
    assert tab.run("() => window.persisted ?? false") is True, (
        "the page was not kept: nothing is shown"
    )


def put(place: Place, window: Window, stored: dict[str, str]) -> None:
    """Store a session as another tab would, but say no word of it."""
    [text] = stored.values()
    place.store(window.tab, window.host, text)


@pytest.mark.engines("chromium", "webkit")  # Firefox shows no frame its locks
def test_a_page_that_is_left_in_a_refresh_leaves_no_lock_and_loses_no_session(
    open_tab: Opener, place: Place, sessions: Sessions, quick: str, world: World
) -> None:
    """The next page, which may get the first one's answer as well, finds the mark and asks once more."""
    tab = open_tab(fresh=True)
    tab.expect(*LEFT)
    window, other = place.embed(tab, src=quick), place.embed(tab.beside(), src=quick)
    window.init()
    signed_in = window.sign_in("ann")
    place.age(other, 890)
    sessions.hold()
    tab.run("() => { request('AUTH.CREDENTIALS'); }")
    sessions.wait_for("refresh")
    assert place.locks(other.tab) == [f"{lock_of(world)} held"]
    tab.goto(f"{world.other}/pages/host.html")
    until(
        lambda: place.locks(other.tab) == []
    )  # its frame has a process of its own, and goes by itself
    sessions.release()
    # A request waits no longer for the mark than its time limit, and gets the old tokens then.
    until(lambda: other.ask("AUTH.CREDENTIALS")["credentials"] != signed_in["credentials"])
    got = other.ask("AUTH.CREDENTIALS")["credentials"]
    old = signed_in["credentials"]["refreshToken"]
    assert {body["refreshToken"] for body in sessions.sent("refresh")} == {old}
    assert len(sessions.sent("refresh")) <= 2
    assert got["refreshToken"] == sessions.family(old).tokens[-1]
    assert not sessions.family(old).revoked


# -- locks ----------------------------------------------------------------------------------------


@pytest.mark.engines("chromium", "webkit")  # Firefox shows no frame its locks
def test_a_lock_that_somebody_never_gives_back_is_waited_for_and_not_stolen(
    open_tab: Opener, place: Place, sessions: Sessions, world: World
) -> None:
    tab = open_tab(fresh=True)
    window, other = place.embed(tab), place.embed(tab.beside())
    window.sign_in("ann")
    place.age(window, 890)
    place.beside(other.tab, HOLD, lock_of(world))
    began = time.monotonic()
    fresh = window.ask("AUTH.CREDENTIALS")["credentials"]
    assert time.monotonic() - began > 4.9
    assert fresh["refreshToken"] == sessions.families[-1].tokens[1]
    assert place.locks(other.tab) == [f"{lock_of(world)} held"]


@pytest.mark.engines("chromium", "webkit")  # Firefox shows no frame its locks
def test_a_lock_is_given_up_when_that_is_asked_for(open_tab: Opener, place: Place) -> None:
    """While it is waited for, while it is held, and before it was asked for."""
    tab = open_tab(fresh=True)
    one, two = place.embed(tab), place.embed(tab.beside())
    lock = """async () => {
        window.holding = new AbortController();
        window.end = ssoBus.session("lock", "a lock", holding.signal);
    }"""
    give_up = "async () => { holding.abort(); return (await end).failed; }"
    one.tab.run_in(place.bus(), lock)
    assert one.tab.run_in(place.bus(), "async () => (await end).failed") is False
    assert place.locks(two.tab) == ["a lock held"]
    two.tab.run_in(place.bus(), lock)
    until(lambda: place.locks(one.tab) == ["a lock held", "a lock pending"])
    assert two.tab.run_in(place.bus(), give_up) is True
    until(lambda: place.locks(two.tab) == ["a lock held"])
    assert one.tab.run_in(place.bus(), give_up) is False
    until(lambda: place.locks(two.tab) == [])
    gone = """async () => {
        const over = AbortSignal.abort();
        return (await ssoBus.session("lock", "a lock", over)).failed;
    }"""
    assert one.tab.run_in(place.bus(), gone) is True
    assert place.locks(two.tab) == []


# -- frozen, offline ------------------------------------------------------------------------------


@pytest.mark.engines("chromium")  # no other driver freezes pages
def test_a_page_that_is_frozen_in_a_refresh_holds_nobody_up(
    open_tab: Opener, place: Place, sessions: Sessions, quick: str, world: World
) -> None:
    tab = open_tab(fresh=True)
    window, other = place.embed(tab, src=quick), place.embed(tab.beside(), src=quick)
    window.init()
    signed_in = window.sign_in("ann")
    place.age(other, 890)
    sessions.hold()
    tab.run("() => { window.asked = request('AUTH.CREDENTIALS'); }")
    sessions.wait_for("refresh")
    lifecycle = tab.page.context.new_cdp_session(tab.page)
    freeze(lifecycle, "frozen")
    until(lambda: place.locks(other.tab) == [])
    other.tab.run("() => { window.asked = request('AUTH.CREDENTIALS'); }")
    sessions.wait_for("refresh", 2)  # when the mark is old enough
    sessions.release()
    other.tab.run("() => asked")
    got = other.ask("AUTH.CREDENTIALS")["credentials"]
    freeze(lifecycle, "active")
    assert window.pushes(1)[-1] == refreshed(got)
    assert window.ask("AUTH.CREDENTIALS")["credentials"] == got
    assert not sessions.family(signed_in["credentials"]["refreshToken"]).revoked


def freeze(session: CDPSession, state: str) -> None:
    session.send("Page.setWebLifecycleState", {"state": state})


@pytest.mark.engines("chromium")  # Firefox's driver and WebKit's cannot cut a page off
def test_online_again_a_refresh_is_tried_at_once(
    open_tab: Opener, place: Place, sessions: Sessions
) -> None:
    tab = open_tab(fresh=True)
    window = place.embed(tab)
    signed_in = window.sign_in("ann")
    pause = {"seconds": 300, "failures": 9, "code": "BACKEND_UNREACHABLE"}
    place.age(window, 890, pause=pause)
    window.init()
    # During a pause nothing is sent, and the old tokens are good for ten seconds more.
    assert window.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    tab.page.context.set_offline(True)
    tab.page.context.set_offline(False)
    fresh = next(
        push
        for push in iter(lambda: window.pushes(1)[-1], None)
        if push != refreshed(signed_in["credentials"])
    )
    assert fresh["payload"]["refreshToken"] == sessions.families[-1].tokens[1]
