"""After a release, a browser that has the last one's snapshot downloads only what has changed (RFC 9842)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from host.tools.compress import write_deltas
from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import profile
from tests.e2e.support.damage import find
from tests.e2e.support.releases import releases
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World

# No other engine keeps dictionaries.
pytestmark = pytest.mark.engines("chromium")

STOCK = "sso-bus: stock boot, because "


@pytest.fixture
def tab(engine: str, playwright: Playwright, tmp_path: Path) -> Iterator[Tab]:
    """A tab of a Chromium that allows third-party cookies, as Chrome does and Debian's does not."""
    preferences = tmp_path / "Default/Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    with profile(playwright, engine, str(tmp_path)) as context:
        assert context.browser is not None
        # Incognito: then a dictionary is there at once, and not when it has been written to the disk.
        tab = Tab(context.browser)
        yield tab
        assert tab.close() == []


def boot(tab: Tab, world: World, folder: Path) -> dict[str, int]:
    """Boot what is released at one address now; returns the bytes sent for each large file."""
    world.buses.folders["released"] = folder
    world.buses.sent.clear()
    tab.goto(world.page).run("(src) => embed({ src }).ready", f"{world.bus_origin}/released/")
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    return {
        path.removeprefix("/released/"): size
        for path, size in world.buses.sent.items()
        if path.endswith((".bin", ".wasm"))
    }


def test_only_the_difference_is_downloaded(tab: Tab, world: World) -> None:
    last, following = releases(world)
    [delta] = following.glob("*/snapshot.bin.*.dcz")
    size = delta.stat().st_size
    assert size < 10_000
    first = boot(tab, world, last)
    assert len(first) == 3
    assert min(first.values()) > 500_000
    path = find(following, "snapshot.bin").relative_to(following).as_posix()
    assert boot(tab, world, following) == {path: size}
    assert not [line for line in tab.lines if STOCK in line]


def test_what_it_makes_is_checked_like_a_whole_snapshot(tab: Tab, world: World) -> None:
    last, _ = releases(world)

    def makes_the_old_one(folder: Path) -> None:
        snapshot, old = find(folder, "snapshot.bin"), find(last, "snapshot.bin")
        snapshot.write_bytes(old.read_bytes())
        write_deltas(snapshot, [old])

    world.bus("wrong", change=makes_the_old_one, previous=[last])
    boot(tab, world, last)
    [size] = boot(tab, world, world.buses.folders["wrong"]).values()
    assert size < 10_000
    assert [line for line in tab.lines if STOCK in line] == [f"{STOCK}the snapshot is damaged"]
