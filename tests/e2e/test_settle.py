"""Pending requests are rejected as soon as a page can know that no answer will come."""

import re

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import launch
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.unhelped import BACK_FORWARD_CACHE
from tests.e2e.support.world import World

ASK = "(payload) => { window.asked = ask(payload); }"


def asked(tab: Tab, world: World, page: str = "") -> str:
    """Embed a bus and ask for what the backend will not answer; returns the code."""
    code = world.backend.hangs()
    tab.goto(page or world.page)
    tab.run("async (src) => { await embed({ src }).ready; }", world.bus())
    tab.run(ASK, {"code": code, "redirectUrl": REDIRECT})
    world.backend.wait_for(code)
    return code


@pytest.mark.parametrize(
    "remove", ["bus.iframe.remove()", "document.body.replaceChildren()"], ids=["it", "its parent"]
)
def test_the_iframe_is_removed(open_tab: Opener, world: World, remove: str) -> None:
    tab = open_tab()
    asked(tab, world)
    tab.run(f"() => {{ {remove}; }}")
    got = tab.run("() => asked")
    assert got["code"] == "DESTROYED"
    assert "removed" in got["message"]
    # And so are later ones, until somebody puts it back.
    assert tab.run("() => ask({})")["code"] == "DESTROYED"
    payload = {"code": world.backend.answers(), "redirectUrl": REDIRECT}
    back = "(payload) => { document.body.append(bus.iframe); return ask(payload); }"
    assert tab.run(back, payload) == {"fulfilled": SIGNED_IN}


def test_ready_ends_with_the_iframe(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src) => {
            embed({ src }).iframe.remove();
            return (await bus.ready.catch((error) => error)).code;
        }""",
        world.bus(),
    )
    assert got == "DESTROYED"


def test_what_was_sent_is_told_from_what_was_not(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    asked(tab, world)
    got = tab.run(
        """async (src) => {
            const first = bus.request("AUTH.SSO", {}, { signal: AbortSignal.abort() }).catch(({ sent }) => sent);
            const late = embed({ src });
            const second = late.request("AUTH.SSO", {}).catch(({ sent }) => sent);
            late.destroy();
            await embed({ src }).ready;
            const third = bus.request("AUTH.SSO", {}).catch(({ sent }) => sent);
            bus.destroy();
            return Promise.all([first, second, third]);
        }""",
        world.bus(),
    )
    assert got == [False, False, True]


def test_the_iframe_shows_another_page(open_tab: Opener, world: World, engine: str) -> None:
    tab = open_tab()
    asked(tab, world)
    tab.run(
        """(url) => new Promise((done) => {
            bus.iframe.addEventListener("load", done, { once: true });
            bus.iframe.src = url;
        })""",
        f"{world.stranger}/pages/host.html",
    )
    # Firefox and WebKit break the fetch off before the page goes, and the bus still says so.
    codes = {"BUS_RELOADED"} if engine == "chromium" else {"BUS_RELOADED", "BACKEND_UNREACHABLE"}
    assert tab.run("() => asked")["code"] in codes
    # The code is never sent to the other page; it waits until the bus is back.
    code = world.backend.answers()
    tab.run(ASK, {"code": code, "redirectUrl": REDIRECT})
    assert tab.run_in(f"{world.stranger}/pages/host.html", "() => heard") == []
    # A LISTENING within 50 ms of a load event is taken for the same document's (client.js, SAME).
    tab.run("(src) => { setTimeout(() => { bus.iframe.src = src; }, 250); }", world.bus())
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}


def test_a_bus_that_is_gone_for_good(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    asked(tab, world)
    # The bus's page answers until the other page has loaded.
    tab.run(
        """(url) => new Promise((done) => {
            bus.iframe.addEventListener("load", done, { once: true });
            bus.iframe.src = url;
        }).then(() => {})""",
        f"{world.bus_origin}/nothing/",
    )
    tab.run("() => asked")
    assert tab.run("() => ask({})")["code"] == "NOT_ALLOWED"


def test_a_time_limit_goes_by_the_clock(open_tab: Opener, world: World) -> None:
    """As after a sleep: the clock has moved on, timers have not."""
    tab = open_tab()
    code = asked(tab, world)
    tab.run("() => { const { now } = Date; Date.now = () => now() + 3_600_000; }")
    got = tab.run("() => asked")
    assert got["code"] == "TIMEOUT"
    assert world.backend.of(code)[0].gone.wait(10)  # the bus was told


def test_any_number_of_requests_in_flight(embedded: Tab, world: World) -> None:
    """More than the bus takes at a time: the others wait in the page."""
    codes = [world.backend.answers(SIGNED_IN | {"company": {"n": n}}) for n in range(150)]
    got = embedded.run(
        "(codes, redirectUrl) => Promise.all(codes.map((code) => ask({ code, redirectUrl })))",
        codes,
        REDIRECT,
    )
    assert [one["fulfilled"]["company"]["n"] for one in got] == list(range(150))


@pytest.mark.parametrize("reply_port", [True, False])
def test_the_host_comes_back_from_the_back_forward_cache(
    playwright: Playwright, world: World, reply_port: bool
) -> None:
    """Every waiting request is settled, and the page can send new ones."""
    code = world.backend.hangs()
    with launch(playwright, "chromium", **BACK_FORWARD_CACHE["chromium"]) as browser:
        tab = Tab(browser)
        tab.goto(world.page)
        tab.run(
            """async (src, replyPort) => {
                addEventListener("pageshow", ({ persisted }) => { window.persisted = persisted; });
                await embed({ src, replyPort }).ready;
            }""",
            world.bus(),
            reply_port,
        )
        tab.run(ASK, {"code": code, "redirectUrl": REDIRECT})
        world.backend.wait_for(code)
        tab.goto(f"{world.other}/pages/host.html")
        tab.page.go_back(wait_until="commit")
        assert tab.run("() => window.persisted") is True, "the page was not kept: nothing is shown"
        assert tab.run("() => asked")["code"] == "PAGE_HIDDEN"
        assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
        assert tab.close() == []


def test_debug_says_who_what_and_how_long_and_nothing_else(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    lines = tab.run(
        """async (src, payload) => {
            const lines = [];
            embed({ src, debug: (line) => lines.push(line) });
            await bus.ready;
            await ask(payload);
            await ask({});
            await ask(payload, { signal: AbortSignal.abort() });
            return lines;
        }""",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    # A bus that is slow to start is asked whether it will.
    told = [line for line in lines if "BUS.PROBE" not in line]
    times = [re.sub(r" \d+ ms", " N ms", re.sub(r" [\d-]{8}(?= )", " ID", line)) for line in told]
    assert times == [
        "sso-bus: <- BUS.LISTENING N ms",
        "sso-bus: <- BUS.READY N ms",
        "sso-bus: -> AUTH.SSO ID N ms",
        "sso-bus: <- AUTH.SSO_FULFILLED ID N ms",
        "sso-bus: -> AUTH.SSO ID N ms",
        "sso-bus: <- AUTH.SSO_REJECTED ID N ms",
    ]
    tab.run("(src) => embed({ src, debug: true }).ready", world.bus())
    tab.wait_for_line("sso-bus: <- BUS.READY")


def test_debug_that_is_off_ends_nothing(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src, debug: false }).ready", world.bus())
    assert tab.run("() => ask({})")["code"] == "INVALID_PAYLOAD"
