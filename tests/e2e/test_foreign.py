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

BEACONS = (
    '<script defer src="https://static.cloudflareinsights.com/beacon.min.js"></script>',
    '<script src="./missing.js"></script>',
)
"""What a content delivery network adds to pages: the bus's policy forbids the one, the other fails."""

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
// Who listens for errors is called with an event that has nothing of one.
const { addEventListener: add } = EventTarget.prototype;
window.listeners = 0;
EventTarget.prototype.addEventListener = function (type, ...more) {
    add.call(this, type, ...more);
    if (this === window && type === "error" && ++listeners) dispatchEvent(new Event("error"));
};
// And who stands in for what compiles is asked at once, before the bus itself asks.
window.stoodIn = 0;
window.WebAssembly = new Proxy(WebAssembly, {
    set(object, name, value) {
        object[name] = value;
        if (name === "instantiateStreaming" && ++stoodIn) {
            value.call(object, fetch("./foreign-missing"));
            setTimeout(fail); // when the bus's script has run, and Python has yet to start
        }
        return true;
    },
});
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
    () => { fetch(Object.create(null)); },
    () => { document.createElement("p").attachShadow(); },
    async () => { document.createElement("p").attachShadow(); },
    () => { indexedDB.open("foreign").onsuccess = 1; },
    () => { Object.hasOwn(null, "foreign"); },
    () => { WebAssembly.instantiateStreaming(fetch("./foreign-missing")); },
    () => { document.documentElement.append(Object.assign(document.createElement("script"), { async: true })); },
    () => { document.documentElement.append(Object.assign(new Image(), { src: "./foreign.png" })); },
    () => {
        const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "./foreign.css" });
        document.documentElement.append(link);
    },
];
const fail = () => {
    for (const failure of failures) setTimeout(failure);
};
window.rounds = 0;
const timer = setInterval(() => {
    if (rounds++ === 8) clearInterval(timer);
    fail();
}, 30);
throw new Error("foreign");
"""

REFUSED = r"""
// What a browser may refuse to a frame of another site: reading it throws, or using it does.
const refuse = () => { throw new DOMException("The operation is insecure.", "SecurityError"); };
for (const [what, how] of new URLSearchParams(location.search)) {
    const holder = what.split(".").slice(0, -1).reduce((object, name) => object[name], window);
    const name = what.split(".").at(-1);
    const traps = { apply: refuse, construct: refuse, ...(/^[A-Z]/.test(name) ? {} : { get: refuse }) };
    if (how === "gone") { if (!delete holder[name]) throw new Error("is still there"); }
    else if (how === "used") {
        const value = new Proxy(function () {}, traps);
        Object.defineProperty(holder, name, { value, configurable: true, writable: true });
    } else Object.defineProperty(holder, name, { get: refuse, configurable: true });
}
"""


def with_script(script: str, *more: str) -> Callable[[Path], None]:
    """Put a script in front of all others of the page, as a file beside it, and more at the end."""

    def change(folder: Path) -> None:
        (folder / "foreign.js").write_text(script)
        page = folder / "index.html"
        text = page.read_text().replace("<title>", '<script src="./foreign.js"></script><title>', 1)
        page.write_text(text.replace("</body>", "".join(more) + "</body>", 1))
        for packed in folder.glob("index.html.*"):
            packed.unlink()

    return change


def signs_in(tab: Tab, world: World, src: str) -> None:
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_what_is_not_the_bus_s_may_fail(open_tab: Opener, world: World) -> None:
    src = world.bus("foreign", change=with_script(FOREIGN, *BEACONS))
    tab = open_tab()
    tab.expect("")  # whatever the foreign scripts come to
    tab.goto(world.page)
    signs_in(tab, world, src)
    for what in ("an element", "a script", "a promise"):
        line = tab.wait_for_line(f"sso-bus: ignored: {what}")
        assert "foreign" not in line
    assert tab.run_in(src, "() => rounds") > 0
    assert tab.run_in(src, "() => listeners") > 2  # early.js, boot.js and PyScript
    assert tab.run_in(src, "() => stoodIn") > 1  # boot.js and library.mjs


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
# Interfaces that exist but always throw.
MESSAGING = ("BroadcastChannel", "Worker", "SharedWorker")
OTHERS = ("navigator.locks", "navigator.storage", "navigator.serviceWorker", "document.cookie")


@pytest.mark.parametrize("how", ["read", "used"])
def test_nothing_that_may_be_refused_is_needed(open_tab: Opener, world: World, how: str) -> None:
    """All at once, which is as bad as it gets; that they are refused is asserted."""
    whats = [*STORES, *OTHERS, *(MESSAGING if how == "used" else ())]
    src = f"{world.bus('refused', change=with_script(REFUSED))}?{'&'.join(f'{what}={how}' for what in whats)}"
    tab = open_tab().goto(world.page)
    signs_in(tab, world, src)
    refused = tab.run_in(
        src,
        """(whats) => whats.filter((what) => {
            try { what.split(".").reduce((object, name) => object[name], window)(); }
            catch ({ name }) { return name === "SecurityError"; }
        })""",
        whats,
    )
    assert set(whats) - set(refused) <= {"indexedDB", "BroadcastChannel"}  # stand-ins are there


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
    signs_in(tab, world, f"{src}?{'&'.join(f'{what}=gone' for what in OLD)}")


def failed(tab: Tab, src: str) -> tuple[Any, list[str]]:
    """Ask a bus that cannot start; returns its error and what the page heard."""
    got = tab.run(
        "(src) => { embed({ src, timeout: 1e6, replyPort: false }); return ask({}); }", src
    )
    heard = tab.run("() => heard.map(({ data }) => data.type)")
    return got["error"], [type_ for type_ in heard if type_ != "BUS.PROBE_REJECTED"]


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
    line = tab.wait_for_line("sso-bus: The Python runtime could not start.")
    forbidden = (
        "A Content-Security-Policy forbids WebAssembly: its script-src lacks 'wasm-unsafe-eval'."
    )
    assert error == boot_failed(forbidden), line
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
