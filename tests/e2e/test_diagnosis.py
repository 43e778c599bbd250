"""A bus that is silent: the embed module says which it was, as far as a page can know."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Playwright
from starlette.applications import Starlette

from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import launch
from tests.e2e.support.tab import LOADED, Opener, Tab
from tests.e2e.support.world import Server, World

FORBID = """(policy) => {
    const meta = document.createElement("meta");
    meta.httpEquiv = "Content-Security-Policy";
    meta.content = policy;
    document.head.append(meta);
}"""
DIAGNOSE = """async (src) => {
    embed({ src });
    const asked = ask({});
    const error = await bus.ready.catch((error) => error);
    const later = await ask({});
    return {
        code: error.code, message: error.message, evidence: error.evidence?.join("; "), help: error.help,
        asked: [(await asked).code, later.code],
    };
}"""


def diagnosis(tab: Tab, src: str, script: str = DIAGNOSE) -> dict[str, Any]:
    """Embed a bus that will be silent; returns what `ready` and each request is rejected with."""
    got: dict[str, Any] = tab.run(script, src)
    assert got["asked"] == [got["code"]] * 2
    assert got["help"].endswith(f"errors.html#{got['code'].lower()}")
    line = tab.wait_for_line(f"sso-bus: {got['code']}: ")
    assert got["message"] in line
    assert got["help"] in line
    return got


def test_nobody_answers(open_tab: Opener, world: World) -> None:
    gone = Server(Starlette(), "127.0.0.1")
    gone.stop()
    tab = open_tab().goto(world.page)
    tab.expect("ERR_CONNECTION_REFUSED")
    got = diagnosis(tab, f"{gone.origin}/")
    assert got["code"] == "BUS_UNREACHABLE"
    assert gone.origin in got["message"]
    assert "a request to it failed" in got["evidence"]


@pytest.mark.parametrize("policy", [True, False], ids=["frame-ancestors", "the gate alone"])
def test_the_origin_is_not_allowed(open_tab: Opener, world: World, policy: bool) -> None:
    tab = open_tab().goto(f"{world.stranger}/pages/host.html")
    tab.expect("frame-ancestors")
    src = world.bus() if policy else world.open_bus()
    got = diagnosis(tab, src)
    assert got["code"] == "NOT_ALLOWED"
    assert "probably" in got["message"]
    assert world.stranger in got["message"]
    assert world.bus_origin in got["message"]
    assert "it is up" in got["evidence"]
    # The same page where it is allowed.
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_there_is_no_bus_at_that_address(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    src = f"{world.bus_origin}/nothing/"
    got = diagnosis(tab, src)
    assert got["code"] == "NOT_ALLOWED"
    assert f"Or there is no bus at {src}" in got["message"]


def test_a_bus_that_comes_late_is_used(open_tab: Opener, world: World, engine: str) -> None:
    """A diagnosis stands until LISTENING proves it wrong."""
    tab = open_tab().goto(world.page)
    name = f"late-{engine}"  # in each engine, it must not be there yet
    assert diagnosis(tab, f"{world.bus_origin}/{name}/")["code"] == "NOT_ALLOWED"
    world.bus(name)
    tab.run(
        """() => new Promise((done) => {
            bus.on("BUS.READY", done);
            bus.iframe.src = bus.iframe.src;
        })"""
    )
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_this_pages_policy_forbids_the_frame(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.expect("frame-src", "frame-ancestors")
    tab.run(FORBID, "frame-src 'self'")
    got = diagnosis(tab, world.bus())
    assert got["code"] == "MISCONFIGURED"
    assert "frame-src" in got["message"]
    assert world.bus_origin in got["evidence"]
    # The same where the policy names the bus.
    tab.goto(world.page)
    tab.run(FORBID, f"frame-src {world.bus_origin}")
    tab.run("(src) => embed({ src }).ready", world.bus())
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_this_pages_policy_forbids_to_ask(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(f"{world.stranger}/pages/host.html")
    tab.expect("connect-src", "Refused to connect", "frame-ancestors")
    tab.run(FORBID, "connect-src 'self'")
    got = diagnosis(tab, world.bus())
    assert got["code"] == "NOT_ALLOWED"
    assert "connect-src forbids" in got["evidence"]


@pytest.mark.parametrize("word", ["allow-scripts", "allow-same-origin"])
def test_the_iframe_is_sandboxed_too_tightly(open_tab: Opener, world: World, word: str) -> None:
    other = {"allow-scripts", "allow-same-origin"} - {word}
    tab = open_tab().goto(world.page)
    tab.run("(word) => { window.word = word; }", *other)
    sandboxed = DIAGNOSE.replace(
        "embed({ src });",
        """const container = document.createElement("div");
        embed({ src, container });
        bus.iframe.sandbox = word;
        document.body.append(container);""",
    )
    got = diagnosis(tab, world.bus(), sandboxed)
    assert got["code"] == "MISCONFIGURED"
    assert f"add {word} to its sandbox" in got["message"]
    # The same with both words.
    tab.goto(world.page)
    got = tab.run(
        """(src) => {
            const container = document.createElement("div");
            embed({ src, container });
            bus.iframe.sandbox = "allow-scripts allow-same-origin";
            document.body.append(container);
            return bus.ready;
        }""",
        world.bus(),
    )
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_this_page_has_no_origin_of_its_own(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.expect("frame-ancestors")
    got = tab.run(
        """(client, src) => new Promise((done) => {
            addEventListener("message", ({ data }) => data.diagnosed && done(data));
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts";
            frame.srcdoc = `<body><script type="module">
                import { embed } from "${client}";
                embed({ src: "${src}" }).ready.catch(({ code, message }) =>
                    parent.postMessage({ diagnosed: true, code, message }, "*"));
            </` + "script>";
            document.body.append(frame);
        })""",
        f"{world.host}/client.js",
        world.bus(),
    )
    assert got["code"] == "MISCONFIGURED"
    assert "opaque" in got["message"]


# What a bus's settings cannot list, as frame-ancestors cannot say it (or must not: http:).
UNLISTED = [
    "capacitor://localhost",
    "tauri://localhost",
    "app://crm",
    "http://[::1]:5173",
    "https://[2001:db8::1]",
    "http://app.example.com",
    "http://192.168.1.20:5173",
    "http://localhost.example.com",
    "https://a_b.example.com",
]
LISTED = [
    "https://app.example.com",
    "https://app.example.com:8443",
    "https://192.168.1.20",
    "http://localhost:5173",
    "http://tauri.localhost",
    "http://127.0.0.2:5173",
]
EMBED_AS = """(src, origins) => Promise.all(origins.map((origin) => {
    Object.defineProperty(self, "origin", { value: origin, configurable: true });
    return embed({ src }).ready.catch(({ code, message, evidence }) => [code, message, evidence[0]]);
}))"""


def test_this_pages_origin_is_one_that_no_bus_can_allow(open_tab: Opener, world: World) -> None:
    """Told at once; a page of such an origin is hard to come by, so this one says that it is one."""
    tab = open_tab().goto(world.page)
    got = tab.run(EMBED_AS, f"{world.bus_origin}/nothing/", UNLISTED)
    for origin, (code, message, evidence) in zip(UNLISTED, got, strict=True):
        assert code == "MISCONFIGURED", origin
        assert "No bus can allow this page" in message
        assert evidence == f'self.origin is "{origin}"'
    # The same with origins that can be allowed: the diagnosis finds another cause.
    got = tab.run(EMBED_AS, f"{world.bus_origin}/nothing/", LISTED)
    assert [code for code, _, _ in got] == ["NOT_ALLOWED"] * len(LISTED)


def test_a_bus_that_spoke_before_is_not_said_to_be_forbidden(
    open_tab: Opener, world: World
) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, other) => {
            await embed({ src }).ready;
            bus.iframe.src = other;
            await new Promise((done) => bus.iframe.addEventListener("load", done, { once: true }));
            return (await ask({})).message;
        }""",
        world.bus(),
        f"{world.bus_origin}/nothing/",
    )
    assert "shows no bus any more" in got
    assert "allowed_origins" not in got


