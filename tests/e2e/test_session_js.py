"""session.js in a browser, with the real bus: what a host app is told, and what `fetch` sends where."""

import re
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from host.tools.node import start_node
from host.tools.paths import ROOT
from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.example import (
    build_example,
    copy_example,
    install_example,
    pyscript_routes,
    unpack_client,
)
from tests.e2e.support.node_tools import node_tools
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import Server, World

pytestmark = pytest.mark.engines("chromium")

SHORT_SECONDS = 4
"""The life of tokens that a test waits for: half of it is soon over."""
COMPANY = {"name": "Engines"}
REDIRECT = "https://app.example.com/cb"


class Api:
    """An app's own backend, which keeps what it was sent: "/refuses" answers 401, "/stale" does so once,
    and `to` in a query redirects there."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        """Path, token and body of each request."""
        self.app = Starlette(
            routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "OPTIONS"])]
        )

    async def _answer(self, request: Request) -> Response:
        cors = {
            "Access-Control-Allow-Origin": request.headers.get("origin", "*"),
            "Access-Control-Allow-Headers": "authorization,content-type",
        }
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        path, body = request.url.path, (await request.body()).decode()
        first = not any(path == each for each, *_ in self.seen)
        self.seen.append((path, request.headers.get("authorization", ""), body))
        if "to" in request.query_params:
            return RedirectResponse(request.query_params["to"], 307, headers=cors)
        if path == "/refuses" or (path == "/stale" and first):
            return PlainTextResponse("no", 401, headers=cors)
        return PlainTextResponse("yes", headers=cors)


@dataclass
class Place:
    """A backend with sessions, a bus that uses it, and two APIs of which the app names one."""

    world: World
    allowed_origins: InitVar[list[str] | None] = None
    sessions: Sessions = field(default_factory=Sessions)
    named: Api = field(default_factory=Api)
    other: Api = field(default_factory=Api)

    def __post_init__(self, allowed_origins: list[str] | None) -> None:
        apps = (self.sessions.app, self.named.app, self.other.app)
        self.servers = [Server(app, "localhost") for app in apps]
        backend, self.api, self.elsewhere = (server.origin for server in self.servers)
        self.src = self.world.bus(
            f"session-js-{backend.rpartition(':')[2]}",
            sso={"exchange_url": f"{backend}/session/exchange"},
            session={"refresh_url": f"{backend}/session/refresh"},
            password={"sign_in_url": f"{backend}/session/sign-in"},
            allowed_origins=allowed_origins or [self.world.host],
        )

    @property
    def page(self) -> str:
        return f"{self.world.host}/pages/session_js.html"


@dataclass
class App:
    """A host page: that of a tab, or of the one that it has opened."""

    tab: Tab
    name: str = "window"

    def run(self, script: str, *args: Any) -> Any:
        """Call a function of the page's window."""
        return self.tab.run(f"(...args) => ({script})({self.name}, ...args)", *args)

    def sign_in(self, user: str) -> Any:
        payload = {"code": f"{user}/code", "redirectUrl": REDIRECT}
        return self.run("(w, payload) => w.session.signIn(payload)", payload)

    def told(self, count: int) -> Any:
        """Wait until so much was told; return all of it."""
        return self.run("(w, count) => w.changes(count)", count)

    def shown(self) -> Any:
        return self.run("(w) => w.shown()")

    def credentials(self) -> Any:
        return self.run("(w) => w.outcome(w.session.credentials())")


def known(state: str, user: str | None = None, error: str | None = None) -> dict[str, Any]:
    return {
        "state": state,
        "user": user and {"name": user},
        "company": COMPANY if user else None,
        "error": error,
    }


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[Place]:
    place = Place(world)
    yield place
    for server in place.servers:
        server.stop()


@pytest.fixture(scope="module")
def two_tabs(place: Place, open_module_tab: Opener) -> tuple[App, App]:
    one = App(open_module_tab(fresh=True).goto(place.page))
    options = {"origins": [place.api]}
    assert one.run("(w, src, more) => w.begin(src, more)", place.src, options) == known(
        "signed-out"
    )
    one.run("(w, page, src) => w.openTab(page, src)", place.page, place.src)
    two = App(one.tab, "window.other")
    assert two.shown() == known("signed-out")
    for each in (one, two):
        assert each.told(1) == [["restoring", "signed-out", "restored", None]]
    return one, two


