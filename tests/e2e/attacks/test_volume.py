"""Floods and storms: from strangers, from the host, and at the limit of requests in flight."""

from collections.abc import Iterator

import pytest

from tests.e2e.support.asking import REDIRECT, ask_raw
from tests.e2e.support.attackers import NOT_THE_PARENT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World


@pytest.fixture(scope="module")
def tab(open_module_tab: Opener, world: World) -> Tab:
    """A host that does not use the embed module, because the module would limit its requests."""
    tab = open_module_tab().goto(world.page)
    tab.run(
        """async (src) => {
            await raw(src).ready;
            // Asks over the window; resolves to "fulfilled" or a code. Counts all replies by id.
            window.replies = {};
            const waiting = new Map();
            addEventListener("message", ({ data }) => {
                if (!/_(FULFILLED|REJECTED)$/.test(data?.type)) return;
                replies[data.id] = (replies[data.id] ?? 0) + 1;
                waiting.get(data.id)?.(data.payload.error?.code ?? "fulfilled");
                waiting.delete(data.id);
            });
            let count = 0;
            window.inFlight = () => [...waiting.keys()];
            window.askRaw = (payload) => new Promise((done) => {
                const id = `ask ${++count}`;
                waiting.set(id, done);
                rawBus.post({ type: "AUTH.SSO", id, payload });
            });
        }""",
        world.bus(),
    )
    return tab


def ask(tab: Tab, code: str) -> str:
    got: str = tab.run("(code, redirectUrl) => askRaw({ code, redirectUrl })", code, REDIRECT)
    return got


@pytest.fixture(autouse=True)
def a_good_request_follows(tab: Tab, world: World) -> Iterator[None]:
    yield
    assert ask(tab, world.backend.answers()) == "fulfilled"


FLOOD = """(count, message, origin) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.srcdoc = `<script>
        const message = ${JSON.stringify(message)};
        for (let n = 0; n < ${count}; n++) parent.frames[0].postMessage(message, "${origin}");
        parent.postMessage("posted", "*");
    </` + "script>";
    heard.length = 0;
    document.body.append(frame);
    hear((data) => data === "posted").then(() => done());
})"""


def test_a_flood_of_strangers(tab: Tab, world: World) -> None:
    """3,000 messages that would each be a good request; the host's own is answered meanwhile."""
    stolen = world.backend.answers()
    message = {"type": "AUTH.SSO", "id": "x", "payload": {"code": stolen, "redirectUrl": REDIRECT}}
    said = len(tab.lines)
    tab.run(FLOOD, 3000, message, world.bus_origin)
    assert ask(tab, world.backend.answers()) == "fulfilled"
    tab.wait_for_line(NOT_THE_PARENT, said)
    assert not world.backend.of(stolen)
    assert tab.run("() => heard.filter(({ data }) => data?.id === 'x')") == []


