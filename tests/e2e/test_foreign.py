"""What a browser, an extension or a network does to the bus's page does not end a sign-in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import tabs
from tests.e2e.support.damage import boot_failed
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

BEACON = '<script defer src="https://static.cloudflareinsights.com/beacon.min.js"></script>'
"""What a content delivery network adds to pages; the bus's policy forbids it."""

FOREIGN = r"""
// As an extension's script in the page, or one that a network has added: runs before all others.
const own = () => performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/early.js"))?.name;
const another = () => {
    const frame = document.createElement("iframe");
    document.documentElement.append(frame);
    const { Error } = frame.contentWindow;
    frame.remove();
    return new Error("foreign");
};
const reject = (reason) => { Promise.reject(reason); };
const failures = [
    () => { throw new Error("foreign"); },
    () => { throw null; },
    () => reject(new Error("foreign")),
    () => reject(Object.assign(new Error("foreign"), { stack: undefined })),
    () => reject(new Error(`foreign: ${own()}:1:1`)),
    () => reject(another()),
    () => reject(null),
    () => reject(undefined),
    () => reject("foreign"),
    () => reject({ message: "foreign" }),
    () => reject(Object.create(null)),
    () => reject({ get stack() { throw new Error("foreign"); } }),
    () => { dispatchEvent(new ErrorEvent("error", { message: "foreign", filename: own() })); },
    () => { dispatchEvent(new Event("error")); },
    () => { fetch("https://foreign.invalid/"); },
    () => { fetch("./foreign-missing"); },
    () => { fetch("http://["); },
    () => { WebAssembly.instantiateStreaming(fetch("./foreign-missing")); },
    () => { document.documentElement.append(Object.assign(document.createElement("script"), { async: true })); },
    () => { document.documentElement.append(Object.assign(new Image(), { src: "./foreign.png" })); },
    () => {
        const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "./foreign.css" });
        document.documentElement.append(link);
    },
];
window.rounds = 0;
const timer = setInterval(() => {
    if (rounds++ === 8) clearInterval(timer);
    for (const failure of failures) setTimeout(failure);
}, 30);
throw new Error("foreign");
"""

REFUSED = r"""
// What a browser may refuse to a frame of another site: reading it throws, or using it does.
const refuse = () => { throw new DOMException("The operation is insecure.", "SecurityError"); };
const [what, how] = location.search.slice(1).split("=");
const holder = what.split(".").slice(0, -1).reduce((object, name) => object[name], window);
const name = what.split(".").at(-1);
const traps = { apply: refuse, construct: refuse, ...(/^[A-Z]/.test(name) ? {} : { get: refuse }) };
const value = how === "used" ? new Proxy(function () {}, traps) : undefined;
if (how === "gone") { if (!delete holder[name]) throw new Error("is still there"); }
else if (how === "used") Object.defineProperty(holder, name, { value, configurable: true, writable: true });
else Object.defineProperty(holder, name, { get: refuse, configurable: true });
"""


def with_script(text: str, *more: str) -> Callable[[Path], None]:
    """Put a script in front of all others of the page, as a file beside it, and more elements."""

    def change(folder: Path) -> None:
        (folder / "foreign.js").write_text(text)
        page = folder / "index.html"
        added = '<script src="./foreign.js"></script>' + "".join(more)
        page.write_text(page.read_text().replace("<title>", added + "<title>", 1))
        for packed in folder.glob("index.html.*"):
            packed.unlink()

    return change


def signs_in(tab: Tab, world: World, src: str) -> None:
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_what_is_not_the_bus_s_may_fail(open_tab: Opener, world: World) -> None:
    src = world.bus("foreign", change=with_script(FOREIGN, BEACON))
    tab = open_tab()
    tab.expect("")  # whatever the foreign scripts come to
    tab.goto(world.page)
    signs_in(tab, world, src)
    for what in ("an element", "a script", "a promise"):
        line = tab.wait_for_line(f"sso-bus: ignored: {what}")
        assert "foreign" not in line
    assert tab.run_in(src, "() => rounds") > 0


@pytest.mark.engines("chromium", "firefox")  # WebKit's driver has no init scripts
def test_a_script_without_an_address_may_fail(open_tab: Opener, world: World) -> None:
    tab = open_tab(bypass_csp=False)
    tab.expect("")
    tab.page.add_init_script(
        """if (window !== top) {
            window.rounds = 0;
            const timer = setInterval(() => {
                if (rounds++ > 20) clearInterval(timer);
                Promise.reject(new Error("foreign"));
                throw new Error("foreign");
            }, 10);
        }"""
    )
    tab.goto(world.page)
    signs_in(tab, world, world.bus())
    assert tab.run_in(world.bus(), "() => rounds") > 0


STORES = ("localStorage", "sessionStorage", "indexedDB", "caches", "cookieStore")
# Interfaces that are there and do nothing but throw.
MESSAGING = ("BroadcastChannel", "Worker", "SharedWorker")
OTHERS = ("navigator.locks", "navigator.storage", "navigator.serviceWorker", "document.cookie")