@pytest.fixture
def both(two_tabs: tuple[App, App], place: Place) -> Iterator[tuple[App, App]]:
    """The two tabs; whatever a test leaves is signed out, and has been told of."""
    place.sessions.life_seconds = 900
    place.sessions.asked.clear()
    place.named.seen.clear()
    place.other.seen.clear()
    yield two_tabs
    one, _ = two_tabs
    one.run("(w) => w.session.signOut()")
    for each in two_tabs:
        each.run("(w) => w.settled()")
        each.run("(w) => { w.told.length = 0; }")


# -- what is told ---------------------------------------------------------------------------------


def test_a_sign_in_is_told_once_in_each_tab_and_to_nobody_else(both: tuple[App, App]) -> None:
    one, two = both
    signed_in = one.sign_in("ann")
    assert signed_in["currentUser"] == {"name": "ann"}
    assert one.told(1) == [["signed-out", "signed-in", "signed-in", "ann"]]
    assert two.told(1) == [["signed-out", "signed-in", "other-tab", "ann"]]
    for each in both:
        assert each.shown() == known("signed-in", "ann")
        assert each.credentials() == signed_in["credentials"]
        # No other script of the page has heard the tokens that were pushed.
        types = each.run("(w) => w.heard.map(({ data }) => data.type)")
        assert set(types) == {"BUS.LISTENING", "BUS.READY"}
    # Neither the later tokens nor this changed anything for the page.
    assert one.told(0) == two.told(0) == []


def test_a_refresh_is_asked_for_once_and_told_in_each_tab(
    both: tuple[App, App], place: Place
) -> None:
    one, two = both
    place.sessions.life_seconds = SHORT_SECONDS
    first = one.sign_in("ann")["credentials"]
    place.sessions.life_seconds = 900
    one.told(1)
    two.told(1)
    before = one.run("(w) => w.session.snapshot()")
    fresh = one.run("(w, token) => w.renewed(token)", first["idToken"])
    for each in both:
        assert each.told(1) == [["signed-in", "signed-in", "refreshed", "ann"]]
        assert each.credentials() == fresh
    assert one.run("(w) => w.session.snapshot()") == before
    assert len(place.sessions.sent("refresh")) == 1
    # Five who ask at once make one request.
    one.run("(w) => { w.asked.length = 0; }")
    script = "(w) => Promise.all(Array.from({ length: 5 }, () => w.session.credentials()))"
    assert one.run(script) == [fresh] * 5
    assert one.run("(w) => w.asked") == ["AUTH.CREDENTIALS"]
    assert one.told(0) == two.told(0) == []


def test_a_session_that_is_refused_has_expired_in_each_tab(
    both: tuple[App, App], place: Place
) -> None:
    one, two = both
    place.sessions.life_seconds = SHORT_SECONDS
    first = one.sign_in("ann")["credentials"]
    one.told(1)
    two.told(1)
    place.sessions.families[-1].revoked = True
    assert one.run("(w, token) => w.renewed(token)", first["idToken"]) == "NO_SESSION"
    for each in both:
        assert each.told(1) == [["signed-in", "signed-out", "expired", None]]
        assert each.shown() == known("signed-out")
        assert each.credentials() == "NO_SESSION"
        assert each.told(0) == []


def test_another_user_in_another_tab(both: tuple[App, App]) -> None:
    one, two = both
    one.sign_in("ann")
    one.told(1)
    two.told(1)
    password = {"email": "bob@example.com", "password": "a password"}
    bob = two.run("(w, payload) => w.session.signIn(payload)", password)
    assert one.told(1) == [["signed-in", "signed-in", "other-user", "bob"]]
    assert two.told(1) == [["signed-in", "signed-in", "signed-in", "bob"]]
    assert one.credentials() == two.credentials() == bob["credentials"]
    assert one.told(0) == two.told(0) == []


def test_a_sign_out_is_told_in_each_tab(both: tuple[App, App]) -> None:
    one, two = both
    one.sign_in("ann")
    one.told(1)
    two.told(1)
    assert two.run("(w) => w.session.signOut().then((url) => url ?? null)") is None
    assert one.told(1) == [["signed-in", "signed-out", "other-tab", None]]
    assert two.told(1) == [["signed-in", "signed-out", "signed-out", None]]
    assert one.credentials() == two.credentials() == "NO_SESSION"
    assert two.run("(w) => w.session.signOut().then((url) => url ?? null)") is None
    assert one.told(0) == two.told(0) == []


