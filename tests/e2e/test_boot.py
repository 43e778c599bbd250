"""Boots that fail end in a clear answer, at once; messages that come early are kept, in order."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.damage import FILE, boot_failed, damaged, find, without
from tests.e2e.support.interpreter import in_interpreter
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

pytestmark = pytest.mark.fresh

SCRIPT = "A script of the bus failed."
WEB_ASSEMBLY = (
    "A WebAssembly file of the bus is damaged, has the wrong type, or is too new for this browser."
)


def ends_in(name: str, line: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = find(folder, name)
        damaged(path.name, path.read_bytes() + b"\n" + line.encode())(folder)

    return change


def not_preloaded(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        page = folder / "index.html"
        text = page.read_text(encoding="utf-8")
        (preloaded,) = re.findall(r'data-preload="([^"]*)"', text)
        fewer = " ".join(path for path in preloaded.split() if not path.endswith(f"/{name}"))
        page.write_text(text.replace(preloaded, fewer), encoding="utf-8")
        for compressed in folder.glob("index.html.*"):
            compressed.unlink()
        without(name)(folder)

    return change


FAILURES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    # What a missing module is called differs from engine to engine.
    "no boot.js": (without("boot.js"), FILE, "boot.js could not be loaded"),
    "boot.js that cannot be read": (
        damaged("boot.js", b"let broken; let broken;"),
        *(SCRIPT, "broken"),
    ),
    "boot.js with an error": (damaged("boot.js", b"throw new Error('broken')"), SCRIPT, "broken"),
    "no core.js": (without("core.js"), FILE, "core.js"),
    "no main.py": (without("main.py"), FILE, "main.py could not be fetched"),
    "no wasm file": (
        without("pyodide.asm.wasm"),
        *(FILE, "pyodide.asm.wasm was answered with status 404"),
    ),
    "no interpreter": (without("interpreter.mjs"), FILE, "interpreter.mjs"),
    "no pyodide": (without("pyodide.mjs"), FILE, "pyodide.mjs"),
    # A preload's failure may come after that of the import, and must not be needed.
    "no pyodide that was preloaded": (
        not_preloaded("pyodide.mjs"),
        *(FILE, "pyodide.mjs or pyodide.asm.mjs could not be loaded"),
    ),
    "no pyodide.asm that was preloaded": (
        not_preloaded("pyodide.asm.mjs"),
        *(FILE, "pyodide.mjs or pyodide.asm.mjs could not be loaded"),
    ),
    "a file that is not wasm": (
        damaged("pyodide.asm.wasm", b"<!doctype html>"),
        *(WEB_ASSEMBLY, "WebAssembly"),
    ),
    "core.js with an error": (damaged("core.js", b"throw new Error('broken')"), SCRIPT, "broken"),
    "main.py with an error": (damaged("main.py", b"1/0"), SCRIPT, "main.py"),
    "main.py that is no Python": (damaged("main.py", b"<!doctype html>"), SCRIPT, "main.py"),
    "main.py that does nothing": (damaged("main.py", b"1"), SCRIPT, "main.py ended"),
    # Only a promise that the bus awaits counts: its rejection does not say whose it is.
    "pyodide that fails": (
        damaged("pyodide.mjs", b"export const loadPyodide = () => Promise.reject('broken');"),
        *(SCRIPT, "Pyodide: broken"),
    ),
    # No code awaits these: only the file name says whose they are.
    "PyScript that rejects": (
        ends_in("core-*.js", "Promise.reject(new Error('broken'));"),
        *(SCRIPT, "broken"),
    ),
    "PyScript that throws later": (
        ends_in("core-*.js", "setTimeout(() => { throw new Error('broken'); });"),
        *(SCRIPT, "broken"),
    ),
}


@pytest.mark.parametrize(("change", "why", "line"), FAILURES.values(), ids=FAILURES.keys())
def test_a_boot_that_fails_answers_at_once(
    open_tab: Opener, world: World, change: Callable[[Path], None], why: str, line: str
) -> None:
    name = "broken-" + re.sub(r"\W+", "-", line + str(len(world.buses.folders)))
    src = world.bus(name, change=change, boot_timeout_seconds=300)
    tab = open_tab()
    tab.expect(
        *("broken", "imported module", "ailed to fetch", "error loading", "Importing"),
        *("NetworkError", "Load failed", "boot.js", "nosniff"),
    )
    tab.goto(world.page)
    # Three wait while it fails, one comes later; the limit is five minutes: nobody waits for that.
    got = tab.run(
        """async (src) => {
            embed({ src, timeout: 40_000 });
            const first = await Promise.all([ask({}), ask({}), ask({ code: 1 })]);
            return [...first, await ask({})];
        }""",
        src,
    )
    assert [(one["error"], one["meta"]) for one in got] == [
        (boot_failed(why), {"source": "bus"})
    ] * 4
    # The bus's own line; the embed module has one as well.
    assert line in tab.wait_for_line("sso-bus: The Python runtime could not start.")
    assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")


def test_a_boot_that_takes_too_long(open_tab: Opener, world: World) -> None:
    """The runtime hangs: its largest file never ends. The least limit there is, 5 s, ends it."""
    src = world.bus("stuck", boot_timeout_seconds=5)
    slow = boot_failed("It took longer than boot_timeout_seconds.")
    world.buses.stuck.add("/stuck/")
    try:
        tab = open_tab().goto(world.page)
        got = tab.run("(src) => { embed({ src }); return ask({}); }", src)
        assert got["error"] == slow
        line = tab.wait_for_line("sso-bus: The Python runtime could not start.")
        assert "That is 5 seconds." in line
    finally:
        world.buses.release()
    # The runtime arrives after all, and stays unused.
    tab.wait_for_line("PyScript Ready")
    assert tab.run("() => ask({})")["error"] == slow
    assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")


def test_requests_made_at_once_are_answered_in_order(open_tab: Opener, world: World) -> None:
    """Refused ones show the order; good ones finish as the network has it, but all of them."""
    codes = [world.backend.answers(SIGNED_IN | {"company": {"n": n}}) for n in range(10)]
    tab = open_tab().goto(world.page)
    good, order = tab.run(
        """async (src, codes, redirectUrl) => {
            embed({ src, replyPort: false });
            const order = [];
            const all = codes.map((code, n) => {
                ask({ n }).then((got) => order.push([n, got.code]));
                return ask({ code, redirectUrl });
            });
            return [await Promise.all(all), order];
        }""",
        world.bus(),
        codes,
        REDIRECT,
    )
    assert [one["fulfilled"]["company"]["n"] for one in good] == list(range(10))
    assert order == [[n, "INVALID_PAYLOAD"] for n in range(10)]


def raw_at_load(tab: Tab, world: World, script: str, *args: Any) -> Any:
    """Run `script` the moment that the iframe has loaded, with Python still on its way.

    What it posts before it first waits is there before Python is, however slow this page is.
    """
    world.buses.stuck.add("/bus/")
    try:
        tab.run(
            f"""async (src, ...args) => {{
                await raw(src).loaded;
                window.posted = ({script})(...args);
            }}""",
            world.bus(),
            *args,
        )
        assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")
    finally:
        world.buses.release()
    return tab.run("() => posted")


def test_raw_messages_at_load_are_kept_and_answered_in_order(
    open_tab: Opener, world: World
) -> None:
    tab = open_tab().goto(world.page)
    got = raw_at_load(
        tab,
        world,
        """async (code, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", payload: { code, redirectUrl, state: 1 } });
            rawBus.post({ type: "NO.SUCH", id: "2", payload: {} });
            rawBus.post({ type: "AUTH.SSO", id: "3", payload: [] });
            rawBus.post({ type: "AUTH.SSO", id: "4", payload: { code, redirectUrl } });
            await reply("4");
            return heard.map(({ data }) => [data.type, data.id, data.payload.error?.code]);
        }""",
        world.backend.answers(),
        REDIRECT,
    )
    assert got == [
        ["BUS.LISTENING", None, None],
        ["BUS.READY", None, None],
        ["AUTH.SSO_REJECTED", None, "INVALID_PAYLOAD"],
        ["NO.SUCH_REJECTED", "2", "UNKNOWN_TYPE"],
        ["AUTH.SSO_REJECTED", "3", "INVALID_MESSAGE"],
        ["AUTH.SSO_FULFILLED", "4", None],
    ]


def test_what_is_cancelled_while_it_waits_never_reaches_the_backend(
    open_tab: Opener, world: World
) -> None:
    cancelled, kept = world.backend.answers(), world.backend.answers()
    tab = open_tab().goto(world.page)
    got = raw_at_load(
        tab,
        world,
        """async (cancelled, kept, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", id: "a", payload: { code: cancelled, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "b", payload: { code: kept, redirectUrl } });
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "b", more: 1 } });
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "a" } });
            return [await reply("a"), await reply("b")];
        }""",
        cancelled,
        kept,
        REDIRECT,
    )
    assert got[0]["payload"]["error"]["code"] == "CANCELLED"
    assert got[1]["type"] == "AUTH.SSO_FULFILLED"
    assert not world.backend.of(cancelled)


def test_only_what_takes_a_slot_is_a_first_delivery(open_tab: Opener, world: World) -> None:
    """While Python boots as afterwards; each of these would be ignored if it were a second one."""
    one, two, three = (world.backend.answers() for _ in range(3))
    never = [world.backend.answers() for _ in range(4)]
    tab = open_tab().goto(world.page)
    got = raw_at_load(
        tab,
        world,
        """async (one, two, three, never, redirectUrl) => {
            const sso = (id, payload) => rawBus.post({ type: "AUTH.SSO", id, payload });
            const good = (id, code) => sso(id, { code, redirectUrl });
            const cancel = (id) => rawBus.post({ type: "BUS.CANCEL", payload: { id } });
            rawBus.post({ type: "NO.SUCH", id: "1", payload: {} });
            sso("1", []);
            sso("1", {});
            good("1", one);
            // A cancellation gives up what may take a slot, and frees its id and its code.
            sso("2", []);
            good("2", never[0]);
            cancel("2");
            good("2", two);
            // Second deliveries: the same again, and something else.
            good("3", three);
            good("3", three);
            good("3", never[1]);
            // A request that is given up takes its second deliveries with it.
            good("4", never[2]);
            good("4", never[3]);
            cancel("4");
            sso("end", {});
            await Promise.all([...["1", "2", "3"].map((id) => hear((data) =>
                data?.type === "AUTH.SSO_FULFILLED" && data.id === id)), reply("end")]);
            sso("after", {});
            await reply("after");
            return heard.slice(1).map(({ data }) => [data.id ?? data.type, data.payload.error?.code ?? "good"]);
        }""",
        one,
        two,
        three,
        never,
        REDIRECT,
    )
    assert got[:3] == [["2", "CANCELLED"], ["4", "CANCELLED"], ["BUS.READY", "good"]]
    assert got[3:8] == [
        ["1", "UNKNOWN_TYPE"],
        ["1", "INVALID_MESSAGE"],
        ["1", "INVALID_PAYLOAD"],
        ["2", "INVALID_MESSAGE"],
        ["end", "INVALID_PAYLOAD"],
    ]
    assert sorted(got[8:]) == [
        ["1", "good"],
        ["2", "good"],
        ["3", "good"],
        ["after", "INVALID_PAYLOAD"],
    ]
    assert not any(world.backend.of(code) for code in never)


def test_at_most_64_wait_for_python(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = raw_at_load(
        tab,
        world,
        """async () => {
            for (let n = 0; n < 64; n++) rawBus.post({ type: "AUTH.SSO", id: `${n}`, payload: {} });
            const over = (id, message) => rawBus.post({ type: "AUTH.SSO", id, payload: {}, ...message });
            over("0"); // a second delivery
            over("unknown", { type: "NO.SUCH" });
            over("invalid", { payload: null });
            over("over");
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "63" } }); // takes no slot, and frees one
            over("last");
            await reply("last");
            return heard.slice(1).map(({ data }) => [data.id, data.payload.error?.code]);
        }""",
    )
    assert got == [
        ["unknown", "UNKNOWN_TYPE"],
        ["invalid", "INVALID_MESSAGE"],
        ["over", "OVERLOADED"],
        ["63", "CANCELLED"],
        [None, None],  # READY
        *([str(n), "INVALID_PAYLOAD"] for n in range(63)),
        ["last", "INVALID_PAYLOAD"],
    ]


def test_listening_and_ready_say_what_the_protocol_says(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run("async (src) => { await raw(src).ready; return heard; }", world.bus())
    assert [(one["data"], one["origin"]) for one in got] == [
        ({"type": "BUS.LISTENING", "payload": {"protocol": 1}}, world.bus_origin),
        (
            {
                "type": "BUS.READY",
                "payload": {
                    "version": "0.1.0",
                    "protocol": 1,
                    "services": ["AUTH"],
                    "types": ["AUTH.SSO", "BUS.CANCEL"],
                },
            },
            world.bus_origin,
        ),
    ]


def test_nothing_is_fetched_from_elsewhere(open_tab: Opener, world: World) -> None:
    """By the browser's own list of what a page has loaded, refused and failed loads included."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    urls = tab.run_in(
        world.bus(), "() => performance.getEntriesByType('resource').map(({ name }) => name)"
    )
    assert {urlsplit(url).netloc for url in urls} == {urlsplit(world.bus_origin).netloc}
    assert len(urls) > 5


