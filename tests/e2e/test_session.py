"""Sessions in real browsers: their storage, their locks, and what tabs tell each other.

What a session does is proved in tests/unit/session, with a clock of the tests' own; here it is that
each browser gives it what it needs. tests/e2e/test_session_pages.py is about pages that are frozen,
cached, or offline.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.damage import boot_failed, without
from tests.e2e.support.hosts import EXPIRED, SOON_SECONDS, Place, Window, changed, refreshed
from tests.e2e.support.interpreter import core_in, with_interpreter
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import LEFT, Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import Server, World

Tabs = tuple[Window, Window, Window]


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def tabs(place: Place, open_module_tab: Opener) -> Tabs:
    """Three tabs of one host, all with pushes, and nobody signed in."""
    first = open_module_tab(fresh=True)
    one, two, three = (place.embed(tab) for tab in (first, first.beside(), first.beside()))
    for each in (one, two, three):
        each.init()
    return one, two, three


@pytest.fixture
def three(tabs: Tabs, sessions: Sessions) -> Iterator[Tabs]:
    """The tabs, with the backend as good as new; whatever a test leaves of a session is over."""
    yield tabs
    tabs[0].ask("AUTH.SIGN_OUT")
    for each in tabs:
        # Each bus knows of that by the time that it answers. Its push has another port than the
        # answer, and in WebKit it may come later: so the next test has a new port.
        assert each.ask("AUTH.CREDENTIALS") == "NO_SESSION"
        each.init()
        each.pushes(0)


@pytest.mark.fresh
def test_a_session_outlives_its_page(
    open_tab: Opener, place: Place, sessions: Sessions, world: World
) -> None:
    tab = open_tab()
    window = place.embed(tab)
    assert window.register() is None
    signed_in = window.sign_in("ann")
    asked = len(sessions.asked)

    window = place.embed(tab)
    assert window.register() == {"user": {"name": "ann"}}
    assert window.pushes(0) == []
    window.init()
    assert window.pushes(1) == [refreshed(signed_in["credentials"])]
    window.init()  # with another port, where somebody else listens
    assert window.pushes(1) == [refreshed(signed_in["credentials"])]
    credentials = window.ask("AUTH.CREDENTIALS")
    assert credentials.pop("expiresAt") > 0
    assert credentials == signed_in
    assert len(sessions.asked) == asked
    # Nobody but the ports heard of it, and nothing else is stored.
    heard = tab.run("() => heard.map(({ data }) => data.type)")
    assert set(heard) == {"BUS.LISTENING", "BUS.READY"}
    [(key, record)] = place.stored(tab).items()
    assert key == f"sso-bus/sessions/{world.host}"
    assert json.loads(record)["credentials"] == signed_in["credentials"]
    # Its tokens are bound to no key (`dpop`), so nothing for keys was loaded.
    loaded = {
        path.rpartition("/")[2]
        for path in world.buses.asked
        if path.startswith(urlsplit(place.bus()).path)
    }
    assert "session.mjs" in loaded
    assert "keys.mjs" not in loaded


def test_three_tabs_refresh_once(three: Tabs, sessions: Sessions) -> None:
    one, *others = three
    sessions.life_seconds = SOON_SECONDS
    signed_in = one.sign_in("ann")
    sessions.life_seconds = 900
    # The tab that signed in knows already; the others get the user, then the tokens.
    for each in others:
        assert each.pushes(2) == [changed("ann"), refreshed(signed_in["credentials"])]
    [fresh] = one.pushes(1)
    for each in others:
        assert each.pushes(1) == [fresh]
    assert [body["refreshToken"] for body in sessions.sent("refresh")] == [
        signed_in["credentials"]["refreshToken"]
    ]
    family = sessions.families[-1]
    assert fresh["payload"]["refreshToken"] == family.tokens[-1]
    for each in three:
        assert each.ask("AUTH.CREDENTIALS")["credentials"] == fresh["payload"]
        assert each.pushes(0) == []
    assert len(sessions.sent("refresh")) == 1


def test_signing_out_in_one_tab_is_told_in_the_others(three: Tabs, sessions: Sessions) -> None:
    one, two, three_ = three
    signed_in = one.sign_in("ann")
    for each in (two, three_):
        each.pushes(2)
    assert two.ask("AUTH.SIGN_OUT") == {}
    for each in (one, three_):
        assert each.pushes(1) == [changed(None)]
    token = signed_in["credentials"]["refreshToken"]
    assert sessions.sent("revoke") == [{"refreshToken": token}]
    assert sessions.family(token).revoked
    assert one.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    assert one.register() is None


def test_another_user_in_another_tab(three: Tabs) -> None:
    one, two, _ = three
    one.sign_in("ann")
    two.pushes(2)
    password = {"email": "bob@example.com", "password": "a password"}
    signed_in = two.ask("AUTH.EMAIL_AND_PASSWORD", password)
    assert one.pushes(2) == [changed("bob"), refreshed(signed_in["credentials"])]
    assert one.register() == {"user": {"name": "bob"}}


def test_a_refusal_ends_the_session_in_all_tabs(three: Tabs, sessions: Sessions) -> None:
    sessions.life_seconds = SOON_SECONDS
    three[0].sign_in("ann")
    for each in three[1:]:
        each.pushes(2)
    sessions.families[-1].revoked = True
    for each in three:
        assert each.pushes(1) == [EXPIRED]
        assert each.ask("AUTH.CREDENTIALS") == "NO_SESSION"
        assert each.pushes(0) == []
    assert len(sessions.sent("refresh")) == 1


def test_after_destroy_a_tab_hears_nothing_and_is_answered(three: Tabs) -> None:
    one, two, _ = three
    one.sign_in("ann")
    two.pushes(2)
    assert two.ask("BUS.DESTROY", {"services": ["AUTH"]}) is None
    signed_in = one.sign_in("bob")
    assert two.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    assert two.pushes(0) == []
    two.init()
    assert two.pushes(1) == [refreshed(signed_in["credentials"])]


def test_without_a_port_pushes_go_to_the_window(three: Tabs) -> None:
    one, two, _ = three
    two.tab.run("() => { heard.length = 0; }")
    reply = two.tab.run(
        """() => {
            rawBus.post({ type: "BUS.INIT", id: "no port", payload: { services: ["AUTH"] } });
            return reply("no port");
        }"""
    )
    assert reply["type"] == "BUS.INIT_FULFILLED"
    signed_in = one.sign_in("ann")
    assert two.ask("AUTH.CREDENTIALS")["credentials"] == signed_in["credentials"]
    # The answer has come over a port, which may be faster than the way to the window.
    two.tab.run("async () => { await hear(({ type }) => type === 'AUTH.TOKEN_REFRESHED'); }")
    heard = two.tab.run("() => heard.map(({ data, origin }) => [data, origin])")
    bus = two.tab.run("() => rawBus.origin")
    # Not to the port of the INIT before.
    assert heard[1:] == [[changed("ann"), bus], [refreshed(signed_in["credentials"]), bus]]
    assert two.pushes(0) == []
    two.init()
    assert two.pushes(1) == [refreshed(signed_in["credentials"])]


# -- hosts ----------------------------------------------------------------------------------------


@pytest.mark.fresh
def test_two_hosts_on_one_site_never_see_each_others_session(
    open_tab: Opener, place: Place, sessions: Sessions, engine: str, world: World
) -> None:
    tab = open_tab()
    host, other = place.embed(tab), place.embed(tab.beside(), world.other)
    host.init()
    other.init()
    sessions.life_seconds = SOON_SECONDS
    ann = host.sign_in("ann")
    assert other.register() is None
    assert other.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    bob = other.sign_in("bob")
    sessions.life_seconds = 900
    # WebKit gives each host origin a partition of its own; the others give one to the site.
    sharing = (world.host,) if engine == "webkit" else (world.host, world.other)
    assert set(place.stored(tab)) == {f"sso-bus/sessions/{each}" for each in sharing}
    # Each tab gets only its own tokens.
    for window, old in ((host, ann), (other, bob)):
        [fresh] = window.pushes(1)
        [current] = sessions.family(old["credentials"]["refreshToken"]).tokens[1:]
        assert fresh["payload"]["refreshToken"] == current
    assert host.ask("AUTH.SIGN_OUT") == {}
    assert other.register() == {"user": {"name": "bob"}}
    assert other.pushes(0) == []
    assert place.embed_again(host).register() is None
    assert place.embed_again(other).register() == {"user": {"name": "bob"}}
    assert len(sessions.sent("revoke")) == 1


@pytest.mark.fresh
def test_hosts_on_two_sites_have_a_partition_each(
    open_tab: Opener, place: Place, engine: str, world: World
) -> None:
    # WebKitGTK leaves names to the system, which need not know those under localhost.
    name = "127.0.0.2" if engine == "webkit" else "app.localhost"
    elsewhere = Server(world.pages, name, address=name if engine == "webkit" else "127.0.0.1")
    try:
        src = place.bus(f"sites-{engine}", allowed_origins=[world.host, elsewhere.origin])
        tab = open_tab()
        host = place.embed(tab, src=src)
        other = place.embed(tab.beside(), elsewhere.origin, src=src)
        for window in (host, other):
            window.init()
        host.sign_in("ann")
        assert other.register() is None
        other.sign_in("bob")
        assert host.register() == {"user": {"name": "ann"}}
        assert host.pushes(0) == other.pushes(0) == []
        for window, user in ((host, "ann"), (other, "bob")):
            # What the other site's has is not even there.
            assert set(place.stored(window.tab)) == {f"sso-bus/sessions/{window.host}"}
            again = place.embed(window.tab, window.host, src)
            assert again.register() == {"user": {"name": user}}
    finally:
        elsewhere.stop()


# -- storage --------------------------------------------------------------------------------------


DAMAGE = """
const how = new URLSearchParams(location.search).get("how");
const put = (object, name, descriptor) => Object.defineProperty(object, name, { configurable: true, ...descriptor });
const denied = () => { throw new DOMException("denied", "SecurityError"); };
const places = [[window, "indexedDB"], [window, "BroadcastChannel"], [navigator, "locks"]];
const damages = {
    denied() { for (const [object, name] of places) put(object, name, { get: denied }); },
    missing() { for (const [object, name] of places) put(object, name, { value: undefined }); },
    throws() { IDBFactory.prototype.open = denied; },
    hangs() { IDBFactory.prototype.open = () => ({}); },
    refuses() {
        IDBFactory.prototype.open = () => {
            const request = { error: new DOMException("no", "UnknownError") };
            setTimeout(() => request.onerror());
            return request;
        };
    },
    full() { IDBTransaction.prototype.commit = IDBTransaction.prototype.abort; },
    forgets() { IDBObjectStore.prototype.put = function () {}; },
};
damages[how]();
"""
"""What browsers do that refuse a frame its storage, or have none."""


def damaged(folder: Path) -> None:
    """Let the page's first script take away what a browser may not give."""
    (folder / "damage.js").write_text(DAMAGE)
    page = folder / "index.html"
    text = page.read_text()
    first = '<script src="./bus-'
    assert first in text
    page.write_text(text.replace(first, f'<script src="./damage.js"></script>{first}', 1))
    for packed in folder.glob("index.html.*"):
        packed.unlink()


