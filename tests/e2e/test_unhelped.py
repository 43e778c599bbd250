"""Browsers as users have them: caches, throttled and sleeping tabs, partitioned storage, no network."""

import json
import time

import pytest
from playwright.sync_api import Playwright

from host.demo.reset import ResettableProtocol
from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.asleep import asleep
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import tabs
from tests.e2e.support.interpreter import in_interpreter
from tests.e2e.support.tab import Opener
from tests.e2e.support.unhelped import BACK_FORWARD_CACHE, hideable, partitioning, skip_if_built_in
from tests.e2e.support.world import Server, World

EMBED = """async (src) => {
    addEventListener("pageshow", ({ persisted }) => { window.persisted = persisted; });
    await embed({ src, replyPort: false }).ready;
}"""
IN_FLIGHT = "(code, redirectUrl) => { window.asked = ask({ code, redirectUrl }); }"


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "a request in flight"])
def test_back_from_the_back_forward_cache(
    playwright: Playwright, world: World, engine: str, *, busy: bool
) -> None:
    """The request in flight is answered PAGE_HIDDEN on return, and the next request works."""
    skip_if_built_in(playwright, engine)
    with tabs(playwright, engine, world.reports, **BACK_FORWARD_CACHE[engine]) as open_tab:
        tab = open_tab().goto(world.page)
        tab.run(EMBED, world.bus())
        code = world.backend.hangs()
        if busy:
            tab.run(IN_FLIGHT, code, REDIRECT)
            seen = world.backend.wait_for(code)
        tab.goto(f"{world.other}/pages/host.html")
        if busy:
            assert seen.gone.wait(10)  # before the page is shown again
        tab.back()
        kept = tab.run("() => window.persisted ?? false")
        if busy and engine == "firefox":  # keeps no page that waits for an answer
            assert kept is False
            tab.run(EMBED, world.bus())
        elif busy:
            assert kept is True, "the page was not kept: nothing is shown"
            got = tab.run("() => asked")
            # WebKit sometimes breaks the fetch off long before it says that the page goes.
            codes = {"PAGE_HIDDEN"} | ({"BACKEND_UNREACHABLE"} if engine == "webkit" else set())
            assert got["code"] in codes
            assert got["meta"] == {"source": "bus"}
        else:
            assert kept is True, "the page was not kept: nothing is shown"
        assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
        assert tab.close() == []


OUTLIVES = """
import asyncio, js
from bus.browser import fetch

async def ask():
    answer = await fetch(url, headers={"Content-Type": "application/json"}, body=body, outlives_page=True)
    js.parent.postMessage((await answer.read(1000)).decode(), host)

kept = asyncio.ensure_future(ask())
"""


@pytest.mark.engines(
    "chromium"
)  # Firefox keeps no page that waits, and WebKit breaks off what it keeps
def test_a_fetch_may_outlive_its_page(playwright: Playwright, world: World, engine: str) -> None:
    """A fetch that is marked in this way continues while the page is in the back-forward cache."""
    with tabs(playwright, engine, world.reports, **BACK_FORWARD_CACHE[engine]) as open_tab:
        tab = open_tab().goto(world.page)
        tab.run(EMBED, world.bus())
        code = world.backend.hangs()
        in_interpreter(
            *(tab, world),
            """(it, host, url, code, script) => {
                it.globals.set("host", host);
                it.globals.set("url", url);
                it.globals.set("body", JSON.stringify({ code }));
                it.runPython(script);
            }""",
            *(world.host, world.exchange_url, code, OUTLIVES),
        )
        world.backend.wait_for(code)
        tab.goto(f"{world.other}/pages/host.html")
        tab.back()
        assert tab.run("() => window.persisted") is True, "the page was not kept: nothing is shown"
        world.backend.release(code)
        # The driver does not know the frames of a page from the cache, so the bus posts what came.
        got = tab.run(
            """() => new Promise((resolve) => {
                const look = () => {
                    const found = heard.find(({ data }) => typeof data === "string");
                    if (found) resolve(found.data);
                    else setTimeout(look, 20);
                };
                look();
            })"""
        )
        assert json.loads(got) == SIGNED_IN
        assert tab.close() == []


HIDDEN = """() => new Promise((done) => {
    const look = () => { if (document.visibilityState === "hidden") done(); };
    document.addEventListener("visibilitychange", look);
    look();
})"""
"""Waits until the page is out of sight."""

TICKS = """() => new Promise((done) => {
    const times = [];
    const tick = () => {
        if (times.push(performance.now()) > 5) done(times.slice(1).map((time, n) => time - times[n]));
        else setTimeout(tick, 10);
    };
    tick();
})"""


