"""What JavaScript has to pass: `python -m tests.javascript lint`, `types`, or `format`, which writes.

The tools are those of tests/tools, from npm, by version and hash. They are downloaded once.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from host.tools.node import run_node
from host.tools.paths import CLIENT, ROOT
from tests.e2e.support.node_tools import node_tools


def lint(tools: Path) -> None:
    """Hold all JavaScript and TypeScript of the tree against the rules and the layout of biome.jsonc."""
    biome(tools, "check", "--error-on-warnings")


def write(tools: Path) -> None:
    """Lay out what `lint` looks at."""
    biome(tools, "format", "--write")


def types(tools: Path, root: Path = ROOT) -> None:
    """Check the modules that ship by their types, and the declarations against the modules.

    `root`: another tree with the same modules in the same places, and `tests/tools` in `.runtime/tools`.
    """
    folder = root / ".runtime/tools"
    modules = folder / "modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    for path in (root / CLIENT.relative_to(ROOT)).iterdir():
        if path.suffix == ".ts":
            shutil.copyfile(path, modules / path.name)
        else:  # see declared.ts; faults are told of the module itself
            text = path.read_text("utf-8")
            (modules / f"{path.stem}-module.js").write_text(f"// @ts-nocheck\n{text}", "utf-8")
    tsc = tools / "node_modules/typescript/bin/tsc"
    run_node(str(tsc), "-p", "tsconfig.modules.json", cwd=folder)


def biome(tools: Path, *args: str) -> None:
    run_node(str(tools / "node_modules/@biomejs/biome/bin/biome"), *args, cwd=ROOT)


COMMANDS: dict[str, Callable[[Path], None]] = {"lint": lint, "types": types, "format": write}


def main(args: list[str]) -> int:
    """Run a command. Returns 0, the status of a tool that found something, or 2 for a wrong command."""
    if len(args) != 1 or args[0] not in COMMANDS:
        print(f"javascript: say one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    tools = node_tools(lambda line: print(f"{args[0]}: {line}", flush=True))
    try:
        COMMANDS[args[0]](tools)
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
