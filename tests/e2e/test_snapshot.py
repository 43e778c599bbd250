"""The built bus starts from a memory snapshot; where that cannot be trusted, by the stock boot."""

import json
import re
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.damage import damaged, find, without
from tests.e2e.support.interpreter import in_interpreter
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

pytestmark = pytest.mark.fresh

STOCK = "sso-bus: stock boot, because "


def test_a_normal_boot_uses_the_snapshot_and_fetches_nothing_else(
    open_tab: Opener, world: World
) -> None:
    src = world.bus()
    before = len(world.buses.asked)
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    assert not [line for line in tab.lines if STOCK in line]
    fetched = [path.rsplit("/", 1)[1] for path in world.buses.asked[before:]]
    assert "snapshot.bin" in fetched
    assert not [name for name in fetched if name.endswith((".whl", ".zip"))]
    assert not [name for name, times in Counter(fetched).items() if times > 1]


def bits_flipped(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = bytearray(find(folder, name).read_bytes())
        data[len(data) // 2] ^= 0xFF
        damaged(name, bytes(data))(folder)

    return change


def cut_short(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        damaged(name, find(folder, name).read_bytes()[:-1000])(folder)

    return change


def expecting(key: str, value: object) -> Callable[[Path], None]:
    """A page whose parts were made with something else."""

    def change(folder: Path) -> None:
        text = find(folder, "parts.mjs").read_text()
        parts = json.loads(re.search(r"freeze\((.*)\);", text, re.DOTALL)[1])  # type: ignore[index]
        assert key in parts
        parts[key] = value
        text = f"export const PARTS = Object.freeze({json.dumps(parts)});\n"
        damaged("parts.mjs", text.encode())(folder)

    return change


def with_snapshot(folder: Path, data: bytes) -> None:
    """Give the built bus another snapshot, with the right hash."""
    damaged("snapshot.bin", data)(folder)
    expecting("snapshotSha256", sha256(data).hexdigest())(folder)


def of_another_build(folder: Path) -> None:
    """The build's own hash in the snapshot's header is another, and the file's hash is right."""
    data = bytearray(find(folder, "snapshot.bin").read_bytes())
    data[16] ^= 0xFF  # the BUILD_ID is in bytes 16 to 48
    with_snapshot(folder, bytes(data))


def with_a_bad_probe(folder: Path) -> None:
    """The snapshot's self-test raises an exception, and the file's hash is right."""
    data = find(folder, "snapshot.bin").read_bytes()
    good, bad = b'"number":9,"ratio":0.25}', b'"number":9,"ratio":"no"}'
    assert good in data
    with_snapshot(folder, data.replace(good, bad))


UNTRUSTED: dict[str, tuple[Callable[[Path], None], str]] = {
    "damaged": (bits_flipped("snapshot.bin"), "the snapshot is damaged"),
    "truncated": (cut_short("snapshot.bin"), "the snapshot has"),
    "missing": (without("snapshot.bin"), "404 for"),
    "of another Pyodide build": (of_another_build, "Snapshot build id mismatch"),
    "another function table": (expecting("tableLength", 16000), "the function table has"),
    "another memory": (expecting("fingerprint", 1), "memory is not as it was"),
    "a self-test that raises": (with_a_bad_probe, "ValidationError: 1 validation error"),
    "library missing": (without("library.wasm"), ""),
    "library damaged": (cut_short("library.wasm"), ""),
}


@pytest.mark.parametrize(("change", "reason"), UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_the_stock_boot_steps_in(
    open_tab: Opener, world: World, change: Callable[[Path], None], reason: str
) -> None:
    src = world.bus(f"snapshot-{len(world.buses.folders)}", change=change)
    tab = open_tab()
    tab.expect("integrity attribute")  # Firefox calls it an error when the library is not the one
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", src)
    tab.wait_for_line(STOCK)
    (line,) = [line for line in tab.lines if STOCK in line]
    assert reason in line
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def in_python(tab: Tab, world: World, source: str) -> str:
    """What an expression is in the Python of a bus that has booted."""
    answer: str = in_interpreter(tab, world, "(it, source) => it.runPython(source)", source)
    return answer


def test_two_restores_have_different_random_numbers(open_tab: Opener, world: World) -> None:
    """A snapshot freezes random's state for everybody; it is seeded again at each start."""
    got = []
    for _ in range(2):
        tab = open_tab().goto(world.page)
        tab.run("(src) => embed({ src }).ready", world.bus())
        source = """
            import random, secrets, os
            f'{random.random()} {secrets.token_hex()} {os.urandom(8).hex()}'"""
        got.append(in_python(tab, world, source))
        assert not [line for line in tab.lines if STOCK in line]
    first, second = (text.split() for text in got)
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_nothing_is_compiled_at_a_start(open_tab: Opener, world: World) -> None:
    """All that Pyodide and PyScript run is in the snapshot, compiled, and is what they would run.

    Fails when one of them is upgraded and does something else at its start: see inside.py.
    """
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    source = """
        import _snapshot, json, sys

        def same(name):
            spec = sys.modules[name].__spec__
            with open(spec.origin, encoding="utf-8") as file:
                return spec.loader.code == compile(file.read(), spec.origin, "exec", dont_inherit=True)

        json.dumps([
            _snapshot.LATE,
            [name for name in _snapshot.PACKAGE if name in sys.modules and not same(name)],
            "pyscript.context" in sys.modules,
        ])"""
    late, different, imported = json.loads(in_python(tab, world, source))
    assert late == [source[:80]]  # and that is this test
    assert different == []
    assert imported


def test_what_the_snapshot_leaves_out_says_so(open_tab: Opener, world: World) -> None:
    """Its functions raise, its modules cannot be imported; the garbage collector has only new objects to look at."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    source = """
        import gc, json
        from importlib import import_module
        from pydantic import BaseModel

        def fails(call, *args):
            try:
                call(*args)
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        before = len(gc.get_objects())
        for _ in range(1000):
            circle = []
            circle.append(circle)
        json.dumps([
            fails(BaseModel.model_json_schema),
            fails(import_module, "zipfile"),
            before < 5000,
            gc.collect() >= 999,
        ])"""
    builds, imports, few, collected = json.loads(in_python(tab, world, source))
    assert builds.startswith("RuntimeError: pydantic.json_schema is not in the snapshot")
    assert imports == "ModuleNotFoundError: No module named 'zipfile'"
    assert few
    assert collected
    kept = tab.run_in(world.bus(), "() => Object.keys(globalThis.ssoBoot.parts)")
    assert kept == ["core", "library"], "the snapshot's bytes would stay as long as the page"