def test_effects_that_run_twice(both: tuple[App, App]) -> None:
    """The second session on the same bus hears all; the first, closed by then, hears nothing."""
    one, two = both
    one.run(
        """async (w) => {
            const open = () => w.openSession({ bus: w.bus, appName: "app", release: "1" });
            const [first, second] = [open(), open()];
            w.double = [w.listenTo(first), w.listenTo(second)];
            first.close();
            w.second = second;
            await second.ready;
        }"""
    )
    two.sign_in("ann")
    assert one.told(1) == [["signed-out", "signed-in", "other-tab", "ann"]]
    assert one.run("(w) => w.changes(2, w.double[1])") == [
        ["restoring", "signed-out", "restored", None],
        ["signed-out", "signed-in", "other-tab", "ann"],
    ]
    assert one.run("(w) => w.double[0]") == []
    one.run("(w) => w.second.close()")


# -- fetch ----------------------------------------------------------------------------------------


def sent(api: Api) -> list[tuple[str, str, str]]:
    return [(path, token.removeprefix("Bearer "), body) for path, token, body in api.seen]


def test_fetch_sends_the_token_to_the_origins_that_were_named_alone(
    both: tuple[App, App], place: Place
) -> None:
    one, _ = both
    get = "(w, url, init) => w.got(w.session.fetch(url, init))"
    assert one.run(get, f"{place.api}/early") == "NO_SESSION"
    assert one.run(get, f"{place.elsewhere}/early") == [200, "yes"]
    token = one.sign_in("ann")["credentials"]["idToken"]
    post = {"method": "POST", "body": "b", "headers": {"content-type": "text/plain"}}
    assert one.run(get, f"{place.api}/a", post) == [200, "yes"]
    assert one.run("(w, url) => w.got(w.session.fetch(new Request(url)))", f"{place.api}/b") == [
        200,
        "yes",
    ]
    assert one.run(get, f"{place.elsewhere}/a", post) == [200, "yes"]
    # A redirect leads the token nowhere, not even to where it may go.
    for target in (f"{place.elsewhere}/stolen", f"{place.api}/moved"):
        assert one.run(get, f"{place.api}/leads?to={target}") == "TypeError"
    assert sent(place.named) == [
        ("/a", token, "b"),
        ("/b", token, ""),
        ("/leads", token, ""),
        ("/leads", token, ""),
    ]
    assert sent(place.other) == [("/early", "", ""), ("/a", "", "b")]


def test_fetch_tries_once_more_on_401_with_a_fresh_token_and_no_other_time(
    both: tuple[App, App], place: Place
) -> None:
    one, _ = both
    post = "(w, url) => w.got(w.session.fetch(url, { method: 'POST', body: 'b' }))"
    token = one.sign_in("ann")["credentials"]["idToken"]
    # There is no fresher one: to send the same again would change nothing.
    assert one.run(post, f"{place.api}/refuses") == [401, "no"]
    assert sent(place.named) == [("/refuses", token, "b")]
    assert not place.sessions.sent("refresh")

    # One that is good for the bus's margin, but has less than half of its life ahead.
    place.named.seen.clear()
    place.sessions.life_seconds = SHORT_SECONDS
    stale = one.sign_in("ann")["credentials"]["idToken"]
    place.sessions.life_seconds = 900
    one.run("(w, token) => { w.stale = token; }", stale)
    one.run(
        """(w) => {
            // The first answer is the old token's, as where an API refuses it before the bus would refresh it.
            const { request } = w.bus;
            w.bus.request = (type, payload, ...more) =>
                type === "AUTH.CREDENTIALS" && payload.minValiditySeconds === undefined
                    ? Promise.resolve({ credentials: { idToken: w.stale, refreshToken: "r" } })
                    : request(type, payload, ...more);
            w.restore = () => { w.bus.request = request; };
        }"""
    )
    fresh = one.run(
        """async (w, token) => {
            for (;;) {
                const { credentials } = await w.bus.request("AUTH.CREDENTIALS", { minValiditySeconds: 600 });
                if (credentials.idToken !== token) return credentials.idToken;
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }""",
        stale,
    )
    assert one.run(post, f"{place.api}/stale") == [200, "yes"]
    assert sent(place.named) == [("/stale", stale, "b"), ("/stale", fresh, "b")]
    place.named.seen.clear()
    assert one.run(post, f"{place.api}/refuses") == [401, "no"]
    assert sent(place.named) == [("/refuses", stale, "b"), ("/refuses", fresh, "b")]
    one.run("(w) => w.restore()")
    one.run("(w) => w.session.signOut()")


