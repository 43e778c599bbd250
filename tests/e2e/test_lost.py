"""What a browser loses of what the bus posts to the host's window.

Chromium loses that, and the frame's load event, while a window is opened on the frame's site
(docs/engines.md). A page that swallows them stands for it, so that the order is the same in every run.
"""

from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

LOSE = """(types, load) => {
    const swallow = (event) => event.stopImmediatePropagation();
    addEventListener("message", (event) => types.includes(event.data?.type) && swallow(event), true);
    if (load) document.addEventListener("load", swallow, true);
}"""
ASK = """(src, payload) => {
    window.got = [];
    embed({ src });
    for (const type of ["BUS.LISTENING", "BUS.READY"]) bus.on(type, () => got.push(type));
    window.asked = ask(payload);
}"""


@pytest.mark.parametrize("load", [False, True], ids=["", "and the load event"])
@pytest.mark.parametrize(
    "types", [["BUS.LISTENING"], ["BUS.READY"], ["BUS.LISTENING", "BUS.READY"]], ids="-".join
)
def test_a_sign_in_without(open_tab: Opener, world: World, types: list[str], *, load: bool) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    tab.run(LOSE, types, load)
    tab.run(ASK, world.bus(), {"code": code, "redirectUrl": REDIRECT})
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert len(world.backend.of(code)) == 1


def test_a_bus_that_was_not_heard_is_found_while_python_boots(
    open_tab: Opener, world: World
) -> None:
    src = world.bus("unheard")
    world.buses.stuck.add("/unheard/")
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    tab.run(LOSE, ["BUS.LISTENING"], False)
    tab.run(ASK, src, {"code": code, "redirectUrl": REDIRECT})
    tab.run("() => new Promise((done) => bus.on('BUS.LISTENING', done))")
    world.buses.release()
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert tab.run("() => got") == ["BUS.LISTENING", "BUS.READY"]


def test_ready_is_said_again_to_who_asks(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.run(
        """() => addEventListener("message", (event) => {
            if (event.data?.type !== "BUS.READY" || window.lost) return;
            window.lost = event.data.payload;
            event.stopImmediatePropagation();
        }, true)"""
    )
    tab.run("(src) => { embed({ src }); }", world.bus())
    ready = tab.run("() => bus.ready")
    assert ready == tab.run("() => lost")
    assert ready["types"] == ["AUTH.SSO", "BUS.CANCEL"]


def test_ready_counts_once_however_often_it_is_said(open_tab: Opener, world: World) -> None:
    """To its own origin alone; what the type is answered does not change."""
    tab = open_tab().goto(world.page)
    got: Any = tab.run(
        """async (src) => {
            embed({ src });
            const got = [];
            bus.on("BUS.READY", () => got.push("BUS.READY"));
            await bus.ready;
            for (const _ of [1, 2]) got.push((await ask({}, {}, "BUS.PROBE")).code);
            // Replies come over ports, which may be faster than what comes to the window.
            const said = () => heard.filter(({ data }) => data?.type === "BUS.READY").length;
            while (said() < 3) await new Promise((done) => addEventListener("message", done, { once: true }));
            return [got, said()];
        }""",
        world.bus(),
    )
    assert got == [["BUS.READY", "UNKNOWN_TYPE", "UNKNOWN_TYPE"], 3]
