"""The tests' own tools in Node (TypeScript, Biome, Vite, parsers), which have their own npm project.

`python -m tests.e2e.support.node_tools` installs them; tests and `make lint` do it by themselves, and once for
each set of pins.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from host.tools.node import run_npm, start_node
from host.tools.paths import ROOT, RUNTIME

SOURCE = ROOT / "tests/tools"


def node_tools(say: Callable[[str], None] = print) -> Path:
    """Return the folder that the tools run in, with their scripts and all that they import.

    Not the folder in the tree: that one stays as it was committed. Raises
    subprocess.CalledProcessError if a download fails or its hash is not the pinned one.
    """
    folder = RUNTIME / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copyfile(path, folder / path.name)
    stamp = sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    marker = folder / "stamp"
    if not marker.exists() or marker.read_text() != stamp:
        marker.unlink(missing_ok=True)
        say("downloading the tools for Node (TypeScript, Biome, Vite and others: 67 MB) with npm")
        run_npm("ci", "--no-fund", "--no-audit", cwd=folder)
        marker.write_text(stamp)
    return folder


def run_tool(*args: str, cwd: Path | None = None, stdin: str = "") -> tuple[int, str]:
    """Run a script or a tool, named from the folder of the tools. Returns its status and what it said
    on standard output."""
    folder = node_tools()
    process = start_node(str(folder / args[0]), *args[1:], cwd=cwd or folder)
    try:
        out, _ = process.communicate(stdin, timeout=100)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out


def tool_json(*args: str, stdin: str = "") -> Any:
    """Run a script that prints JSON; returns that. Raises AssertionError if it fails."""
    status, out = run_tool(*args, stdin=stdin)
    assert status == 0, out
    return json.loads(out)


if __name__ == "__main__":
    node_tools(lambda line: print(f"tools: {line}", flush=True))