FAILS, HANGS, FORGETS = (
    f"the browser's storage {does}"
    for does in ("fails", "does not answer", "does not keep what is written")
)
DENIALS = {
    "denied": FAILS,
    "missing": FAILS,
    "throws": FAILS,
    "refuses": FAILS,
    "full": FAILS,
    "hangs": HANGS,
    "forgets": FORGETS,
}


@pytest.mark.fresh
@pytest.mark.parametrize("how", DENIALS)
def test_without_storage_the_session_is_in_memory(
    open_tab: Opener, place: Place, sessions: Sessions, engine: str, how: str
) -> None:
    if engine != "chromium" and how != "denied":
        pytest.skip("how storage is refused is made up, and the same in each engine")
    tab = open_tab()
    src = f"{place.bus('damaged', change=damaged, debug=True)}?how={how}"
    window = place.embed(tab, src=src)
    assert window.register() is None
    told = tab.run("() => hear(({ payload }) => payload?.event === 'session')")
    assert told["data"]["payload"] | {"at": 0} == {
        "at": 0,
        "event": "session",
        "kept": "memory",
        "reason": DENIALS[how],
    }
    sessions.life_seconds = SOON_SECONDS
    window.sign_in("ann")
    sessions.life_seconds = 900
    assert window.register() == {"user": {"name": "ann"}}
    if how == "denied":  # there is no lock either, and the refresh does without
        window.init()
        [fresh] = window.pushes(1)
        assert fresh["payload"]["refreshToken"] == sessions.families[-1].tokens[-1]
    out = window.ask("AUTH.SIGN_OUT")
    # What hangs may still hold what it was given.
    assert out == ("INTERNAL" if how == "hangs" else {})
    window.sign_in("ann")
    assert place.embed(tab, src=src).register() is None
    assert place.stored(tab) == {}


