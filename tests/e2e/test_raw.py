"""The protocol without the embed module: ids, ports, cancel, second deliveries."""

import pytest

from tests.e2e.backend import SIGNED_IN
from tests.e2e.tab import Tab
from tests.e2e.test_sign_in import REDIRECT
from tests.e2e.world import World


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
    got = raw.run(
        """async (code, redirectUrl) => [
            await rawBus.overPort({ type: "AUTH.SSO", id: "p", payload: { code, redirectUrl } }), heard]""",
        world.backend.answers(),
        REDIRECT,
    )
    assert (got[0]["id"], got[0]["payload"], got[1]) == ("p", SIGNED_IN, [])


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