def test_a_bus_that_a_blocker_keeps_away(playwright: Playwright, world: World) -> None:
    """The frame alone, as by some lists; and whatever goes to the bus, as by others."""
    with launch(playwright, "chromium") as browser:
        tab = Tab(browser)
        tab.expect("ERR_BLOCKED_BY_CLIENT")
        tab.goto(world.page)
        tab.page.route(
            f"{world.bus_origin}/**",
            lambda route: (
                route.abort("blockedbyclient")
                if route.request.is_navigation_request()
                else route.continue_()
            ),
        )
        got = diagnosis(tab, world.bus())
        assert got["code"] == "NOT_ALLOWED"
        assert "a blocker is in the way" in got["message"]
        tab.goto(world.page)
        tab.page.route(f"{world.bus_origin}/**", lambda route: route.abort("blockedbyclient"))
        got = diagnosis(tab, world.bus())
        assert got["code"] == "BUS_UNREACHABLE"
        assert "a blocker is in the way" in got["message"]
        # The same without.
        tab.page.unroute_all()
        tab.goto(world.page)
        tab.run("(src) => embed({ src }).ready", world.bus())
        assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
        assert tab.close() == []


def test_scripts_that_come_with_a_wrong_type(open_tab: Opener, world: World) -> None:
    def as_text(folder: Path) -> None:
        headers = folder / "_headers"
        text = headers.read_text()
        cors = "  Access-Control-Allow-Origin: *\n"
        assert cors in text
        headers.write_text(text.replace(cors, f"{cors}  Content-Type: text/plain\n"))

    tab = open_tab().goto(world.page)
    tab.expect("MIME type", "text/plain")
    src = world.bus("as text", change=as_text)
    [script] = world.buses.folders["as text"].glob("bus-*/early.js")
    type_ = "(url) => fetch(url).then(({ headers }) => headers.get('content-type'))"
    assert tab.run(type_, f"{src}{script.parent.name}/early.js").startswith("text/plain")
    got = diagnosis(tab, src)
    assert got["code"] == "NOT_ALLOWED"
    assert "its scripts come with a wrong type" in got["message"]


