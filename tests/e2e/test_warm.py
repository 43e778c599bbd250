"""The warm-up: the files of a bus come into the browser's cache before there is a bus, and none of them runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.bench.sessions import ROUTES, session
from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.damage import without
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import Server, World

WARM = "async (options) => (await import('/warm.js')).warm(options)"
START = """async (options) => {
    const { warm } = await import("/warm.js");
    window.control = new AbortController();
    window.warmed = warm({ ...options, signal: control.signal });
    const frame = document.querySelector("iframe");
    await Promise.race([new Promise((done) => frame.addEventListener("load", done)), warmed]);
}"""
"""Begins a warm-up; when this is over, its page has run its script, and no answer is there yet."""

FRAMES = "() => document.querySelectorAll('iframe').length"
NAMES = ("snapshot.bin", "pyodide.asm.wasm", "library.wasm")


def asked(world: World, name: str, since: int = 0) -> list[str]:
    """What was requested of a bus, without the bus's own path."""
    start = f"/{name}/"
    return [
        path.removeprefix(start) for path in world.buses.asked[since:] if path.startswith(start)
    ]


def end_of(path: str) -> str:
    return path.rsplit("/", 1)[-1]


@pytest.mark.engines("chromium", "firefox")
def test_after_a_warm_up_a_boot_requests_nothing_but_the_page(
    open_tab: Opener, world: World
) -> None:
    src = world.bus("warmed")
    tab = open_tab().goto(world.page)
    assert tab.run(WARM, {"src": src}) is True
    warmed = asked(world, "warmed")
    assert warmed[0] == "warm.html"
    assert {end_of(path) for path in warmed} >= {*NAMES, "pyodide.asm.mjs", "early.js", "main.py"}
    assert tab.run(FRAMES) == 0
    # Nothing has spoken to this page.
    assert tab.run("() => heard") == []
    # To another site, as a provider's, and back.
    tab.goto(f"{world.bus_origin}/pages/host.html")
    before = len(world.buses.asked)
    tab.goto(f"{world.page}?came=back")
    tab.run("(src) => embed({ src }).ready", src)
    assert asked(world, "warmed", before) == [""]
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    assert not [line for line in tab.lines if "stock boot" in line]


@pytest.mark.engines("webkit")
def test_the_same_in_a_browser_that_nobody_drives(
    engine: str, playwright: Playwright, world: World
) -> None:
    """WebKit keeps nothing on disk while a driver drives it."""
    server = Server(Starlette(routes=[*ROUTES, Mount("/", world.pages)]), "localhost")
    src = world.bus("undriven", allowed_origins=[server.origin])
    try:
        with session(playwright, engine, server.origin) as own:
            assert own.ask("warmUp", src) is True
            assert {end_of(path) for path in asked(world, "undriven")} >= set(NAMES)
            before = len(world.buses.asked)
            own.boot(src)
            assert asked(world, "undriven", before) == [""]
    finally:
        server.stop()


@pytest.mark.engines("chromium")
def test_a_warm_up_reads_what_a_boot_reads_and_no_more(open_tab: Opener, world: World) -> None:
    """Of a bus whose sessions have keys, which needs two files more."""
    at = world.backend_origin
    sso = {"provider": "oidc", "issuer": at, "client_id": "c", "dpop": "refresh-token"}
    more: dict[str, Any] = {"sso": sso | {"connect_origins": [at]}, "session": {}}
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus("cold", **more))
    booted = asked(world, "cold")
    assert tab.run(WARM, {"src": world.bus("read", **more)}) is True
    read = asked(world, "read")
    assert sorted(read) == sorted({*booted, "warm.html", _file(read, "warm.js")} - {""})


def _file(paths: list[str], name: str) -> str:
    [found] = [path for path in paths if end_of(path) == name]
    return found


@pytest.fixture
def held(open_tab: Opener, world: World) -> Iterator[Tab]:
    """A page with a warm-up, whose large files are not answered."""
    src = world.bus("held")
    world.buses.stuck.add("/held/")
    tab = open_tab().goto(world.page)
    tab.run(START, {"src": src})
    assert tab.run(FRAMES) == 1
    yield tab
    tab.run("() => control.abort()")
    world.buses.release()


FORBIDDEN = {
    "WebAssembly": "WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))",
    "the backend": "fetch(backend)",
}


def test_its_page_can_run_no_python_and_ask_no_backend(
    engine: str, held: Tab, world: World
) -> None:
    page = f"{world.bus('held')}warm.html"
    held.expect(
        "Content Security", "violates the following", "connect-src", "NetworkError", "Load failed"
    )
    assert held.run_in(page, "() => [typeof ssoBus, typeof ssoBoot]") == ["undefined"] * 2
    before = len(world.backend.elsewhere)
    for what, attempt in FORBIDDEN.items():
        if what == "WebAssembly" and engine == "webkit":
            continue  # it takes small modules whatever the policy (docs/engines.md)
        # In a separate task: a browser may exempt a test driver's code from the policy.
        done = held.run_in(
            page,
            f"""(backend) => new Promise((done) => setTimeout(() =>
                {attempt}.then(() => done("allowed"), () => done("refused"))))""",
            f"{world.backend_origin}/elsewhere",
        )
        assert done == "refused"
    assert len(world.backend.elsewhere) == before


