"""Sessions in real browsers: their storage, their locks, and what tabs tell each other.

What a session does is proved in tests/unit/session, with a clock of the tests' own; here it is that
each browser gives it what it needs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.damage import boot_failed, without
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import Server, World

SOON_SECONDS = 12
"""The life of tokens that a test waits for: they are refreshed when half of it is over."""


@dataclass
class Place:
    """A backend with sessions, and buses that use it."""

    world: World
    sessions: Sessions
    origin: str
    """Of the backend."""

    def bus(self, name: str = "session", **more: Any) -> str:
        """Return the address of a bus; all share their origin, and so what is stored."""
        at = f"{self.origin}/session"
        return self.world.bus(
            f"{name}-{self.origin.rpartition(':')[2]}",
            sso={"exchange_url": f"{at}/exchange"},
            session={"refresh_url": f"{at}/refresh", "revoke_url": f"{at}/revoke"},
            password={"sign_in_url": f"{at}/sign-in"},
            **more,
        )

    def page(self, host: str = "") -> str:
        return f"{host or self.world.host}/pages/session.html"

    def embed(self, tab: Tab, host: str = "", src: str = "") -> "Window":
        """Open a host page with a bus in a tab."""
        tab.goto(self.page(host))
        tab.run("(src) => raw(src).ready", src or self.bus())
        return Window(tab, host or self.world.host)


@dataclass
class Window:
    """A host page: that of a tab, or of the one that it has opened."""

    tab: Tab
    host: str
    name: str = "window"

    def run(self, script: str, *args: Any) -> Any:
        return self.tab.run(f"(...args) => ({script})({self.name}, ...args)", *args)

    def ask(self, type_: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the payload of the reply, or the error's code."""
        got = self.run("(w, ...asked) => w.request(...asked)", type_, payload or {})
        if got["type"] == f"{type_}_REJECTED":
            return got["payload"]["error"]["code"]
        assert got["type"] == f"{type_}_FULFILLED"
        return got.get("payload")

    def sign_in(self, user: str) -> Any:
        redirect = "https://app.example.com/cb"
        return self.ask("AUTH.SSO", {"code": f"{user}/code", "redirectUrl": redirect})

    def register(self) -> Any:
        payload = {"origin": self.host, "appName": "app", "release": "1"}
        return self.ask("BUS.REGISTER", payload)

    def init(self) -> None:
        assert self.run("(w) => w.init()") == {
            "type": "BUS.INIT_FULFILLED",
            "meta": {"source": "bus"},
        }

    def pushes(self, count: int) -> list[Any]:
        """Wait for so many pushes; return all that have come."""
        got = self.run("(w, count) => w.pushes(count)", count)
        assert isinstance(got, list)
        return got


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[Place]:
    sessions = Sessions()
    server = Server(sessions.app, "localhost")
    yield Place(world, sessions, server.origin)
    server.stop()


@pytest.fixture
def sessions(place: Place) -> Sessions:
    """The backend, as good as new."""
    place.sessions.life_seconds = 900
    place.sessions.asked.clear()
    return place.sessions


@pytest.fixture(scope="module")
def tabs(place: Place, open_module_tab: Opener) -> tuple[Window, Window]:
    """Two tabs of one host, both with pushes, and nobody signed in."""
    one = place.embed(open_module_tab(fresh=True))
    one.run("(w, page, src) => w.openTab(page, src)", place.page(), place.bus())
    two = Window(one.tab, one.host, "window.other")
    for each in (one, two):
        each.init()
    return one, two


@pytest.fixture
def both(tabs: tuple[Window, Window]) -> Iterator[tuple[Window, Window]]:
    """The tabs; whatever a test leaves of a session is over."""
    yield tabs
    one, two = tabs
    one.ask("AUTH.SIGN_OUT")
    # What the other one hears of that, and the answer to what it asks after it.
    assert two.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    for each in tabs:
        each.run("(w) => { w.pushed.length = 0; }")