def test_a_bus_without_any_storage(open_tab: Opener, world: World) -> None:
    """Third-party storage is refused, as many browsers do; the condition is asserted first."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    assert tab.run_in(
        world.bus(),
        """async () => {
            const kinds = ["localStorage", "sessionStorage"].filter((kind) => {
                try { return window[kind].length > 0; } catch { return false; }
            });
            return kinds.length === 0 && document.cookie === "" && !indexedDB.databases;
        }""",
    )


def test_in_a_tab_the_bus_tells_a_person_what_it_is(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    tab.expect("favicon.ico")  # which Firefox asks for, and the policy refuses
    before = len(world.buses.asked)
    tab.goto(world.bus())
    assert tab.run("() => document.querySelector('h1').checkVisibility()")
    assert "hidden frame" in tab.run("() => document.querySelector('main').innerText")
    loaded = [path.rsplit("/", 1)[1] for path in world.buses.asked[before:]]
    assert set(loaded) - {"favicon.ico"} == {"", "early.js", "boot.js"}  # no Python for nobody


def test_a_runtime_that_dies_is_noticed(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.expect("unreachable", "fatally failed")
    tab.run(
        """async (src, code, redirectUrl) => {
            await embed({ src }).ready;
            window.asked = ask({ code, redirectUrl });
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    world.backend.wait_for(code)
    # A real fatal error: the interpreter's own abort(), which traps in WebAssembly.
    abort = "import os; os.abort()"
    in_interpreter(tab, world, "(it, abort) => { try { it.runPython(abort); } catch {} }", abort)
    died = {"code": "RUNTIME_DIED", "message": "The Python runtime died."}
    assert tab.run("() => asked")["error"] == died
    assert tab.run("() => ask({})")["error"] == died
    # Reloaded, it serves again.
    tab.run(
        """async () => {
            const again = new Promise((done) => bus.on("BUS.READY", () => done()));
            bus.iframe.src = bus.iframe.src;
            await again;
        }"""
    )
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
