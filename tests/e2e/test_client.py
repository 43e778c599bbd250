"""The embed module: what it promises to the developer of a host page."""

import re
from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World


def test_the_iframe_is_hidden_titled_and_out_of_the_way(embedded: Tab, world: World) -> None:
    got = embedded.run(
        """() => ({
            src: bus.iframe.src, title: bus.iframe.title, hidden: bus.iframe.hidden,
            aria: bus.iframe.getAttribute("aria-hidden"), tab: bus.iframe.tabIndex, origin: bus.origin,
            parent: bus.iframe.parentElement.tagName, size: bus.iframe.getBoundingClientRect().width,
        })"""
    )
    assert got == {
        "src": world.bus(),
        "title": "Single sign-on",
        "hidden": True,
        "aria": "true",
        "tab": -1,
        "origin": world.bus_origin,
        "parent": "BODY",
        "size": 0,
    }


def test_ready_resolves_to_what_the_bus_serves(embedded: Tab) -> None:
    assert embedded.run("() => bus.ready") == {
        "version": "0.1.0",
        "protocol": 1,
        "services": ["AUTH"],
        "types": ["AUTH.SSO", "BUS.CANCEL"],
    }


def test_ids_carry_128_random_bits_and_replies_come_over_a_port(
    embedded: Tab, world: World
) -> None:
    """Each request that leaves for the bus has its own id and port."""
    got = embedded.run(
        """async (codes, redirectUrl) => {
            heard.length = 0;
            const sent = [];
            const real = bus.iframe.contentWindow;
            Object.defineProperty(bus.iframe, "contentWindow", { configurable: true, get: () => ({
                postMessage: (message, target, ports) => {
                    sent.push([message, target, ports?.length]);
                    real.postMessage(message, target, ports);
                } }) });
            const limit = { timeout: 20_000 }; // without a port, no reply would be let in: this window is a fake
            const got = await Promise.all(codes.map((code) => ask({ code, redirectUrl }, limit)));
            delete bus.iframe.contentWindow;
            return { sent, got, heard };
        }""",
        [world.backend.answers() for _ in range(5)],
        REDIRECT,
    )
    assert got["got"] == [{"fulfilled": SIGNED_IN}] * 5
    assert got["heard"] == []  # nothing of it came past any listener of the page
    assert {(target, ports) for _, target, ports in got["sent"]} == {(world.bus_origin, 1)}
    ids = {message["id"] for message, _, _ in got["sent"]}
    assert len(ids) == 5
    assert all(re.fullmatch(r"\d+(-\d+){3}", id_) for id_ in ids)


def test_without_a_port_replies_come_to_the_window(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src, replyPort: false }).ready", world.bus())
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    assert tab.run("() => heard.at(-1).data.type") == "AUTH.SSO_FULFILLED"


def test_a_request_times_out_and_is_cancelled_at_the_bus(embedded: Tab, world: World) -> None:
    code = world.backend.hangs()
    embedded.run(
        "(payload) => { window.asked = ask(payload, { timeout: 1000 }); }",
        {"code": code, "redirectUrl": REDIRECT},
    )
    seen = world.backend.wait_for(code)
    got = embedded.run("() => asked")
    assert (got["code"], got.get("meta")) == ("TIMEOUT", None)
    assert "1000 ms" in got["message"]
    assert seen.gone.wait(10)


def test_aborted_before_during_and_after(embedded: Tab, world: World) -> None:
    code = world.backend.answers()
    got = embedded.run(
        """async (payload) => {
            const control = new AbortController();
            const after = await ask(payload, { signal: control.signal });
            control.abort("the reason");
            const before = await bus.request("AUTH.SSO", payload, { signal: control.signal }).catch((e) => e);
            return [after, before.name, before.code, before.cause];
        }""",
        {"code": code, "redirectUrl": REDIRECT},
    )
    assert got == [{"fulfilled": SIGNED_IN}, "BusError", "ABORTED", "the reason"]
    assert len(world.backend.of(code)) == 1


