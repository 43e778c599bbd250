"""The protocol without the embed module: ids, ports, cancel, second deliveries."""

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World


@pytest.fixture(scope="module")
def raw(raw: Tab) -> Tab:
    raw.run("() => { heard.length = 0; }")
    return raw


@pytest.fixture(autouse=True)
def nothing_heard(raw: Tab) -> None:
    raw.run("() => { heard.length = 0; }")


def test_a_host_that_knows_no_ids(raw: Tab, world: World) -> None:
    got = raw.run(
        """async (code, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", payload: { code, redirectUrl }, other: "is ignored" });
            return (await hear((data) => data?.type === "AUTH.SSO_FULFILLED"));
        }""",
        world.backend.answers(),
        REDIRECT,
    )
    assert got["origin"] == world.bus_origin
    assert got["data"] == {
        "type": "AUTH.SSO_FULFILLED",
        "payload": SIGNED_IN,
        "meta": {"source": "backend", "status": 200},
    }


@pytest.mark.parametrize("id_", ["1", "x" * 128, "\u4e2d\U0001f600 \u0000"])
def test_the_id_is_echoed(raw: Tab, id_: str) -> None:
    got = raw.run(
        "(id) => { rawBus.post({ type: 'AUTH.SSO', id, payload: {} }); return reply(id); }", id_
    )
    assert (got["id"], got["type"]) == (id_, "AUTH.SSO_REJECTED")


@pytest.mark.parametrize(
    "id_", ["''", "'x'.repeat(129)", "1", "null", "undefined", "{}", "'\\ud800'", "new String('x')"]
)
def test_an_id_that_cannot_be_used_is_not_echoed(raw: Tab, world: World, id_: str) -> None:
    before = len(world.backend.seen)
    got = raw.run(
        f"""async (redirectUrl) => {{
            rawBus.post({{ type: "AUTH.SSO", id: {id_}, payload: {{ code: "c", redirectUrl }} }});
            return (await hear((data) => data?.type === "AUTH.SSO_REJECTED")).data;
        }}""",
        REDIRECT,
    )
    assert "id" not in got
    assert got["payload"]["error"]["code"] == "INVALID_MESSAGE"
    assert len(world.backend.seen) == before


def test_over_a_port_nobody_else_hears_the_reply(raw: Tab, world: World) -> None:
    # A port may be faster than the way to the window: what came there comes before a later reply.
    got = raw.run(
        """async (code, redirectUrl) => {
            const over = await rawBus.overPort({ type: "AUTH.SSO", id: "p", payload: { code, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "later", payload: {} });
            await reply("later");
            return [over, heard.map(({ data }) => data.id)];
        }""",
        world.backend.answers(),
        REDIRECT,
    )
    assert (got[0]["id"], got[0]["payload"], got[1]) == ("p", SIGNED_IN, ["later"])


def test_several_ports_are_refused_at_the_window(raw: Tab, world: World) -> None:
    before = len(world.backend.seen)
    got = raw.run(
        """async (redirectUrl) => {
            const [a, b] = [new MessageChannel(), new MessageChannel()];
            const over = [];
            a.port1.onmessage = b.port1.onmessage = ({ data }) => over.push(data);
            rawBus.post({ type: "AUTH.SSO", id: "two", payload: { code: "c", redirectUrl } }, [a.port2, b.port2]);
            return [await reply("two"), over];
        }""",
        REDIRECT,
    )
    assert got[0]["payload"]["error"]["code"] == "INVALID_MESSAGE"
    assert got[1] == []
    assert len(world.backend.seen) == before