def test_a_hidden_tab_whose_timers_are_throttled(
    playwright: Playwright, world: World, engine: str
) -> None:
    """Requests are answered, a time limit holds, and a bus boots, while timers hardly run."""
    skip_if_built_in(playwright, engine)
    src = world.bus("quick", request_timeout_seconds=1)
    with hideable(playwright, engine, world.reports, world.page) as tab:
        tab.run("async (src) => { await embed({ src }).ready; }", src)
        tab.hide()
        tab.run(HIDDEN)
        gaps = tab.run(TICKS)
        if engine == "webkit":  # WebKitGTK does not throttle them
            assert min(gaps) < 500
        else:  # Chromium lets the first ones through
            assert max(gaps) > 500
        code = world.backend.hangs()
        got = tab.run("(code, redirectUrl) => ask({ code, redirectUrl })", code, REDIRECT)
        assert got["code"] == "BACKEND_TIMEOUT"
        assert world.backend.wait_for(code).gone.wait(10)
        good = tab.run(
            "(code, redirectUrl) => ask({ code, redirectUrl })", world.backend.answers(), REDIRECT
        )
        assert good == {"fulfilled": SIGNED_IN}
        tab.run("async (src) => { bus.destroy(); await embed({ src }).ready; }", src)
        good = tab.run(
            "(code, redirectUrl) => ask({ code, redirectUrl })", world.backend.answers(), REDIRECT
        )
        assert good == {"fulfilled": SIGNED_IN}


def test_a_time_limit_holds_when_the_machine_has_slept(open_tab: Opener, world: World) -> None:
    """Asleep for longer than the limit: on waking the request is answered, and the fetch aborted."""
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus("quick", request_timeout_seconds=1))
    tab.run(
        """() => {
            window.gap = 0;
            let last = Date.now();
            setInterval(() => { gap = Math.max(gap, Date.now() - last); last = Date.now(); }, 50);
        }"""
    )
    tab.run(IN_FLIGHT, code, REDIRECT)
    seen = world.backend.wait_for(code)
    with asleep():
        time.sleep(2)  # is what it is about
    assert tab.run("() => asked")["code"] == "BACKEND_TIMEOUT"
    assert tab.run("() => gap") > 1500, "nothing stood still"
    assert seen.gone.wait(10)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_third_party_storage_is_partitioned_or_refused(
    playwright: Playwright, world: World, engine: str
) -> None:
    options = partitioning(playwright, engine)
    with tabs(playwright, engine, world.reports, **options) as open_tab:
        tab = open_tab().goto(f"{world.bus_origin}/pages/host.html")
        tab.run("() => { localStorage.mark = 'first party'; }")
        assert tab.run("() => localStorage.mark") == "first party"
        tab.goto(world.page)
        tab.run("(src) => embed({ src }).ready", world.bus())
        seen = tab.run_in(
            world.bus(),
            "() => { try { return localStorage.mark ?? null; } catch (error) { return error.name; } }",
        )
        assert seen in (None, "SecurityError")
        assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
        assert tab.close() == []


@pytest.mark.engines("chromium")  # Firefox's driver and WebKit's cannot cut a page off
def test_offline_and_back(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    tab.page.context.set_offline(True)
    assert tab.run("() => navigator.onLine") is False
    code = world.backend.answers()
    got = ask(tab, code)
    assert (got["code"], got["meta"]) == ("BACKEND_UNREACHABLE", {"source": "bus"})
    assert not world.backend.of(code)
    tab.page.context.set_offline(False)
    assert ask(tab, code) == {"fulfilled": SIGNED_IN}


def test_a_backend_that_goes_away_and_comes_back(open_tab: Opener, world: World) -> None:
    """What offline means to the bus, for drivers that cannot take a page offline: no server answers."""
    backend = Server(world.backend.app, "localhost", http=ResettableProtocol)
    src = world.bus(f"away-{backend.port}", sso={"exchange_url": f"{backend.origin}/sso/exchange"})
    code, lost = world.backend.answers(), world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, code) == {"fulfilled": SIGNED_IN}
    tab.run(IN_FLIGHT, lost, REDIRECT)
    world.backend.wait_for(lost)
    backend.stop()
    got = tab.run("() => asked")
    assert (got["code"], got["meta"]) == ("BACKEND_UNREACHABLE", {"source": "bus"})
    assert ask(tab, code)["code"] == "BACKEND_UNREACHABLE"
    back = Server(world.backend.app, "localhost", port=backend.port, http=ResettableProtocol)
    try:
        assert ask(tab, code) == {"fulfilled": SIGNED_IN}
        assert len(world.backend.of(code)) == 2
    finally:
        back.stop()
