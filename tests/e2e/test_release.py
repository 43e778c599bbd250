"""After a release, a browser that has the last one's snapshot downloads only what has changed (RFC 9842)."""

from pathlib import Path

import pytest

from host.tools.compress import write_deltas
from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.damage import find
from tests.e2e.support.releases import releases
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

# No other engine keeps dictionaries.
pytestmark = pytest.mark.engines("chromium")

STOCK = "sso-bus: stock boot, because "


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


def test_only_the_difference_is_downloaded(open_tab: Opener, world: World) -> None:
    last, following = releases(world)
    [delta] = following.glob("*/snapshot.bin.*.dcz")
    size = delta.stat().st_size
    assert size < 10_000
    tab = open_tab(fresh=True)
    first = boot(tab, world, last)
    assert len(first) == 3
    assert min(first.values()) > 500_000
    path = find(following, "snapshot.bin").relative_to(following).as_posix()
    assert boot(tab, world, following) == {path: size}
    assert boot(tab, world, following) == {}
    assert not [line for line in tab.lines if STOCK in line]


def test_what_it_makes_is_checked_like_a_whole_snapshot(open_tab: Opener, world: World) -> None:
    last, _ = releases(world)

    def makes_the_old_one(folder: Path) -> None:
        snapshot, old = find(folder, "snapshot.bin"), find(last, "snapshot.bin")
        snapshot.write_bytes(old.read_bytes())
        write_deltas(snapshot, [old])

    world.bus("wrong", change=makes_the_old_one, previous=[last])
    tab = open_tab(fresh=True)
    boot(tab, world, last)
    [size] = boot(tab, world, world.buses.folders["wrong"]).values()
    assert size < 10_000
    assert [line for line in tab.lines if STOCK in line] == [f"{STOCK}the snapshot is damaged"]