def test_aborted_before_listening_nothing_is_ever_sent(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, code, redirectUrl) => {
            const control = new AbortController();
            embed({ src });
            const aborted = ask({ code, redirectUrl }, { signal: control.signal });
            control.abort();
            return [await aborted, await ask({})];
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    assert [one["code"] for one in got] == ["ABORTED", "INVALID_PAYLOAD"]
    assert not world.backend.of(code)


def test_what_cannot_be_posted_rejects(embedded: Tab) -> None:
    got = embedded.run("() => ask({ code() {} })")
    assert "DataCloneError" in got["thrown"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "AUTH.SSO_FULFILLED", "payload": {"credentials": {"legacy_token": "forged"}}},
        {"type": "BUS.READY", "payload": {"version": "forged"}},
    ],
    ids=["a reply", "READY"],
)
def test_only_the_bus_is_listened_to(open_tab: Opener, world: World, message: Any) -> None:
    """The page's own window, and another frame; the bus's window with another page in it: below."""
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, message, code, redirectUrl) => {
            embed({ src, replyPort: false });
            const got = [];
            bus.on(message.type, (payload) => got.push(payload.version));
            let id;
            const { getRandomValues } = crypto;
            crypto.getRandomValues = (array) => array.fill(7);
            const asked = ask({ code, redirectUrl });
            crypto.getRandomValues = getRandomValues;
            id = "07".repeat(16);
            await bus.ready;
            window.postMessage({ ...message, id }, location.origin);
            const frame = document.createElement("iframe");
            frame.srcdoc = `<script>parent.postMessage(${JSON.stringify({ ...message, id })}, "*")</` + "script>";
            document.body.append(frame);
            await hear((data) => data?.type === message.type && data.id === id && data);
            const first = await Promise.race([asked, new Promise((done) => frame.addEventListener("load", () => done("pending")))]);
            return [first, got];
        }""",
        world.bus(),
        message,
        code,
        REDIRECT,
    )
    assert got == ["pending", ["0.1.0"] if message["type"] == "BUS.READY" else []]


def test_another_page_in_the_buss_window_is_not_listened_to(open_tab: Opener, world: World) -> None:
    """It has the right window and another origin: no READY, no LISTENING that draws out a code."""
    code = world.backend.answers()
    stranger = f"{world.stranger}/pages/host.html"
    tab = open_tab().goto(world.page)
    tab.run(
        """async (src, stranger) => {
            await embed({ src }).ready;
            window.got = [];
            bus.on("BUS.READY", () => got.push("READY"));
            bus.on("BUS.LISTENING", () => got.push("LISTENING"));
            await new Promise((done) => {
                bus.iframe.addEventListener("load", done, { once: true });
                bus.iframe.src = stranger;
            });
        }""",
        world.bus(),
        stranger,
    )
    payload = {"code": code, "redirectUrl": REDIRECT}
    tab.run("(payload) => { window.asked = ask(payload); }", payload)
    tab.run_in(
        stranger,
        """() => {
            for (const type of ["BUS.LISTENING", "BUS.READY"])
                parent.postMessage({ type, payload: { forged: true } }, "*");
        }""",
    )
    tab.run("() => hear((data) => data?.type === 'BUS.READY' && data.payload.forged)")
    assert tab.run("() => got") == []
    assert tab.run_in(stranger, "() => heard") == []
    assert not world.backend.of(code)
    # The request still waits; with the bus back in its window it is answered.
    tab.run("(src) => { bus.iframe.src = src; }", world.bus())
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}


@pytest.fixture
def beside(open_tab: Opener, world: World) -> Tab:
    """A host page with a frame of the bus's own origin in it, which is not the bus."""
    tab = open_tab().goto(world.page)
    tab.run(
        """(src) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.src = src;
            frame.onload = () => done();
            document.body.append(frame);
        })""",
        f"{world.bus_origin}/pages/host.html",
    )
    return tab