def test_cancel_rejects_one_request_and_has_no_reply(raw: Tab, world: World) -> None:
    code = world.backend.hangs()
    raw.run(
        """(code, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", id: "a", payload: { code, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "b", payload: { code, redirectUrl } });
        }""",
        code,
        REDIRECT,
    )
    seen = world.backend.wait_for(code)
    got = raw.run(
        """async () => {
            rawBus.post({ type: "BUS.CANCEL", id: "cancel", payload: { id: "a" } });
            return [await reply("a"), heard.length];
        }"""
    )
    assert got[0]["payload"]["error"]["code"] == "CANCELLED"
    assert got[0]["meta"] == {"source": "bus"}
    assert got[1] == 1
    assert not seen.gone.is_set()  # the other one still waits for it
    got = raw.run(
        """async () => {
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "b" } });
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "b" } });
            return [await reply("b"), heard.length];
        }"""
    )
    assert got[0]["payload"]["error"]["code"] == "CANCELLED"
    assert seen.gone.wait(10)  # its last waiter has gone
    assert len(world.backend.of(code)) == 1


@pytest.mark.parametrize("more", [{}, {"codeVerifier": "v" * 43}], ids=["the same", "other fields"])
def test_a_cancelled_request_is_free_at_once(raw: Tab, world: World, more: dict[str, str]) -> None:
    """Its id and its code serve a new request that is posted right behind the cancellation."""
    code = world.backend.hangs()
    raw.run(
        """(code, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", id: "1", payload: { code, redirectUrl } });
        }""",
        code,
        REDIRECT,
    )
    first = world.backend.wait_for(code)
    raw.run(
        """(code, redirectUrl, more) => {
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "1" } });
            rawBus.post({ type: "AUTH.SSO", id: "1", payload: { code, redirectUrl, ...more } });
        }""",
        code,
        REDIRECT,
        more,
    )
    assert first.gone.wait(10)
    world.backend.wait_for(code, 2)
    world.backend.release(code)
    got = raw.run(
        """async () => {
            await hear((data) => data?.type === "AUTH.SSO_FULFILLED");
            return heard.map(({ data }) => [data.id, data.payload.error?.code]);
        }"""
    )
    assert got == [["1", "CANCELLED"], ["1", None]]


# What is posted with two ports if it says so, else with one; and how many of them are closed when
# the next request has been answered.
CLOSED = {
    "a request, after its reply": ("{ type: 'AUTH.SSO', payload: {} }", 1),
    "a request with two": ("{ type: 'AUTH.SSO', id: 'two', payload: {} }", 2),
    "an unknown type": ("{ type: 'NO.SUCH', payload: {} }", 1),
    "an unusable envelope": ("{ type: 'AUTH.SSO', payload: [] }", 1),
    "a cancellation": ("{ type: 'BUS.CANCEL', payload: { id: 'none' } }", 1),
    "a malformed cancellation": ("{ type: 'BUS.CANCEL' }", 1),
    "a cancellation with two": ("{ type: 'BUS.CANCEL', payload: { id: 'two' } }", 2),
    "a reply": ("{ type: 'AUTH.SSO_REJECTED', payload: {} }", 1),
    "a pushed type": ("{ type: 'AUTH.SESSION_CHANGED', payload: {} }", 1),
    "no message at all": ("'noise'", 1),
    "noise with two": ("null", 2),
}


@pytest.fixture(scope="module")
def counted(raw: Tab, world: World) -> Tab:
    """The bus's page counts which of the ports that come with messages it closes."""
    raw.run_in(
        world.bus(),
        """() => {
            window.closedPorts = 0;
            const { get } = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "ports");
            const close = function () { window.closedPorts++; MessagePort.prototype.close.call(this); };
            Object.defineProperty(MessageEvent.prototype, "ports", { get() {
                const ports = get.call(this);
                for (const port of ports) Object.defineProperty(port, "close", { value: close, configurable: true });
                return ports;
            } });
        }""",
    )
    return raw


def closed_after(tab: Tab, world: World, script: str) -> int:
    tab.run_in(world.bus(), "() => { window.closedPorts = 0; }")
    tab.run(script)
    found: int = tab.run_in(world.bus(), "() => closedPorts")
    return found