def refreshed(user: Any) -> dict[str, Any]:
    """The push of the tokens that a sign-in or refresh has given."""
    return {"type": "AUTH.TOKEN_REFRESHED", "payload": user}


def changed(user: str | None) -> dict[str, Any]:
    return {"type": "AUTH.SESSION_CHANGED", "payload": {"user": user and {"name": user}}}


EXPIRED = {"type": "AUTH.REFRESH_TOKEN_EXPIRED"}


def stored(tab: Tab, world: World) -> Any:
    """All that is in the bus's databases: in a page of its origin, in the same partition."""
    address = f"{world.bus_origin}/pages/host.html"
    tab.run(
        """async (src) => {
            const frame = Object.assign(document.createElement("iframe"), { src });
            const loaded = new Promise((done) => { frame.onload = done; });
            document.body.append(frame);
            await loaded;
        }""",
        address,
    )
    return tab.run_in(
        address,
        """async () => {
            const done = (request) =>
                new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
            const found = {};
            for (const { name } of await indexedDB.databases()) {
                const database = await done(indexedDB.open(name));
                for (const store of database.objectStoreNames) {
                    const all = database.transaction(store).objectStore(store);
                    const [keys, values] = await Promise.all([done(all.getAllKeys()), done(all.getAll())]);
                    keys.forEach((key, i) => { found[`${name}/${store}/${key}`] = values[i]; });
                }
                database.close();
            }
            return found;
        }""",
    )


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
    [(key, record)] = stored(tab, world).items()
    assert key == f"sso-bus/sessions/{world.host}"
    assert json.loads(record)["credentials"] == signed_in["credentials"]


def test_two_tabs_refresh_once(both: tuple[Window, Window], sessions: Sessions) -> None:
    one, two = both
    sessions.life_seconds = SOON_SECONDS
    signed_in = one.sign_in("ann")
    sessions.life_seconds = 900
    # The tab that has signed in knows; the other one is told whose session it is, then its tokens.
    assert two.pushes(2) == [changed("ann"), refreshed(signed_in["credentials"])]
    [fresh] = one.pushes(1)
    assert two.pushes(1) == [fresh]
    assert [body["refreshToken"] for body in sessions.sent("refresh")] == [
        signed_in["credentials"]["refreshToken"]
    ]
    family = sessions.families[-1]
    assert fresh["payload"]["refreshToken"] == family.tokens[-1]
    for each in both:
        assert each.ask("AUTH.CREDENTIALS")["credentials"] == fresh["payload"]
        assert each.pushes(0) == []
    assert len(sessions.sent("refresh")) == 1


def test_signing_out_in_one_tab_is_told_in_the_other(
    both: tuple[Window, Window], sessions: Sessions
) -> None:
    one, two = both
    signed_in = one.sign_in("ann")
    two.pushes(2)
    assert two.ask("AUTH.SIGN_OUT") == {}
    assert one.pushes(1) == [changed(None)]
    token = signed_in["credentials"]["refreshToken"]
    assert sessions.sent("revoke") == [{"refreshToken": token}]
    assert sessions.family(token).revoked
    assert one.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    assert one.register() is None


def test_another_user_in_another_tab(both: tuple[Window, Window]) -> None:
    one, two = both
    one.sign_in("ann")
    two.pushes(2)
    password = {"email": "bob@example.com", "password": "a password"}
    signed_in = two.ask("AUTH.EMAIL_AND_PASSWORD", password)
    assert one.pushes(2) == [changed("bob"), refreshed(signed_in["credentials"])]
    assert one.register() == {"user": {"name": "bob"}}


def test_a_refusal_ends_the_session_in_all_tabs(
    both: tuple[Window, Window], sessions: Sessions
) -> None:
    one, two = both
    sessions.life_seconds = SOON_SECONDS
    one.sign_in("ann")
    two.pushes(2)
    sessions.families[-1].revoked = True
    for each in both:
        assert each.pushes(1) == [EXPIRED]
        assert each.ask("AUTH.CREDENTIALS") == "NO_SESSION"
        assert each.pushes(0) == []
    assert len(sessions.sent("refresh")) == 1


