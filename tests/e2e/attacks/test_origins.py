"""Origins that look like an allowed one: their pages embed the bus, and hear nothing.

`localhost` and the like are used for what registered names would be used for elsewhere: the browser
compares them in the same way.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.e2e.support.attackers import attacker, fulfilled
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.world import World, without_frame_ancestors

LOOK_ALIKES: dict[str, Callable[[World], str]] = {
    "another name of the same server": lambda world: named(world, "127.0.0.1"),
    "a name below it": lambda world: named(world, "app.localhost"),
    "a name that begins like it": lambda world: named(world, "localhost.example.localhost"),
    "a name that ends like it": lambda world: named(world, "not-localhost.localhost"),
    "a dot at the end of the name": lambda world: named(world, "localhost."),
    "another port": lambda world: world.stranger,
}


def named(world: World, name: str) -> str:
    """The host's origin, its server under another name."""
    return world.host.replace("localhost", name)


@pytest.fixture(scope="module")
def tab(open_module_tab: Opener) -> Tab:
    tab = open_module_tab()
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    return tab


def is_refused(tab: Tab, world: World, page: str, src: str, *, headers: bool) -> str:
    """A page of an origin embeds a bus and hears nothing; returns the code that it asked with."""
    code, said, before = world.backend.answers(), len(tab.lines), len(world.buses.asked)
    tab.goto(attacker(page, "embed", src, code))
    tab.run("() => embedded")
    if headers:
        # The browser has asked for the page, and shows none of it.
        assert world.buses.asked[before:] == [urlsplit(src).path]
    else:
        tab.wait_for_line("ignored: origin not allowed", said)
    assert tab.run("() => heard") == []
    assert not world.backend.of(code)
    return code


def is_answered(tab: Tab, page: str, src: str, code: str) -> None:
    tab.goto(attacker(page, "embed", src, code))
    assert fulfilled(tab, "embedded") == "AUTH.SSO_FULFILLED"


@pytest.mark.parametrize("headers", [True, False], ids=["frame-ancestors", "the gate alone"])
@pytest.mark.parametrize("change", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_a_look_alike_of_an_allowed_origin(
    tab: Tab, world: World, change: Callable[[World], str], *, headers: bool
) -> None:
    src = world.bus() if headers else world.open_bus()
    code = is_refused(tab, world, change(world), src, headers=headers)
    is_answered(tab, world.host, src, code)


@pytest.mark.parametrize("headers", [True, False], ids=["frame-ancestors", "the gate alone"])
def test_another_scheme(open_tab: Opener, world: World, engine: str, *, headers: bool) -> None:
    """The page's name and port are allowed with http, and it is on https; then that is allowed."""
    # To Firefox's `frame-ancestors`, as to the standard's, http: lets https: in. The gate does not.
    change, name = (None, "scheme") if headers else (without_frame_ancestors, "scheme-open")
    plain = world.secure.replace("https:", "http:")
    src = world.bus(name, change=change, allowed_origins=[plain])
    tab = open_tab(ignore_https_errors=True)
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    stopped = headers and engine != "firefox"
    if engine == "webkit":
        # It takes a frame over http in a page over https for mixed content, on loopback too, and
        # asks for none of it. So both ends of this test stand on other pages.
        code, before = world.backend.answers(), len(world.buses.asked)
        tab.goto(attacker(world.secure, "embed", src, code))
        is_answered(tab, world.host, world.bus(), code)
        assert not [path for path in world.buses.asked[before:] if path.startswith("/scheme")]
        return
    code = is_refused(tab, world, world.secure, src, headers=stopped)
    src = world.bus(f"{name}-allowed", change=change, allowed_origins=[plain, world.secure])
    is_answered(tab, world.secure, src, code)


def test_the_host_where_only_its_look_alikes_are_allowed(tab: Tab, world: World) -> None:
    """The other way round, for names that no test could have: with them allowed, the host is not."""
    port = urlsplit(world.host).port
    names = [
        f"https://localhost:{port}",
        f"http://localhost:{str(port)[:-1]}",
        "http://localhost",
        f"http://127.0.0.1:{port}",
        f"http://app.localhost:{port}",
        "https://localhost.example.com",
        f"https://xn--lcalhost-nbh.example:{port}",  # with a Cyrillic letter
    ]
    change = without_frame_ancestors
    src = world.bus("look-alikes", change=change, allowed_origins=names)
    code = is_refused(tab, world, world.host, src, headers=False)
    src = world.bus("and-the-host", change=change, allowed_origins=[*names, world.host])
    is_answered(tab, world.host, src, code)
