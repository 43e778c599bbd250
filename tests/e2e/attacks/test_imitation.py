"""An ancestor navigates the bus's frame away and puts an imitation there, in the same window."""

from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.attackers import attacker
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.world import World

FRAMED = """(src) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.src = src;
    frame.onload = () => done();
    document.body.append(frame);
})"""
REPLACE = "(src) => { frames[0].frames[0].location.replace(src); }"
FORGED = "() => hear((data) => data?.payload?.version === 'forged').then(({ origin }) => origin)"

# What the host's page does in its frame, before the imitation takes the bus's place.
EMBED = """async (src, replyPort) => {
    embed({ src, replyPort });
    window.versions = [];
    bus.on("BUS.READY", ({ version }) => versions.push(version));
    await bus.ready;
}"""
ASK = """async (code, redirectUrl) => {
    const got = await ask({ code, redirectUrl }, { timeout: 1000 });
    // The imitation reports everything that it hears, so it reports this too, after all earlier messages.
    bus.iframe.contentWindow.postMessage("the end", "*");
    await hear((data) => data?.from === "attacker" && data.data === "the end");
    return [got, heard.filter(({ data }) => data?.from === "attacker").map(({ data }) => data.data)];
}"""


def framed(tab: Tab, world: World, ancestor: str) -> str:
    """Open a page of an ancestor with the host's in a frame; returns the host's address."""
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    tab.goto(f"{ancestor}/pages/host.html")
    tab.run(FRAMED, world.page)
    return world.page


def ask_again(tab: Tab, host: str, src: str, code: str) -> Any:
    """Put the bus in the imitation's place, and ask it."""
    tab.run_in(
        host, "() => { window.returned = new Promise((done) => bus.on('BUS.READY', done)); }"
    )
    tab.run(REPLACE, src)
    again = "async (code, redirectUrl) => { await returned; return ask({ code, redirectUrl }); }"
    return tab.run_in(host, again, code, REDIRECT)


@pytest.mark.parametrize("port", [True, False], ids=["over a port", "to the window"])
@pytest.mark.parametrize("who", ["stranger", "other"])
def test_an_imitation_gets_no_code_and_is_not_believed(
    open_tab: Opener, world: World, who: str, *, port: bool
) -> None:
    """Where only the gate stands, the ancestor is a stranger; else it must be allowed itself."""
    src = world.open_bus() if who == "stranger" else world.bus()
    code = world.backend.answers()
    tab = open_tab()
    host = framed(tab, world, getattr(world, who))
    tab.run_in(host, EMBED, src, port)
    tab.run(REPLACE, attacker(world.stranger, "imitate", src, ""))
    assert tab.run_in(host, FORGED) == world.stranger
    got, stolen = tab.run_in(host, ASK, code, REDIRECT)
    assert stolen == ["the end"]
    assert "fulfilled" not in got
    assert tab.run_in(host, "() => versions") == ["0.1.0"]
    assert not world.backend.of(code)
    assert ask_again(tab, host, src, code) == {"fulfilled": SIGNED_IN}


def test_an_imitation_from_the_start(open_tab: Opener, world: World) -> None:
    """The bus's frame is taken over before the bus has said anything: the code stays in the host's page."""
    src = world.bus()
    code = world.backend.answers()
    world.buses.slow.add("/bus/")
    tab = open_tab()
    host = framed(tab, world, world.other)
    try:
        tab.run_in(
            host,
            "(src, code, redirectUrl) => { embed({ src }); window.asked = ask({ code, redirectUrl }); }",
            src,
            code,
            REDIRECT,
        )
        tab.run(REPLACE, attacker(world.stranger, "imitate", src, ""))
        assert tab.run_in(host, FORGED) == world.stranger
        # The diagnosis of the imitation: from its load event on, the host waits half a second for the bus.
        got = tab.run_in(host, "() => asked")
        assert got["code"] == "MISCONFIGURED"
        assert world.stranger in got["message"]
        stolen = tab.run_in(
            host,
            """async () => {
                bus.iframe.contentWindow.postMessage("the end", "*");
                await hear((data) => data?.from === "attacker" && data.data === "the end");
                return heard.filter(({ data }) => data?.from === "attacker").map(({ data }) => data.data);
            }""",
        )
        assert stolen == ["the end"]
    finally:
        world.buses.release()
    assert ask_again(tab, host, src, code) == {"fulfilled": SIGNED_IN}
    assert len(world.backend.of(code)) == 1


def test_the_bus_does_not_answer_a_page_that_took_the_hosts_place(
    open_tab: Opener, world: World
) -> None:
    """The ancestor navigates the host's frame away while the bus works: its successor hears nothing."""
    code = world.backend.hangs()
    tab = open_tab()
    host = framed(tab, world, world.other)
    tab.run_in(
        host,
        """async (src, code, redirectUrl) => {
            await embed({ src, replyPort: false }).ready;
            ask({ code, redirectUrl });
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    seen = world.backend.wait_for(code)
    successor = f"{world.other}/pages/attacker.html"
    tab.run(
        "(src) => { frames[0].location.replace(src); }",
        attacker(world.other, "embed", world.bus(), world.backend.answers()),
    )
    assert seen.gone.wait(10)
    tab.run("() => hear((data) => data?.from === 'attacker' && data.data.id === 'embedded')")
    got = tab.run_in(successor, "() => heard.map(({ type, id }) => [type, id])")
    assert got[-1] == ["AUTH.SSO_FULFILLED", "embedded"]
    assert [type_ for type_, _ in got[:-1]] == ["BUS.LISTENING", "BUS.READY"]
    # The host again, in its place.
    tab.run(
        """(src) => new Promise((done) => {
            document.querySelector("iframe").onload = () => done();
            frames[0].location.replace(src);
        })""",
        world.page,
    )
    tab.run_in(host, "(src) => embed({ src }).ready", world.bus())
    ok = "(code, redirectUrl) => ask({ code, redirectUrl })"
    good = tab.run_in(host, ok, world.backend.answers(), REDIRECT)
    assert good == {"fulfilled": SIGNED_IN}
