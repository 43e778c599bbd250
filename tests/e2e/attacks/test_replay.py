"""Messages that come again, out of order, or from somebody who knows the id."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.support.asking import REDIRECT, ask_raw
from tests.e2e.support.attackers import NOT_THE_PARENT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World


@pytest.fixture(autouse=True)
def a_good_request_follows(raw: Tab, world: World) -> Iterator[None]:
    yield
    assert ask_raw(raw, world.backend.answers())["payload"] == SIGNED_IN


def begin(raw: Tab, world: World, id_: str) -> str:
    """Ask with a code that hangs; returns the code once the backend has it."""
    code = world.backend.hangs()
    raw.run(
        """(id, code, redirectUrl) => {
            heard.length = 0;
            rawBus.post({ type: "AUTH.SSO", id, payload: { code, redirectUrl } });
        }""",
        id_,
        code,
        REDIRECT,
    )
    world.backend.wait_for(code)
    return code


def from_beside(raw: Tab, world: World, message: object) -> None:
    """A frame beside the bus posts a message, which the bus refuses."""
    said = len(raw.lines)
    raw.run(
        """(html) => {
            const frame = document.createElement("iframe");
            frame.srcdoc = html;
            document.body.append(frame);
        }""",
        f"<script>parent.frames[0].postMessage({json.dumps(message)}, '{world.bus_origin}')</script>",
    )
    raw.wait_for_line(NOT_THE_PARENT, said)


def answered(raw: Tab, id_: str) -> list[str]:
    """Wait for the reply to `id_`; returns the ids of all that was heard."""
    got: list[str] = raw.run(
        """async (id) => {
            const { type } = await reply(id);
            return [type, ...heard.map(({ data }) => data.id)];
        }""",
        id_,
    )
    return got


def test_a_strangers_replay_of_a_request(raw: Tab, world: World) -> None:
    """An overheard request is posted again with its id: it gets no answer, and there is one exchange."""
    code = begin(raw, world, "overheard")
    message = {"type": "AUTH.SSO", "id": "overheard"}
    from_beside(raw, world, message | {"payload": {"code": code, "redirectUrl": REDIRECT}})
    world.backend.release(code)
    assert answered(raw, "overheard") == ["AUTH.SSO_FULFILLED", "overheard"]
    from_beside(raw, world, message | {"payload": {"code": code, "redirectUrl": REDIRECT}})
    assert len(world.backend.of(code)) == 1


def test_a_strangers_cancel_of_the_hosts_request(raw: Tab, world: World) -> None:
    code = begin(raw, world, "mine")
    from_beside(raw, world, {"type": "BUS.CANCEL", "payload": {"id": "mine"}})
    world.backend.release(code)
    assert answered(raw, "mine") == ["AUTH.SSO_FULFILLED", "mine"]


def test_a_strangers_request_under_the_hosts_id_takes_no_place(raw: Tab, world: World) -> None:
    """It comes first, and the host's own, which comes second, is no second delivery."""
    stolen = world.backend.answers()
    message = {"type": "AUTH.SSO", "id": "same"}
    from_beside(raw, world, message | {"payload": {"code": stolen, "redirectUrl": REDIRECT}})
    code = begin(raw, world, "same")
    world.backend.release(code)
    assert answered(raw, "same") == ["AUTH.SSO_FULFILLED", "same"]
    assert not world.backend.of(stolen)


def test_a_cancel_before_its_request_and_after_its_end(raw: Tab, world: World) -> None:
    code = world.backend.answers()
    raw.run("() => rawBus.post({ type: 'BUS.CANCEL', payload: { id: 'early' } })")
    got = raw.run(
        """async (code, redirectUrl) => {
            heard.length = 0;
            rawBus.post({ type: "AUTH.SSO", id: "early", payload: { code, redirectUrl } });
            await reply("early");
            rawBus.post({ type: "BUS.CANCEL", payload: { id: "early" } });
            rawBus.post({ type: "AUTH.SSO", id: "end", payload: {} });
            await reply("end");
            return heard.map(({ data }) => [data.type, data.id]);
        }""",
        code,
        REDIRECT,
    )
    assert got == [["AUTH.SSO_FULFILLED", "early"], ["AUTH.SSO_REJECTED", "end"]]


def test_the_second_delivery_over_a_port_is_not_answered(raw: Tab, world: World) -> None:
    """The first came without a port; the second's port hears nothing of the first's answer."""
    code = begin(raw, world, "twice")
    raw.run(
        """(code, redirectUrl) => {
            window.overPort = [];
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = ({ data }) => overPort.push(data);
            rawBus.post({ type: "AUTH.SSO", id: "twice", payload: { code, redirectUrl } }, [port2]);
        }""",
        code,
        REDIRECT,
    )
    world.backend.release(code)
    assert answered(raw, "twice") == ["AUTH.SSO_FULFILLED", "twice"]
    assert raw.run("() => overPort") == []
    assert len(world.backend.of(code)) == 1


def test_the_bus_keeps_no_port(raw: Tab, world: World) -> None:
    """After its one reply a port carries nothing more: what the host posts into it is not heard."""
    got = raw.run(
        """async (code, other, redirectUrl) => {
            heard.length = 0;
            const { port1, port2 } = new MessageChannel();
            const got = [];
            const first = new Promise((done) => { port1.onmessage = ({ data }) => { got.push(data); done(); }; });
            rawBus.post({ type: "AUTH.SSO", id: "port", payload: { code, redirectUrl } }, [port2]);
            await first;
            port1.postMessage({ type: "AUTH.SSO", id: "again", payload: { code: other, redirectUrl } });
            rawBus.post({ type: "AUTH.SSO", id: "end", payload: {} });
            await reply("end");
            return got.map(({ id }) => id);
        }""",
        world.backend.answers(),
        other := world.backend.answers(),
        REDIRECT,
    )
    assert got == ["port"]
    assert not world.backend.of(other)


def test_answers_that_overtake_each_other_find_their_askers(raw: Tab, world: World) -> None:
    """Three requests, answered in the reverse order, each with its own."""
    codes = [begin(raw, world, f"n{n}") for n in range(3)]
    for n in (2, 1, 0):
        world.backend.release(codes[n])
        assert raw.run("(id) => reply(id)", f"n{n}")["payload"] == SIGNED_IN


@pytest.mark.parametrize("type_", ["AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED"])
def test_a_reply_sent_back_into_the_bus_makes_no_loop(raw: Tab, world: World, type_: str) -> None:
    code = world.backend.answers() if type_.endswith("FULFILLED") else world.backend.resets()
    got = raw.run(
        """async (code, redirectUrl) => {
            heard.length = 0;
            rawBus.post({ type: "AUTH.SSO", id: "loop", payload: { code, redirectUrl } });
            const got = await reply("loop");
            rawBus.post(got);
            rawBus.post({ type: "AUTH.SSO", id: "end", payload: {} });
            await reply("end");
            return heard.map(({ data }) => [data.type, data.id]);
        }""",
        code,
        REDIRECT,
    )
    assert got == [[type_, "loop"], ["AUTH.SSO_REJECTED", "end"]]