def test_offline_that_is_said_first(playwright: Playwright, world: World) -> None:
    with launch(playwright, "chromium") as browser:
        tab = Tab(browser)
        tab.expect("ERR_INTERNET_DISCONNECTED")
        tab.goto(world.page)
        tab.page.context.set_offline(True)
        got = diagnosis(tab, world.bus())
        assert got["code"] == "BUS_UNREACHABLE"
        assert got["message"].endswith(": the browser is offline.")
        assert tab.close() == []


def test_the_address_leads_to_another_origin(open_tab: Opener, world: World) -> None:
    src = world.bus()
    tab = open_tab().goto(world.page)
    got = diagnosis(tab, f"{world.provider.origin}/leads?{urlencode({'to': src})}")
    assert got["code"] == "MISCONFIGURED"
    assert f"src leads to {world.bus_origin}" in got["message"]
    # With that address it works.
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_a_time_limit_says_how_far_it_got(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src) => {
            embed({ src, timeout: 1000, container: document.createElement("div") });
            const asked = ask({});
            return [await bus.ready.catch(({ message }) => message), (await asked).message];
        }""",
        world.bus(),
    )
    assert got == [
        "The bus was not ready within 1000 ms: its iframe is not in the page.",
        "No answer within 1000 ms: its iframe is not in the page.",
    ]


def test_a_bus_that_was_destroyed_is_not_diagnosed(
    open_tab: Opener, world: World, engine: str
) -> None:
    path = f"/destroyed-{engine}/"
    src = f"{world.bus_origin}{path}"
    tab = open_tab().goto(world.page)
    tab.run(
        """async (src) => {
            embed({ src });
            await new Promise((done) => bus.iframe.addEventListener("load", done));
            bus.destroy();
        }""",
        src,
    )
    # Another one beside it, whose diagnosis comes later, has been made meanwhile.
    assert diagnosis(tab, f"{world.bus_origin}/after/")["code"] == "NOT_ALLOWED"
    assert world.buses.asked.count(path) == 1  # by the iframe


def test_python_that_cannot_start_fails_ready_though_nobody_asked(
    open_tab: Opener, world: World
) -> None:
    def without_python(folder: Path) -> None:
        for wasm in folder.rglob("pyodide.asm.wasm*"):
            wasm.unlink()

    tab = open_tab().goto(world.page)
    tab.expect("404", "Failed to fetch", "WebAssembly", "pyodide")
    src = world.bus("without-python", change=without_python)
    got = tab.run(
        "(src) => embed({ src }).ready.catch(({ code, meta, help }) => ({ code, meta, help }))", src
    )
    help_ = f"{src}errors.html#boot_failed"
    assert got == {"code": "BOOT_FAILED", "meta": {"source": "bus"}, "help": help_}
    tab.wait_for_line("sso-bus: BOOT_FAILED: ")
    # The bus serves the page that `help` leads to, with a section for the code.
    assert (
        tab.goto(help_).run("() => document.querySelector(':target').textContent") == "BOOT_FAILED"
    )


def test_a_bus_that_is_only_slow_is_waited_for(open_tab: Opener, world: World) -> None:
    """The server is asked whether it is up, and that it answers proves nothing yet."""
    src = world.bus("slow")
    world.buses.slow.add("/slow/")
    tab = open_tab().goto(world.page)
    asked = """(src) => new Promise((done) => {
        new PerformanceObserver((list) =>
            list.getEntries().some(({ name, initiatorType }) => name === src && initiatorType === "fetch") && done(),
        ).observe({ type: "resource" });
        embed({ src });
        window.ended = "no";
        bus.ready.then(() => { window.ended = "ready"; }, () => { window.ended = "failed"; });
    })"""
    tab.run(asked, src)
    assert tab.run("() => ended") == "no"
    world.buses.release()
    tab.run("() => bus.ready")
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_an_https_page_cannot_embed_an_http_bus(playwright: Playwright, world: World) -> None:
    with launch(playwright, "chromium") as browser:
        tab = Tab(browser, ignore_https_errors=True)
        tab.goto(f"{world.secure}/pages/host.html")
        tab.expect("frame-ancestors")
        got = diagnosis(tab, "http://bus.example/")
        assert got["code"] == "MISCONFIGURED"
        assert "over https:" in got["message"]
        # On loopback it can: browsers trust that.
        own = world.bus("secure host", allowed_origins=[world.secure])
        tab.page.reload()
        tab.run(LOADED)
        tab.run("(src) => embed({ src }).ready", own)
        assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
        assert tab.close() == []
