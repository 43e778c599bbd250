"""Host modules in Node, as a test of a host app imports them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.tools.node import start_node
from host.tools.paths import CLIENT, ROOT
from tests.scenarios import Step

SECONDS = 60


def host_modules(folder: Path) -> Path:
    """Copy the modules, and what plays scenarios, to where Node takes them for modules."""
    (folder / "package.json").write_text('{"type": "module"}')
    tests = [ROOT / "tests/pages/player.js", ROOT / "tests/tools/scenarios.mjs"]
    for path in [*CLIENT.glob("*.js"), *tests]:
        shutil.copyfile(path, folder / path.name)
    return folder


def run_module(folder: Path, text: str) -> Any:
    """Run a module in Node, which must end by itself; return what it has said, as JSON."""
    node = start_node("--input-type=module", "--eval", text, cwd=folder)
    out, _ = node.communicate(timeout=SECONDS)
    assert node.returncode == 0
    return json.loads(out)


class Player:
    """Plays the steps of scenarios against the mock in Node."""

    def __init__(self, node: "subprocess.Popen[str]") -> None:
        self._node = node

    def do(self, step: Step) -> Any:
        """Play a step; {"world": options} starts over."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps(step) + "\n")
        self._node.stdin.flush()
        return json.loads(self._node.stdout.readline())


@contextmanager
def player(folder: Path) -> Iterator[Player]:
    """Start Node with the modules in a folder."""
    modules = ("./mock.js", "./client.js", "./player.js")
    node = start_node("scenarios.mjs", *modules, cwd=folder)
    try:
        yield Player(node)
    finally:
        node.communicate("", timeout=SECONDS)