@pytest.mark.parametrize("how", ["read", "used"])
def test_nothing_that_may_be_refused_is_needed(open_tab: Opener, world: World, how: str) -> None:
    """Each way for each: one page, and a bus for each interface."""
    src = world.bus("refused", change=with_script(REFUSED))
    tab = open_tab().goto(world.page)
    for what in (*STORES, *OTHERS, *(MESSAGING if how == "used" else ())):
        signs_in(tab, world, f"{src}?{what}={how}")
        assert tab.run_in(
            src,
            """async () => {
                if (/indexedDB|BroadcastChannel/.test(location.search)) return true; // a stand-in is there
                const [what, how] = location.search.slice(1).split("=");
                try { const it = what.split(".").reduce((object, name) => object[name], window); it(); }
                catch (error) { return error.name === "SecurityError"; }
            }""",
        )
        tab.run("() => bus.destroy()")


OLD = (
    "Object.hasOwn",
    "String.prototype.isWellFormed",
    "WebAssembly.compileStreaming",
    "WebAssembly.instantiateStreaming",
    "crypto.__proto__.subtle",
)


def test_an_older_browser(open_tab: Opener, world: World) -> None:
    """Or a page that is no secure context, for the last."""
    src = world.bus("refused", change=with_script(REFUSED))
    tab = open_tab().goto(world.page)
    for what in OLD:
        signs_in(tab, world, f"{src}?{what}=gone")
        tab.run("() => bus.destroy()")


def failed(tab: Tab, src: str) -> tuple[Any, list[str]]:
    """Ask a bus that cannot start; returns its error and what the page heard."""
    got = tab.run(
        "(src) => { embed({ src, timeout: 1e6, replyPort: false }); return ask({}); }", src
    )
    return got["error"], tab.run("() => heard.map(({ data }) => data.type)")


def test_a_browser_without_web_assembly(open_tab: Opener, world: World) -> None:
    src = world.bus("refused", change=with_script(REFUSED), boot_timeout_seconds=300)
    tab = open_tab().goto(world.page)
    error, heard = failed(tab, f"{src}?WebAssembly=gone")
    assert error == boot_failed("This browser has no WebAssembly, or has it switched off.")
    assert heard == ["BUS.LISTENING", "AUTH.SSO_REJECTED"]


def test_a_policy_that_forbids_web_assembly(open_tab: Opener, world: World) -> None:
    """As a proxy before the bus may set one: the stricter one counts."""

    def change(folder: Path) -> None:
        for path in (folder / "index.html", folder / "_headers"):
            path.write_text(path.read_text().replace(" &#x27;wasm-unsafe-eval&#x27;", ""))
        headers = folder / "_headers"
        headers.write_text(headers.read_text().replace(" 'wasm-unsafe-eval'", ""))
        for packed in folder.glob("index.html.*"):
            packed.unlink()

    src = world.bus("strict", change=change, boot_timeout_seconds=300)
    tab = open_tab()
    tab.expect("WebAssembly", "wasm")  # the violation
    error, heard = failed(tab.goto(world.page), src)
    assert error == boot_failed(
        "A Content-Security-Policy forbids WebAssembly: its script-src lacks 'wasm-unsafe-eval'."
    )
    assert heard == ["BUS.LISTENING", "AUTH.SSO_REJECTED"]


@contextmanager
def browser(playwright: Playwright, world: World, engine: str, **options: Any) -> Iterator[Tab]:
    with tabs(playwright, engine, world.reports, **options) as open_tab:
        tab = open_tab().goto(world.page)
        yield tab
        assert tab.close() == []


NO_WEB_ASSEMBLY: dict[str, dict[str, Any]] = {
    "chromium": {"args": ["--js-flags=--jitless"]},
    "firefox": {"firefox_user_prefs": {"javascript.options.wasm": False}},
}


@pytest.mark.engines("chromium", "firefox")
def test_web_assembly_is_switched_off(playwright: Playwright, world: World, engine: str) -> None:
    with browser(playwright, world, engine, **NO_WEB_ASSEMBLY[engine]) as tab:
        error, heard = failed(tab, world.bus())
        assert error == boot_failed("This browser has no WebAssembly, or has it switched off.")
        assert heard == ["BUS.LISTENING", "AUTH.SSO_REJECTED"]


BLOCKED = {"network.cookie.cookieBehavior": 1}
"""Firefox: all cookies of other sites, and with them all storage."""


@pytest.mark.engines("firefox")
def test_all_cross_site_cookies_are_blocked(
    playwright: Playwright, world: World, engine: str
) -> None:
    """Firefox then refuses storage and BroadcastChannel as well, which is asserted first."""
    with browser(playwright, world, engine, firefox_user_prefs=BLOCKED) as tab:
        tab.run("(src) => raw(src + 'client.js').loaded", world.bus())
        refused = tab.run_in(
            world.bus(),
            """() => [() => new BroadcastChannel("x"), () => localStorage].map((use) => {
                try { use(); return null; } catch ({ name }) { return name; }
            })""",
        )
        assert refused == ["SecurityError", "SecurityError"]
        signs_in(tab, world, world.bus())