@pytest.mark.parametrize(
    "origin",
    ["api.example.com", "https://api.example.com/", "https://api.example.com/v1", "http://api.example.com",
     "HTTPS://api.example.com", "https://u@api.example.com", "ftp://api.example.com", "*", "null", ""],
)  # fmt: skip
def test_an_origin_that_may_get_no_token(both: tuple[App, App], origin: str) -> None:
    one, _ = both
    script = """(w, origin) => {
        const options = { bus: w.bus, appName: "app", release: "1", origins: [origin] };
        try { w.openSession(options); } catch (error) { return error.name; }
    }"""
    assert one.run(script, origin) == "TypeError"


# -- the frame and the page -----------------------------------------------------------------------


def test_it_outlives_its_bus_frame_its_page_and_is_taken_up_again(
    place: Place, two_tabs: tuple[App, App], both: tuple[App, App]
) -> None:
    one, two = both
    signed_in = one.sign_in("ann")
    one.told(1)
    two.told(1)
    # The frame is reloaded: nothing has changed, and later changes are reported as before.
    one.run(
        """(w) => new Promise((done) => {
            const off = w.bus.on("BUS.READY", () => { off(); done(w.session.credentials()); });
            w.bus.iframe.src = w.bus.iframe.src;
        })"""
    )
    assert one.shown() == known("signed-in", "ann")
    assert one.told(0) == []
    two.run("(w) => w.session.signOut()")
    assert one.told(1) == [["signed-in", "signed-out", "other-tab", None]]
    two.told(1)

    signed_in = two.sign_in("bob")
    assert one.told(1) == [["signed-out", "signed-in", "other-tab", "bob"]]
    two.told(1)
    # The page is loaded again.
    two.run("(w) => { w.location.reload(); }")
    two = App(one.tab, "window.other")
    one.run(
        "async (w, src) => { while (!w.other.begin || w.other.session) await new Promise((next) => setTimeout(next, 20));"
        " await w.other.begin(src); }",
        place.src,
    )
    assert two.shown() == known("signed-in", "bob")
    assert two.told(1) == [["restoring", "signed-in", "restored", "bob"]]
    assert two.credentials() == signed_in["credentials"]
    assert two.told(0) == one.told(0) == []

    # A destroyed bus rejects pending requests, and nothing else throws.
    two.run("(w) => w.bus.destroy()")
    assert two.credentials() == "DESTROYED"
    assert two.shown()["state"] == "signed-in"
    two.run("(w, src) => w.begin(src)", place.src)
    assert two.told(1) == [["restoring", "signed-in", "restored", "bob"]]


@pytest.mark.fresh
def test_a_sign_in_by_redirect_is_taken_from_the_address(place: Place, open_tab: Opener) -> None:
    app = App(open_tab().goto(place.page))
    begin = "(w, src) => w.begin(src)"

    def leave(**plan: str) -> None:
        options = {
            "authorizeUrl": place.world.provider.url(**plan),
            "clientId": "the-host",
            "redirectUrl": place.page,
        }
        line = len(app.tab.lines)
        app.run("(w, options) => { w.session.signIn(options); }", options)
        app.tab.wait_for_line("back in the tab", line)

    assert app.run(begin, place.src) == known("signed-out")
    leave(error="access_denied")
    got = app.run(begin, place.src)
    assert got["error"].startswith("PROVIDER_ERROR: ")
    assert got | {"error": None} == known("signed-out")
    leave(code="ann/code")
    assert app.run(begin, place.src) == known("signed-in", "ann")
    assert app.told(1) == [["restoring", "signed-in", "signed-in", "ann"]]
    assert app.run("(w) => w.location.search") == ""


@pytest.mark.fresh
def test_a_bus_without_a_session(place: Place, open_tab: Opener, world: World) -> None:
    app = App(open_tab().goto(place.page))
    got = app.run("(w, src) => w.begin(src)", world.bus())
    assert got["state"] == "unsupported"
    assert got["error"].startswith("UNKNOWN_TYPE: ")
    assert "[bus.session]" in got["error"]
    assert app.credentials() == "UNKNOWN_TYPE"
    payload = {"code": world.backend.answers(), "redirectUrl": REDIRECT}
    signed_in = app.run("(w, payload) => w.session.signIn(payload)", payload)
    # For this page alone, the sign-in holds.
    assert app.credentials() == signed_in["credentials"]
    shown = app.shown()
    assert (shown["state"], shown["user"]) == ("unsupported", signed_in["currentUser"])
    app.run("(w) => w.session.signOut()")
    assert app.credentials() == "UNKNOWN_TYPE"
    assert [change[2] for change in app.told(3)] == ["restored", "signed-in", "signed-out"]