# -- where Python cannot serve --------------------------------------------------------------------


@pytest.mark.fresh
def test_a_sign_out_where_python_never_came(
    open_tab: Opener, place: Place, sessions: Sessions
) -> None:
    tab = open_tab()
    place.embed(tab).sign_in("ann")
    assert len(place.stored(tab)) == 1
    tab.expect("pyodide.mjs", "could not start", *LEFT, *boot_failed("").values())
    tab.goto(place.page())
    tab.run("(src) => raw(src).listening", place.bus("broken", change=without("pyodide.mjs")))
    window = Window(tab, place.world.host)
    assert window.ask("BUS.REGISTER", {}) == "BOOT_FAILED"
    assert len(place.stored(tab)) == 1
    assert window.ask("AUTH.SIGN_OUT") == "BOOT_FAILED"
    assert place.stored(tab) == {}
    assert place.embed(tab).register() is None


@pytest.mark.fresh
def test_a_sign_out_after_python_has_died(
    open_tab: Opener, place: Place, sessions: Sessions, world: World
) -> None:
    tab = open_tab()
    dead, alive = place.embed(tab), place.embed(tab.beside())
    alive.init()
    dead.sign_in("ann")
    alive.pushes(2)
    tab.expect("unreachable", "fatally failed")
    tab.run_in(
        place.bus(),
        with_interpreter("(it, abort) => { try { it.runPython(abort); } catch {} }"),
        core_in(world, place.bus()),
        "import os; os.abort()",
    )
    assert dead.register() == "RUNTIME_DIED"
    assert alive.register() == {"user": {"name": "ann"}}
    assert len(place.stored(alive.tab)) == 1
    assert dead.ask("AUTH.SIGN_OUT") == "RUNTIME_DIED"
    assert alive.pushes(1) == [changed(None)]
    assert alive.register() is None
    assert place.stored(alive.tab) == {}


@pytest.mark.fresh
def test_without_the_setting_nothing_is_served_or_stored(
    open_tab: Opener, place: Place, world: World
) -> None:
    tab = open_tab()
    tab.goto(f"{world.host}/pages/session.html")
    tab.run("(src) => raw(src).ready", world.bus())
    window = Window(tab, world.host)
    for type_ in (
        "AUTH.CREDENTIALS",
        "AUTH.EMAIL_AND_PASSWORD",
        "AUTH.SIGN_OUT",
        "BUS.DESTROY",
        "BUS.INIT",
        "BUS.REGISTER",
    ):
        assert window.ask(type_) == "UNKNOWN_TYPE"
    redirect = "https://app.example.com/cb"
    code = world.backend.answers()
    assert "credentials" in window.ask("AUTH.SSO", {"code": code, "redirectUrl": redirect})
    assert place.stored(tab) == {}
    assert not [path for path in world.buses.asked if "/bus/" in path and "session.mjs" in path]
