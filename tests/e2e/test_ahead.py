"""What the network does while Python boots: nothing, until a sign-in waits."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.attackers import attacker, fulfilled
from tests.e2e.support.browsers import profile
from tests.e2e.support.hostile_provider import CLIENT, HostileProvider, hostile_provider
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World, without_frame_ancestors

pytestmark = pytest.mark.fresh  # with files in the cache, nothing would keep Python from booting

DISCOVERY = "fine/.well-known/openid-configuration"
KEYS = "fine/keys"


@pytest.fixture(scope="module")
def provider(world: World) -> Iterator[HostileProvider]:
    with hostile_provider(world.bus_origin) as provider:
        yield provider


@pytest.fixture
def src(world: World, provider: HostileProvider) -> str:
    """A bus whose build asks for the discovery document; its gate stands alone."""
    sso = {"provider": "oidc", "issuer": provider.issuer(), "client_id": CLIENT}
    name = f"ahead-{provider.origin.rpartition(':')[2]}"  # the provider is new with each engine
    built = world.bus(name, change=without_frame_ancestors, sso=sso)
    provider.asked.clear()
    provider.forms.clear()
    return built


def payload(provider: HostileProvider) -> dict[str, str]:
    return {"code": provider.plan(), "redirectUrl": REDIRECT, "codeVerifier": "v" * 43}


def connections(tab: Tab, src: str) -> list[str]:
    """The origins that the page has the browser connect to."""
    script = """() => [...document.querySelectorAll("link[rel=preconnect]")]
        .map(({ href, crossOrigin }) => `${new URL(href).origin} ${crossOrigin}`)"""
    found: list[str] = tab.run_in(src, script)
    return found


ASK_ALL = """async (src, ...payloads) => {
    embed({ src });
    window.asked = Promise.all(payloads.map((payload) => ask(payload)));
}"""


def test_discovery_and_keys_are_asked_for_while_python_boots_if_a_sign_in_waits(
    open_tab: Opener, world: World, provider: HostileProvider, src: str
) -> None:
    tab = open_tab().goto(world.page)
    world.buses.stuck.add(src.removeprefix(world.bus_origin))
    try:
        tab.run(ASK_ALL, src, payload(provider), payload(provider))
        provider.wait_for(DISCOVERY, KEYS)  # its largest file waits, so Python cannot be there
        assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")
        assert connections(tab, src) == [f"{provider.origin} anonymous"]
        assert provider.forms == []
    finally:
        world.buses.release()
    got = tab.run("() => asked")
    assert ["fulfilled" in one for one in got] == [True, True], got
    provider.wait_for(DISCOVERY, KEYS)  # each once
    assert len(provider.forms) == 2


def test_nothing_is_asked_for_where_nobody_signs_in(
    open_tab: Opener, world: World, provider: HostileProvider, src: str
) -> None:
    tab = open_tab().goto(world.page)
    tab.run(
        """async (src) => {
            const { loaded, ready, post } = raw(src);
            await loaded;
            if (heard.some(({ data }) => data?.type === "BUS.READY")) throw new Error("too late");
            post({ type: "AUTH.SSO", id: "1", payload: [] });
            post({ type: "AUTH.SSO", id: 2, payload: { code: "a" } });
            post({ type: "AUTH.SSO_FULFILLED", id: "3", payload: {} });
            post({ type: "AUTH.CREDENTIALS", id: "4", payload: {} });
            await reply("4");
        }""",
        src,
    )
    assert connections(tab, src) == []
    assert provider.asked == []
    # Who signs in now is answered as ever.
    asked = {"type": "AUTH.SSO", "payload": payload(provider)}
    assert tab.run("(asked) => rawBus.overPort(asked)", asked)["type"] == "AUTH.SSO_FULFILLED"
    provider.wait_for(DISCOVERY, KEYS)
    assert connections(tab, src) == []


def test_a_stranger_has_nobody_asked(
    open_tab: Opener, world: World, provider: HostileProvider, src: str
) -> None:
    """The gate comes first; the same page at an allowed origin has the provider asked."""
    line = "ignored: origin not allowed"

    def embedded(origin: str) -> Tab:
        return open_tab().goto(attacker(origin, "embed", src, "a-code"))

    world.buses.stuck.add(src.removeprefix(world.bus_origin))
    try:
        stranger = embedded(world.stranger)
        stranger.wait_for_line(line)
        assert connections(stranger, src) == []
        allowed = embedded(world.host)
        provider.wait_for(DISCOVERY, KEYS)
        assert connections(allowed, src) == [f"{provider.origin} anonymous"]
    finally:
        world.buses.release()
    assert fulfilled(allowed, "embedded") == "AUTH.SSO_REJECTED"  # it names no verifier
    stranger.wait_for_line("PyScript Ready")
    assert connections(stranger, src) == []
    provider.wait_for(DISCOVERY, KEYS)  # for one of them only


@pytest.mark.engines("chromium")
def test_an_answer_that_is_not_good_is_asked_for_again(
    open_tab: Opener, world: World, provider: HostileProvider, src: str
) -> None:
    tab = open_tab().goto(world.page)
    world.buses.stuck.add(src.removeprefix(world.bus_origin))
    provider.fails[:] = [503, 404]
    try:
        tab.run(ASK_ALL, src, payload(provider))
        provider.wait_for(DISCOVERY, KEYS)
    finally:
        world.buses.release()
    [got] = tab.run("() => asked")
    assert "fulfilled" in got, got
    provider.wait_for(DISCOVERY, DISCOVERY, KEYS, KEYS)


@pytest.mark.engines("chromium")
def test_the_browser_connects_to_the_backend_while_python_boots(
    playwright: Playwright, world: World, engine: str, tmp_path: Path
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as backend,
        # Chromium connects in advance only in a profile that is kept.
        profile(playwright, engine, str(tmp_path)) as context,
    ):
        backend.settimeout(60)
        url = f"http://127.0.0.1:{backend.getsockname()[1]}/"
        src = world.bus("connects", sso={"exchange_url": url})
        world.buses.stuck.add("/connects/")
        try:
            tab = Tab.within(context).goto(world.page)
            tab.run(ASK_ALL, src, {"code": "a", "redirectUrl": REDIRECT})
            connection, _ = backend.accept()
            connection.close()
            assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")
            tab.run("() => bus.destroy()")
        finally:
            world.buses.release()