# -- the examples ---------------------------------------------------------------------------------


@pytest.mark.fresh
@pytest.mark.parametrize(
    "name", ["react-session", "vue-session", "plain-session", "pyscript-session"]
)
def test_an_example_in_two_tabs(
    name: str, open_tab: Opener, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in development, where React's strict mode runs effects twice.
    monkeypatch.setenv("NODE_ENV", "development")
    dist = tmp_path / name / "dist"
    static = StaticFiles(directory=dist, html=True, check_dir=False)
    host = Server(Starlette(routes=[*pyscript_routes(), Mount("/", static)]), "localhost")
    place = Place(world, allowed_origins=[host.origin])
    sessions = place.sessions
    try:
        authorize = world.provider.url(code="Ada/code")
        settings = {"bus": place.src, "authorizeUrl": authorize, "api": place.api}
        if name in ("plain-session", "pyscript-session"):
            copy_example(name, dist, **settings)
        else:
            assert build_example(install_example(name, tmp_path, **settings)) == dist
        one = open_tab().page
        two = one.context.new_page()

        def shows(page: Page, status: str) -> None:
            expect(page.get_by_role("status")).to_have_text(status, timeout=60_000)

        for page in (one, two):
            page.goto(f"{host.origin}/")
        shows(two, "Signed out")
        sessions.life_seconds = SHORT_SECONDS
        one.click("#sign-in")
        for page in (one, two):
            shows(page, "Signed in as Ada")
        sessions.life_seconds = 900
        assert one.url == f"{host.origin}/"
        # The tokens are refreshed once meanwhile, for both.
        while not sessions.sent("refresh"):
            one.click("#orders")
            expect(one.locator("#orders")).to_have_text("Orders 200")
            one.wait_for_timeout(50)
        two.click("#orders")
        expect(two.locator("#orders")).to_have_text("Orders 200")
        assert len(sessions.sent("exchange")) == len(sessions.sent("refresh")) == 1
        two.reload()
        shows(two, "Signed in as Ada")
        # An API that cannot be reached is told to the user, and is no error of the page.
        one.route(f"{place.api}/**", lambda route: route.abort())
        one.click("#orders")
        shows(one, "Failed to fetch")
        one.unroute(f"{place.api}/**")
        one.click("#orders")
        shows(one, "Signed in as Ada")
        two.click("#sign-out")
        for page in (one, two):
            shows(page, "Signed out")
    finally:
        for server in (host, *place.servers):
            server.stop()


# -- rendered on a server ---------------------------------------------------------------------------

RENDERS = """
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { useSession } from "./useSession.js";

console.log(renderToString(createElement(() => createElement("p", null, useSession().state))));
"""


def test_the_hook_of_the_guide_renders_on_a_server(tmp_path: Path) -> None:
    """The server shows what the browser shows until the bus has answered, and embeds no bus."""
    docs = [(ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("session", "embed")]
    guide, embedding = docs
    _, section = guide.split("**Where a server renders your pages**")
    session, hook = re.findall(r"```js\n(.+?)```", section, re.S)[:2]
    [bus] = re.findall(r"```js\n(// bus.js: created on the first call.+?)```", embedding, re.S)
    modules = {"session.js": session, "useSession.js": hook, "bus.js": bus, "renders.js": RENDERS}
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").mkdir()
    tools = node_tools() / "node_modules"
    for name in ("react", "react-dom", "scheduler"):
        (tmp_path / "node_modules" / name).symlink_to(tools / name)
    unpack_client(tmp_path).rename(tmp_path / "node_modules/sso-bus-client")
    for name, text in modules.items():
        (tmp_path / name).write_text(text)
    assert rendered(tmp_path) == "<p>restoring</p>\n"
    # React asks for what the server shows; it would say so.
    (tmp_path / "useSession.js").write_text(hook.replace(", () => RESTORING)", ")"))
    assert rendered(tmp_path) == ""


def rendered(app: Path) -> str:
    node = start_node("renders.js", cwd=app)
    out, _ = node.communicate(timeout=60)
    return out