@pytest.mark.parametrize(("message", "count"), CLOSED.values(), ids=CLOSED.keys())
def test_ports_are_closed(counted: Tab, world: World, message: str, count: int) -> None:
    script = f"""async () => {{
        rawBus.post({message}, Array.from({{ length: {count} }}, () => new MessageChannel().port2));
        rawBus.post({{ type: "AUTH.SSO", id: "after", payload: {{}} }});
        await reply("after");
    }}"""
    assert closed_after(counted, world, script) == count


def test_the_port_of_a_second_delivery_is_closed(counted: Tab, world: World) -> None:
    code = world.backend.hangs()
    script = f"""async () => {{
        const message = {{ type: "AUTH.SSO", id: "1", payload: {{ code: "{code}", redirectUrl: "{REDIRECT}" }} }};
        rawBus.post(message);
        rawBus.post(message, [new MessageChannel().port2]);
        rawBus.post({{ type: "AUTH.SSO", id: "after", payload: {{}} }});
        await reply("after");
    }}"""
    assert closed_after(counted, world, script) == 1
    counted.run(
        "async () => { rawBus.post({ type: 'BUS.CANCEL', payload: { id: '1' } }); await reply('1'); }"
    )


def test_the_ports_of_strangers_are_closed(counted: Tab, world: World) -> None:
    script = f"""async () => {{
        const frame = document.createElement("iframe");
        frame.srcdoc = `<script>
            parent.frames[0].postMessage({{ type: "AUTH.SSO", payload: {{}} }}, "{world.bus_origin}",
                [new MessageChannel().port2]);
            parent.postMessage("posted", "*");
        </` + "script>";
        document.body.append(frame);
        await hear((data) => data === "posted");
        rawBus.post({{ type: "AUTH.SSO", id: "after", payload: {{}} }});
        await reply("after");
        frame.remove();
    }}"""
    assert closed_after(counted, world, script) == 1


def test_the_same_id_again_is_a_second_delivery(raw: Tab, world: World) -> None:
    first, second = world.backend.hangs(), world.backend.answers()
    raw.run(
        """(first, second, redirectUrl) => {
            rawBus.post({ type: "AUTH.SSO", id: "same", payload: { code: first, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "same", payload: { code: second, redirectUrl } });
        }""",
        first,
        second,
        REDIRECT,
    )
    world.backend.release(first)
    got = raw.run(
        """async () => {
            const one = await reply("same");
            rawBus.post({ type: "AUTH.SSO", id: "after", payload: {} });
            await reply("after");
            return [one.type, heard.map(({ data }) => data.id)];
        }"""
    )
    assert got == ["AUTH.SSO_FULFILLED", ["same", "after"]]
    assert not world.backend.of(second)
    # After its reply the id is free again.
    got = raw.run(
        """async (code, redirectUrl) => {
            heard.length = 0;
            rawBus.post({ type: "AUTH.SSO", id: "same", payload: { code, redirectUrl } });
            return (await reply("same")).type;
        }""",
        second,
        REDIRECT,
    )
    assert got == "AUTH.SSO_FULFILLED"


def test_one_hanging_request_delays_no_other(raw: Tab, world: World) -> None:
    hanging = world.backend.hangs()
    raw.run(
        "(code, redirectUrl) => rawBus.post({ type: 'AUTH.SSO', id: 'h', payload: { code, redirectUrl } })",
        hanging,
        REDIRECT,
    )
    world.backend.wait_for(hanging)
    for n in range(3):
        got = raw.run(
            """(id, code, redirectUrl) => {
                rawBus.post({ type: "AUTH.SSO", id, payload: { code, redirectUrl } });
                return reply(id);
            }""",
            f"n{n}",
            world.backend.answers(),
            REDIRECT,
        )
        assert got["type"] == "AUTH.SSO_FULFILLED"
    world.backend.release(hanging)
    assert raw.run("() => reply('h')")["type"] == "AUTH.SSO_FULFILLED"