FORGE = """(message) => { parent.postMessage(message, "*"); }"""


def test_another_frame_of_the_buss_origin_draws_out_nothing(beside: Tab, world: World) -> None:
    """It has the right origin and another window: it cannot say LISTENING or READY for the bus."""
    src = world.bus("beside")
    world.buses.slow.add("/beside/")
    code = world.backend.answers()
    beside.run(
        """(src, payload) => {
            embed({ src });
            window.got = [];
            for (const type of ["BUS.LISTENING", "BUS.READY"])
                bus.on(type, ({ forged = "real" }) => got.push([type, forged]));
            window.asked = ask(payload);
        }""",
        src,
        {"code": code, "redirectUrl": REDIRECT},
    )
    for type_ in ("BUS.LISTENING", "BUS.READY"):
        message = {"type": type_, "payload": {"protocol": 1, "forged": "forged"}}
        beside.run_in(f"{world.bus_origin}/pages/", FORGE, message)
    beside.run("() => hear((data) => data?.type === 'BUS.READY' && data.payload.forged)")
    world.buses.release()
    # Had it been believed, the code would have been sent before the bus was there, and be lost.
    assert beside.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert beside.run("() => got") == [["BUS.LISTENING", "real"], ["BUS.READY", "real"]]


def test_another_frame_of_the_buss_origin_cannot_reply(beside: Tab, world: World) -> None:
    """Not even with the id of a request that is under way."""
    code = world.backend.hangs()
    beside.run(
        """async (src, payload) => {
            await embed({ src, replyPort: false }).ready;
            const { getRandomValues } = crypto;
            crypto.getRandomValues = (array) => array.fill(7);
            window.asked = ask(payload);
            crypto.getRandomValues = getRandomValues;
        }""",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    world.backend.wait_for(code)
    id_ = "7-7-7-7"
    for ending, payload in {
        "FULFILLED": SIGNED_IN | {"currentUser": {"name": "forged"}},
        "REJECTED": {"error": "forged"},
    }.items():
        message = {"type": f"AUTH.SSO_{ending}", "id": id_, "payload": payload}
        beside.run_in(f"{world.bus_origin}/pages/", FORGE, message)
    beside.run("() => hear((data) => data?.payload?.error === 'forged')")
    world.backend.release(code)
    assert beside.run("() => asked") == {"fulfilled": SIGNED_IN}
    # It was the id of that request indeed: the bus's own reply has it as well.
    ids = beside.run(
        "() => heard.filter(({ data }) => data?.type === 'AUTH.SSO_FULFILLED').map(({ data }) => data.id)"
    )
    assert ids == [id_, id_]


@pytest.mark.parametrize("limit", ["NaN", "'1000'", "null", "{}"])
def test_a_time_limit_that_is_none_is_a_clear_error(embedded: Tab, limit: str) -> None:
    got = embedded.run(
        f"""async (src) => {{
            const embedded = () => {{ try {{ embed({{ src, timeout: {limit} }}); }} catch (error) {{ return String(error); }} }};
            return [embedded(), (await ask({{}}, {{ timeout: {limit} }})).thrown];
        }}""",
        "https://bus.example.com/",
    )
    assert got == ["TypeError: timeout must be a number of milliseconds."] * 2
    assert embedded.run("() => frames.length") == 1


def test_no_time_limit(embedded: Tab, world: World) -> None:
    payload = {"code": world.backend.answers(), "redirectUrl": REDIRECT}
    got = embedded.run("(payload) => ask(payload, { timeout: Infinity })", payload)
    assert got == {"fulfilled": SIGNED_IN}


def test_what_the_hosts_functions_throw_ends_nothing(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.expect("host's own")
    got = tab.run(
        """async (src) => {
            const seen = [];
            const fail = () => { throw new Error("the host's own"); };
            embed({ src, debug: fail });
            bus.on("BUS.READY", fail);
            const off = bus.on("BUS.READY", () => seen.push("second"));
            await bus.ready;
            seen.push((await ask({})).code);
            bus.destroy();
            off();
            seen.push(bus.iframe.isConnected, (await ask({})).code);
            return seen;
        }""",
        world.bus(),
    )
    assert got == ["second", "INVALID_PAYLOAD", False, "DESTROYED"]


def test_on_returns_what_unsubscribes(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src) => {
            const seen = [];
            embed({ src });
            bus.on("BUS.LISTENING", ({ protocol }) => seen.push(protocol));
            const off = bus.on("BUS.READY", () => seen.push("never"));
            off();
            off();
            await bus.ready;
            return seen;
        }""",
        world.bus(),
    )
    assert got == [1]


def test_destroy_settles_everything_and_leaves_nothing(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(
        "async (src, payload) => { await embed({ src }).ready; window.asked = ask(payload); }",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    seen = world.backend.wait_for(code)
    got = tab.run(
        """async () => {
            bus.destroy();
            bus.destroy();
            return [(await asked).code, (await ask({})).code, frames.length, bus.iframe.isConnected];
        }"""
    )
    assert got == ["DESTROYED", "DESTROYED", 0, False]
    assert seen.gone.wait(10)
    # Before LISTENING as well, and `ready` with it.
    got = tab.run(
        """async (src) => {
            embed({ src });
            const asked = ask({});
            bus.destroy();
            return [(await asked).code, await bus.ready.catch((error) => error.code)];
        }""",
        world.bus(),
    )
    assert got == ["DESTROYED", "DESTROYED"]


def test_a_reload_of_the_bus_ends_what_it_was_asked(
    open_tab: Opener, world: World, engine: str
) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(
        "async (src, payload) => { await embed({ src }).ready; window.asked = ask(payload); }",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    world.backend.wait_for(code)
    tab.run(
        """() => {
            window.again = new Promise((done) => bus.on("BUS.READY", () => done()));
            bus.iframe.src = bus.iframe.src;
        }"""
    )
    # Firefox and WebKit break the fetch off before the page goes, and the old bus still says so.
    codes = {"BUS_RELOADED"} if engine == "chromium" else {"BUS_RELOADED", "BACKEND_UNREACHABLE"}
    assert tab.run("() => asked")["code"] in codes
    tab.run("() => again")  # until then, the old bus may still take requests
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_60_that_one_signal_gives_up_make_room_for_60_others(embedded: Tab, world: World) -> None:
    hanging = [world.backend.hangs() for _ in range(60)]
    more = [world.backend.answers() for _ in range(60)]
    embedded.run(
        """(hanging, more, redirectUrl) => {
            window.control = new AbortController();
            window.all = [
                ...hanging.map((code) => ask({ code, redirectUrl }, { signal: control.signal })),
                ...more.map((code) => ask({ code, redirectUrl })),
            ];
        }""",
        hanging,
        more,
        REDIRECT,
    )
    world.backend.wait_for(hanging[0])
    got = embedded.run("() => { control.abort(); return Promise.all(all); }")
    assert [each.get("code") for each in got] == ["ABORTED"] * 60 + [None] * 60


def test_a_bad_src_is_a_clear_error(embedded: Tab) -> None:
    for src in ("javascript:alert(1)", "data:text/html,x", "http://"):
        got = embedded.run("(src) => { try { embed({ src }); } catch (e) { return e.name; } }", src)
        assert got == "TypeError"
    assert embedded.run("() => frames.length") == 1


def test_a_bus_under_any_path_and_by_a_relative_address(open_tab: Opener, world: World) -> None:
    own = world.bus("own", allowed_origins=[world.bus_origin])
    tab = open_tab().goto(f"{world.bus_origin}/pages/host.html")
    got = tab.run("(src) => { embed({ src }); return ask({}); }", "../own/")
    assert own.endswith("/own/")
    assert got["code"] == "INVALID_PAYLOAD"