def test_strangers_that_fill_the_queue_while_python_boots(open_tab: Opener, world: World) -> None:
    """A stranger posts 500 requests before Python serves; the host's 64, the maximum, are kept."""
    stolen = world.backend.answers()
    message = {"type": "AUTH.SSO", "id": "x", "payload": {"code": stolen, "redirectUrl": REDIRECT}}
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, message) => {
            const { loaded, origin, post } = raw(src);
            await loaded;
            const frame = document.createElement("iframe");
            document.body.append(frame);
            const script = frame.contentDocument.createElement("script");
            script.text = `for (let n = 0; n < 500; n++)
                parent.frames[0].postMessage(${JSON.stringify(message)}, "${origin}");`;
            frame.contentDocument.body.append(script);
            for (let n = 0; n < 64; n++) post({ type: "AUTH.SSO", id: `${n}`, payload: {} });
            await reply("63");
            return heard.slice(2).map(({ data }) => [data.id, data.payload.error.code]);
        }""",
        world.bus(),
        message,
    )
    assert got == [[str(n), "INVALID_PAYLOAD"] for n in range(64)]
    tab.wait_for_line(NOT_THE_PARENT)
    assert not world.backend.of(stolen)
    assert ask_raw(tab, world.backend.answers())["payload"] == SIGNED_IN


def test_a_strangers_huge_messages(tab: Tab, world: World) -> None:
    """20 messages of 200,000 objects each, which is seconds of reading."""
    said = len(tab.lines)
    tab.run(
        """(origin) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.srcdoc = `<script>
                const numbers = Array.from({ length: 2e5 }, (_, n) => ({ n }));
                for (let n = 0; n < 20; n++)
                    parent.frames[0].postMessage({ type: "AUTH.SSO", payload: { numbers } }, "${origin}");
                parent.postMessage("posted", "*");
            </` + "script>";
            heard.length = 0;
            document.body.append(frame);
            hear((data) => data === "posted").then(() => done());
        })""",
        world.bus_origin,
    )
    tab.wait_for_line(NOT_THE_PARENT, said)


def test_a_flood_of_the_hosts_own_noise(tab: Tab, world: World) -> None:
    """3,000 messages that are no requests, as a dev tool might post: silence, no slot taken."""
    got = tab.run(
        """async () => {
            heard.length = 0;
            const noise = [{ source: "devtools" }, "text", null, [1], { type: "BUS.READY" },
                { type: "AUTH.SSO_FULFILLED", payload: {} }, { type: "BUS.CANCEL", payload: { id: "none" } }];
            for (let n = 0; n < 3000; n++) rawBus.post(noise[n % noise.length]);
            await askRaw({});
            return heard.map(({ data }) => data.type);
        }"""
    )
    assert got == ["AUTH.SSO_REJECTED"]


def test_64_in_flight_the_65th_is_overloaded_and_all_are_answered(tab: Tab, world: World) -> None:
    codes = world.backend.holds(64)
    got = tab.run(
        """(codes, redirectUrl) => {
            window.replies = {};
            window.many = codes.map((code) => askRaw({ code, redirectUrl }));
            return askRaw({ code: "one-too-many", redirectUrl });
        }""",
        codes,
        REDIRECT,
    )
    assert got == "OVERLOADED"
    world.backend.let_go()
    assert tab.run("() => Promise.all(many)") == ["fulfilled"] * 64
    assert tab.run("() => Object.values(replies)") == [1] * 65
    assert [len(world.backend.of(code)) for code in codes] == [1] * 64
    assert not world.backend.of("one-too-many")


def test_64_in_flight_that_are_given_up_for_64_others(tab: Tab, world: World) -> None:
    """All in one go: each cancellation frees a slot before the next message is looked at."""
    first = world.backend.holds(64)
    more = [world.backend.answers() for _ in range(64)]
    tab.run(
        """(codes, redirectUrl) => {
            window.replies = {};
            window.many = codes.map((code) => askRaw({ code, redirectUrl }));
        }""",
        first,
        REDIRECT,
    )
    world.backend.wait_for(first[0])
    got = tab.run(
        """async (codes, redirectUrl) => {
            for (const id of inFlight()) rawBus.post({ type: "BUS.CANCEL", payload: { id } });
            const others = codes.map((code) => askRaw({ code, redirectUrl }));
            return [await Promise.all(many), await Promise.all(others), Object.values(replies)];
        }""",
        more,
        REDIRECT,
    )
    world.backend.let_go()
    assert got == [["CANCELLED"] * 64, ["fulfilled"] * 64, [1] * 128]


def test_a_storm_of_a_thousand_requests(tab: Tab, world: World) -> None:
    """Each is answered once, by credentials or OVERLOADED, and each code is sent once or never."""
    codes = [world.backend.answers() for _ in range(1000)]
    got, replies = tab.run(
        """async (codes, redirectUrl) => {
            window.replies = {};
            return [await Promise.all(codes.map((code) => askRaw({ code, redirectUrl }))), Object.values(replies)];
        }""",
        codes,
        REDIRECT,
    )
    assert replies == [1] * 1000
    assert set(got) == {"fulfilled", "OVERLOADED"}
    assert got[:64] == ["fulfilled"] * 64
    assert [len(world.backend.of(code)) for code in codes] == [
        int(end == "fulfilled") for end in got
    ]


def test_a_storm_of_one_code(tab: Tab, world: World) -> None:
    """60 requests with one code, under an id each: one exchange, the same answer to all."""
    code = world.backend.hangs()
    tab.run(
        """(code, redirectUrl) => {
            window.many = Promise.all(Array.from({ length: 60 }, () => askRaw({ code, redirectUrl })));
        }""",
        code,
        REDIRECT,
    )
    world.backend.release(code)
    assert tab.run("() => many") == ["fulfilled"] * 60
    assert len(world.backend.of(code)) == 1


def test_a_request_with_a_thousand_ports(tab: Tab, world: World) -> None:
    got = tab.run(
        """async () => {
            heard.length = 0;
            const ports = Array.from({ length: 1000 }, () => new MessageChannel().port2);
            rawBus.post({ type: "AUTH.SSO", id: "ports", payload: {} }, ports);
            await reply("ports");
            return heard.map(({ data }) => [data.id, data.payload.error.code]);
        }"""
    )
    assert got == [["ports", "INVALID_MESSAGE"]]
