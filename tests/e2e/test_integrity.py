"""A file that was changed after the build does not run: the page has the hash of each file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.damage import FILE, boot_failed, find
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World, without_hashes

pytestmark = pytest.mark.fresh


def tampered(*names: str) -> Callable[[Path], None]:
    """Add a harmless line to files: every parser accepts it, and only a hash shows the change."""

    def change(folder: Path) -> None:
        for name in names:
            path = find(folder, name)
            line = b"# tampered\n" if name.endswith(".py") else b"\n// tampered\n"
            path.write_bytes(path.read_bytes() + line)
            for packed in path.parent.glob(f"{name}.*"):
                packed.unlink()

    return change


MODULES = ["core.js", "interpreter.mjs", "parts.mjs", "pyodide.asm.mjs"]


@pytest.mark.parametrize(
    "names",
    [["boot.js"], *([name] for name in MODULES), ["main.py"], ["snapshot.bin", "bus.zip"]],
    ids=" and ".join,
)
def test_a_file_that_was_tampered_with_ends_the_boot(
    open_tab: Opener, world: World, names: list[str]
) -> None:
    """Without a snapshot to start from, the bus comes in an archive, hence the last."""
    src = world.bus(
        "tampered-" + "-".join(names), change=tampered(*names), boot_timeout_seconds=300
    )
    tab = open_tab()
    tab.expect(
        "ailed to fetch",
        "integrity",
        "imported module",
        "error loading",
        "Importing",
        "NetworkError",
        "Load failed",
    )
    tab.goto(world.page)
    got = tab.run("(src) => { embed({ src, timeout: 1e6 }); return ask({}); }", src)
    assert got["error"] == boot_failed(FILE)
    assert not tab.run("() => heard.some(({ data }) => data?.type === 'BUS.READY')")


def test_it_is_the_hashes_that_tell(open_tab: Opener, world: World) -> None:
    """All of these files tampered with, and no hashes: the bus works, so nothing else noticed."""

    def change(folder: Path) -> None:
        tampered(*MODULES, "main.py", "early.js", "boot.js")(folder)
        without_hashes(folder)

    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus("tampered-unseen", change=change))
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_the_first_script_is_checked_as_well(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    tab.expect("integrity")
    tab.goto(world.page)
    src = world.bus("tampered-early", change=tampered("early.js"))
    tab.run("(src) => raw(src).loaded", src)
    assert tab.run_in(src, "() => typeof ssoBus") == "undefined"
    assert tab.run("() => heard") == []
    # The same page with the script that was built.
    tab.run("(src) => embed({ src }).ready", world.bus())
    assert tab.run_in(world.bus(), "() => typeof ssoBus") == "object"


def test_whatever_is_fetched_before_python_serves_has_a_hash_or_is_wasm(
    open_tab: Opener, world: World
) -> None:
    tab = open_tab().goto(world.page)
    src = world.bus()
    before = len(world.buses.asked)
    tab.run("(src) => embed({ src }).ready", src)
    page = (world.buses.folders["bus"] / "index.html").read_text()
    fetched = {path.removeprefix("/bus/") for path in world.buses.asked[before:]} - {""}
    fetched = {path for path in fetched if path.startswith(("bus-", "python-", "pyscript-"))}
    assert len(fetched) > 5
    unchecked = {path.rsplit("/", 1)[1] for path in fetched if f'"./{path}":"sha256-' not in page}
    # The last one is checked by interpreter.mjs, by its hash in parts.mjs.
    assert unchecked == {"pyodide.asm.wasm", "snapshot.bin"}