def test_a_signal_stops_it(held: Tab, world: World) -> None:
    assert held.run("async () => { control.abort(); return warmed; }") is False
    assert held.run(FRAMES) == 0
    world.buses.release()
    # One after the other: what comes after the file that was held is never asked for.
    assert held.run(WARM, {"src": world.bus("warmed")}) is True
    assert "snapshot.bin" not in map(end_of, asked(world, "held"))


def test_a_frame_that_somebody_removes(open_tab: Opener, world: World) -> None:
    """It ends at the limit, and the page goes on."""
    src = world.bus("held")
    world.buses.stuck.add("/held/")
    try:
        tab = open_tab().goto(world.page)
        tab.run(START, {"src": src, "timeout": 2000})
        tab.run("() => document.querySelector('iframe')?.remove()")
        assert tab.run("() => warmed") is False
    finally:
        world.buses.release()
    assert tab.run(WARM, {"src": world.bus("warmed")}) is True


def test_a_limit_ends_it(open_tab: Opener, world: World) -> None:
    src = world.bus("held")
    world.buses.stuck.add("/held/")
    try:
        tab = open_tab().goto(world.page)
        assert tab.run(WARM, {"src": src, "timeout": 500}) is False
        assert tab.run(FRAMES) == 0
    finally:
        world.buses.release()


@pytest.mark.parametrize("saves", [True, False])
def test_a_user_who_saves_data(open_tab: Opener, world: World, saves: bool) -> None:
    src = world.bus("warmed")
    tab = open_tab().goto(world.page)
    before = len(world.buses.asked)
    got = tab.run(
        f"""async (options) => {{
            Object.defineProperty(navigator, "connection", {{ value: {{ saveData: options.saves }} }});
            const {{ warm }} = await import("/warm.js");
            const warmed = warm(options);
            return [({FRAMES})(), await warmed];
        }}""",
        {"src": src, "saves": saves},
    )
    assert got == ([0, False] if saves else [1, True])
    assert ("warm.html" in asked(world, "warmed", before)) is not saves


@pytest.mark.engines("chromium")
def test_what_the_page_needs_itself_comes_first(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        f"""async (options) => {{
            const {{ warm }} = await import("/warm.js");
            Object.defineProperty(document, "readyState", {{ value: "interactive" }});
            const warmed = warm(options);
            const before = ({FRAMES})();
            dispatchEvent(new Event("load"));
            return [before, ({FRAMES})(), await warmed];
        }}""",
        {"src": world.bus("warmed")},
    )
    assert got == [0, 1, True]


@pytest.mark.engines("chromium")
def test_a_file_that_is_missing(open_tab: Opener, world: World) -> None:
    src = world.bus("incomplete", change=without("snapshot.bin"))
    tab = open_tab()
    tab.expect("404")
    tab.goto(world.page)
    assert tab.run(WARM, {"src": src}) is False
    assert tab.run(FRAMES) == 0


@pytest.mark.engines("chromium")
def test_a_page_that_the_bus_does_not_allow(open_tab: Opener, world: World) -> None:
    src = world.bus("warmed")
    tab = open_tab()
    tab.expect("frame-ancestors", "target origin provided")
    tab.goto(f"{world.stranger}/pages/host.html")
    before = len(world.buses.asked)
    assert tab.run(WARM, {"src": src, "timeout": 3000}) is False
    assert asked(world, "warmed", before) == ["warm.html"]


@pytest.mark.engines("chromium")
def test_a_tab_with_its_page_requests_nothing(open_tab: Opener, world: World) -> None:
    src = world.bus("warmed")
    tab = open_tab()
    tab.expect("favicon.ico")
    before = len(world.buses.asked)
    tab.goto(f"{src}warm.html")
    # What it had asked for would have been asked for before this.
    tab.run("() => fetch('./sbom.cdx.json')")
    found = [end_of(path) for path in asked(world, "warmed", before)]
    assert set(found) - {"favicon.ico"} == {"warm.html", "warm.js", "sbom.cdx.json"}


@pytest.mark.engines("chromium")
def test_options_that_cannot_work(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src) => {
            const { warm } = await import("/warm.js");
            const said = [];
            for (const options of [{ src: "http://" }, { src: "ftp://x/" }, { src, timeout: NaN }, { src, timeout: "1" }, { src, container: null }])
                try { warm(options); said.push("nothing"); } catch (error) { said.push(error.name); }
            return [said, await warm({ src, signal: AbortSignal.abort() }), document.querySelectorAll("iframe").length];
        }""",
        world.bus("warmed"),
    )
    assert got == [["TypeError"] * 5, False, 0]
