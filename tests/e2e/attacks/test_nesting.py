"""The bus deeper in: strangers around the page that embeds it, and strangers' pages in the host's."""

import pytest

from tests.e2e.support.asking import ask
from tests.e2e.support.attackers import NOT_THE_PARENT, attacker, fulfilled
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.world import World

HEARD = "() => heard.filter((data) => data?.from !== 'attacker')"
"""What a page has heard of others than its own accomplices, which tell it all."""


def relayed(tab: Tab, id_: str) -> str:
    """Wait until the page that embeds the bus has told what the bus answered it."""
    got: str = tab.run(
        """(id) => new Promise((done) => {
            const look = () => {
                const found = heard.find((data) => data?.from === "attacker" && data.data?.id === id);
                if (found) done(found.data.type);
            };
            addEventListener("message", look);
            look();
        })""",
        id_,
    )
    return got


def test_a_stranger_around_the_host(open_tab: Opener, world: World) -> None:
    """A stranger frames the host's page and asks the bus in it: only the host's page is answered."""
    src = world.open_bus()
    own, stolen = world.backend.answers(), world.backend.answers()
    page = attacker(world.host, "embed", src, own)
    tab = open_tab().goto(attacker(world.stranger, "nest", src, stolen, page))
    tab.wait_for_line(NOT_THE_PARENT)
    assert relayed(tab, "embedded") == "AUTH.SSO_FULFILLED"
    assert tab.run(HEARD) == []
    assert not world.backend.of(stolen)


def test_frame_ancestors_looks_at_all_ancestors(open_tab: Opener, world: World) -> None:
    """The same with the header: the bus does not even load; and with an allowed page around it."""
    src = world.bus()
    own, stolen = world.backend.answers(), world.backend.answers()
    page = attacker(world.host, "embed", src, own)
    before = len(world.buses.asked)
    tab = open_tab()
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    tab.goto(attacker(world.stranger, "nest", src, stolen, page))
    tab.run_in(page.split("#")[0], "() => embedded")
    assert world.buses.asked[before:] == ["/bus/"]
    assert tab.run("() => heard") == []
    assert not world.backend.of(own)
    assert not world.backend.of(stolen)
    page = attacker(world.host, "embed", src, own)
    tab.goto(attacker(world.other, "nest", src, stolen, page))
    assert relayed(tab, "embedded") == "AUTH.SSO_FULFILLED"
    assert tab.run(HEARD) == []
    assert not world.backend.of(stolen)  # allowed as it is, it is not the one that embeds


@pytest.mark.parametrize("headers", [True, False], ids=["frame-ancestors", "the gate alone"])
def test_a_stranger_in_the_host_that_embeds_the_bus(
    open_tab: Opener, world: World, *, headers: bool
) -> None:
    """A stranger's frame in the host's page embeds its own bus; so does an allowed page's frame."""
    src = world.bus() if headers else world.open_bus()
    code = world.backend.answers()
    tab = open_tab()
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    before = len(world.buses.asked)
    add = """(src) => new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.src = src;
        frame.onload = () => done();
        document.body.append(frame);
    })"""
    page = attacker(world.stranger, "embed", src, code)
    tab.run(add, page)
    tab.run_in(page.split("#")[0], "() => embedded")
    if headers:
        assert len(world.buses.asked) == before + 1
    else:
        tab.wait_for_line("ignored: origin not allowed")
    assert tab.run_in(page.split("#")[0], "() => heard") == []
    assert not world.backend.of(code)
    page = attacker(world.other, "embed", src, code)
    tab.run(add, page)
    assert (
        tab.run("() => hear((data) => data?.from === 'attacker' && data.data.id === 'embedded')")[
            "data"
        ]["data"]["type"]
        == "AUTH.SSO_FULFILLED"
    )
    assert "fulfilled" in ask(tab, code)


@pytest.mark.parametrize("who", ["stranger", "other"])
def test_whoever_opened_the_host(open_tab: Opener, world: World, who: str) -> None:
    """A page opens the host's in a popup and asks the bus in it, by way of `frames`."""
    src = world.bus()
    own, stolen = world.backend.answers(), world.backend.answers()
    page = attacker(world.host, "embed", src, own)
    tab = open_tab().goto(attacker(getattr(world, who), "open", src, stolen, page))
    tab.wait_for_line(NOT_THE_PARENT)
    assert relayed(tab, "embedded") == "AUTH.SSO_FULFILLED"
    assert tab.run(HEARD) == []
    assert not world.backend.of(stolen)
    tab.goto(attacker(world.host, "embed", src, stolen))
    assert fulfilled(tab, "embedded") == "AUTH.SSO_FULFILLED"