@pytest.mark.fresh
def test_two_hosts_on_one_site_never_see_each_others_session(
    open_tab: Opener, place: Place, sessions: Sessions, world: World
) -> None:
    tab = open_tab()
    ann = place.embed(tab).sign_in("ann")
    other = place.embed(tab, world.other)
    assert other.register() is None
    assert other.ask("AUTH.CREDENTIALS") == "NO_SESSION"
    other.sign_in("bob")
    host = place.embed(tab)
    assert host.register() == {"user": {"name": "ann"}}
    assert host.ask("AUTH.CREDENTIALS")["credentials"] == ann["credentials"]
    assert {key.rpartition("/sessions/")[2] for key in stored(tab, world)} == {
        world.host,
        world.other,
    }
    host.ask("AUTH.SIGN_OUT")
    assert place.embed(tab, world.other).register() == {"user": {"name": "bob"}}
    assert len(sessions.sent("revoke")) == 1


DENIED = """for (const [object, name] of [[window, "indexedDB"], [window, "BroadcastChannel"], [navigator, "locks"]])
    Object.defineProperty(object, name, {
        configurable: true,
        get() { throw new DOMException("denied", "SecurityError"); },
    });
"""
"""What browsers do that refuse a frame all storage; some have nothing in the place of these."""


def denied(folder: Path) -> None:
    """Let the page's first script take away what a browser may not give."""
    (folder / "denied.js").write_text(DENIED)
    page = folder / "index.html"
    text = page.read_text()
    first = '<script src="./bus-'
    assert first in text
    page.write_text(text.replace(first, f'<script src="./denied.js"></script>{first}', 1))
    for packed in folder.glob("index.html.*"):
        packed.unlink()


@pytest.mark.fresh
def test_without_storage_the_session_is_in_memory(
    open_tab: Opener, place: Place, sessions: Sessions, world: World
) -> None:
    tab = open_tab()
    src = place.bus("denied", change=denied)
    window = place.embed(tab, src=src)
    sessions.life_seconds = SOON_SECONDS
    window.sign_in("ann")
    sessions.life_seconds = 900
    assert window.register() == {"user": {"name": "ann"}}
    tab.wait_for_line("session: kept in memory")
    window.init()
    [fresh] = window.pushes(1)  # there is no lock, and the refresh does without
    assert fresh["payload"]["refreshToken"] == sessions.families[-1].tokens[-1]
    assert window.ask("AUTH.SIGN_OUT") == {}
    window.sign_in("ann")
    assert place.embed(tab, src=src).register() is None
    assert stored(tab, world) == {}


@pytest.mark.fresh
def test_a_sign_out_where_python_cannot_serve(open_tab: Opener, place: Place, world: World) -> None:
    tab = open_tab()
    place.embed(tab).sign_in("ann")
    assert len(stored(tab, world)) == 1
    tab.expect("pyodide.mjs", "could not start", *boot_failed("").values())
    tab.goto(place.page())
    tab.run("(src) => raw(src).listening", place.bus("broken", change=without("pyodide.mjs")))
    window = Window(tab, world.host)
    assert window.ask("BUS.REGISTER", {}) == "BOOT_FAILED"
    assert len(stored(tab, world)) == 1
    assert window.ask("AUTH.SIGN_OUT") == "BOOT_FAILED"
    assert stored(tab, world) == {}
    assert place.embed(tab).register() is None


@pytest.mark.fresh
def test_without_the_setting_nothing_is_served_or_stored(open_tab: Opener, world: World) -> None:
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
    assert stored(tab, world) == {}
    assert not [path for path in world.buses.asked if "/bus/" in path and "session.mjs" in path]
