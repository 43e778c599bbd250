"""The bus seen from inside: a host page of the bus's own origin can look into its window.

No other page can. What it sees there is what the browser is asked for, whatever would come of it.
"""

import json

import pytest

from tests.e2e.support.asking import REDIRECT, ask_raw
from tests.e2e.support.attackers import NOT_THE_PARENT, SIBLINGS
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World


@pytest.fixture(scope="module")
def inside(open_module_tab: Opener, world: World) -> Tab:
    """A page of the bus's own origin that embeds it, and keeps whatever is posted to its window."""
    tab = open_module_tab().goto(f"{world.bus_origin}/pages/host.html")
    src = world.bus("own", allowed_origins=[world.bus_origin])
    tab.run(
        """(src) => {
            window.targets = [];
            const { postMessage } = window;
            window.postMessage = (message, target, ...ports) => {
                targets.push([message.type, target]);
                postMessage.call(window, message, target, ...ports);
            };
            return raw(src).ready;
        }""",
        src,
    )
    return tab


def test_each_message_to_a_window_names_its_origin(inside: Tab, world: World) -> None:
    """Whatever a window has become meanwhile, a browser delivers only to that origin; to `*`, always."""
    got = inside.run(
        """async (code, redirectUrl) => {
            heard.length = 0; // another test may have had an answer of that id
            rawBus.post({ type: "AUTH.SSO", id: "good", payload: { code, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "bad", payload: {} });
            await Promise.all([reply("good"), reply("bad")]);
            return targets;
        }""",
        world.backend.answers(),
        REDIRECT,
    )
    types = ["BUS.LISTENING", "BUS.READY", "AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED"]
    assert sorted(got) == sorted([type_, world.bus_origin] for type_ in types)


def test_no_other_listener_of_the_bus_page_hears_the_host(inside: Tab, world: World) -> None:
    got = inside.run(
        """async (code, redirectUrl) => {
            const bus = rawBus.frame.contentWindow;
            const outside = [], own = [];
            const listen = ({ source, data }) => (source === bus ? own : outside).push(data);
            for (const capture of [true, false]) bus.addEventListener("message", listen, capture);
            rawBus.post({ type: "AUTH.SSO", id: "heard", payload: { code, redirectUrl } });
            rawBus.post("noise");
            await reply("heard");
            own.length = 0; // in WebKit, Pyodide's event loop posts to its own window
            // They do hear messages from the bus's own window; otherwise the test would prove nothing.
            bus.dispatchEvent(new bus.MessageEvent("message", { data: "its own", source: bus }));
            for (const capture of [true, false]) bus.removeEventListener("message", listen, capture);
            return [outside, own];
        }""",
        world.backend.answers(),
        REDIRECT,
    )
    assert got == [[], ["its own", "its own"]]


def test_a_strangers_data_is_not_even_read(inside: Tab, world: World) -> None:
    """Reading is what costs. The host's own message is read, or this would prove nothing."""
    inside.run(
        """() => {
            const bus = rawBus.frame.contentWindow;
            const { prototype } = bus.MessageEvent;
            const { get } = Object.getOwnPropertyDescriptor(prototype, "data");
            window.read = [];
            Object.defineProperty(prototype, "data", { configurable: true, get() {
                const data = get.call(this);
                if (this.source !== bus) read.push(data.id); // in WebKit, its event loop posts to itself
                return data;
            } });
        }"""
    )
    message = {"type": "AUTH.SSO", "id": "beside", "payload": {}}
    post = f"parent.frames[0].postMessage({json.dumps(message)}, '{world.bus_origin}')"
    said = len(inside.lines)
    inside.run(SIBLINGS["srcdoc, with the host's own origin"], f"<script>{post}</script>")
    inside.wait_for_line(NOT_THE_PARENT, said)
    assert ask_raw(inside, world.backend.answers())["payload"] == SIGNED_IN
    assert set(inside.run("() => read")) == {"good"}


def test_what_the_browser_is_asked_to_fetch_with(inside: Tab, world: World) -> None:
    """Each of these would only show where a browser had a cookie, a cached answer or a referrer."""
    inside.run(
        """() => {
            const bus = rawBus.frame.contentWindow;
            const { fetch } = bus;
            bus.fetch = (url, options) => {
                const { credentials, cache, redirect, referrerPolicy, mode, method } = options;
                window.fetched = [url, { credentials, cache, redirect, referrerPolicy, mode, method }];
                return fetch(url, options);
            };
        }"""
    )
    assert ask_raw(inside, world.backend.answers())["payload"] == SIGNED_IN
    assert inside.run("() => fetched") == [
        world.exchange_url,
        {
            "credentials": "omit",
            "cache": "no-store",
            "redirect": "error",
            "referrerPolicy": "no-referrer",
            "mode": "cors",
            "method": "POST",
        },
    ]


def test_where_storage_is_allowed_nothing_is_stored(inside: Tab, world: World) -> None:
    """In a frame of another site, browsers may refuse all storage, and nobody could tell."""
    inside.run("() => { localStorage.probe = sessionStorage.probe = 'kept'; }")
    assert ask_raw(inside, world.backend.answers())["payload"] == SIGNED_IN
    stored = inside.run(
        """async () => {
            const bus = rawBus.frame.contentWindow;
            return [{ ...bus.localStorage }, { ...bus.sessionStorage }, bus.document.cookie,
                (await indexedDB.databases()).length, (await caches.keys()).length];
        }"""
    )
    assert stored == [{"probe": "kept"}, {"probe": "kept"}, "", 0, 0]
