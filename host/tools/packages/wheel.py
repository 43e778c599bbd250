"""The wheel `sso-bus`: a built bus, and the code that serves it, as the import package `sso_bus`.

The code is the tree's own, unchanged: host/server/ at the top, and the modules that it needs of bus/ in
`sso_bus.bus`. This works because both import relatively. Two files exist only in the wheel and are in
`sso_bus/` beside this one: `__init__.py`, and `shared.py`, which says where the bus is.
"""

import ast
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from host.tools.compress import compress_folder
from host.tools.packages.project import PROJECT
from host.tools.paths import PAGE, ROOT, RUNTIME
from host.tools.site import write_parts

PACKAGE: Final = "sso_bus"
OWN: Final = Path(__file__).parent / PACKAGE
"""The modules that only the wheel has; one replaces the tree's module of the same name."""


def build_wheel(out: Path) -> Path:
    """Write the wheel into a folder, and return its path. The same sources give the same bytes."""
    # In this environment, which has everything that the hook needs, so nothing is downloaded.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out.resolve())],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out / f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}-py3-none-any.whl"


def stage(say: Callable[[str], None]) -> Path:
    """Make the import package from scratch, and return its folder."""
    folder = RUNTIME / "wheel" / PACKAGE
    shutil.rmtree(folder, ignore_errors=True)
    static = folder / "built/static"
    static.mkdir(parents=True)
    parts = write_parts(static, say)
    compress_folder(static, say)
    for packed in static.rglob("*.gz"):
        packed.unlink()  # the others serve all browsers on https, and the wheel is smaller
    (folder / "built/parts.json").write_text(json.dumps(dataclasses.asdict(parts)), "utf-8")
    shutil.copyfile(PAGE, folder / "built/page.html")
    for name, source in modules().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    (folder / "py.typed").touch()
    return folder


def modules() -> dict[str, Path]:
    """Return the tree's file of each module of the import package, by the module's path in the package."""
    found: dict[str, Path] = {}
    wanted = ["__init__.py"]
    while wanted:
        path = wanted.pop()
        if path not in found:
            found[path] = _source(path)
            wanted += imported(path, found[path].read_text(encoding="utf-8"))
    return found


def imported(path: str, text: str) -> Iterator[str]:
    """Yield the paths of the package's modules that the module at `path` imports.

    Raises ValueError for an import that works only in the tree.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield from _relative(path, node)
            names = [] if node.level else [str(node.module)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("bus", "host"):
                raise ValueError(
                    f"{path}: import {name} relatively, or it is not there in the wheel"
                )


def _relative(path: str, node: ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that a relative import runs: the packages above, and the submodules that it names."""
    package = path.split("/")[: -node.level]
    inner = str(node.module).split(".") if node.module else []
    for depth in range(len(inner) + 1):
        if package or depth:
            yield _path([*package, *inner[:depth]])
    for alias in node.names:
        module = [*package, *inner, alias.name]
        if _source("/".join(module) + ".py").exists():
            yield _path(module)


def _path(module: list[str]) -> str:
    folder = "/".join(module)
    package = f"{folder}/__init__.py"
    return package if _source(package).exists() else f"{folder}.py"


def _source(path: str) -> Path:
    """Return the file that a module of the package is, which may not exist."""
    if (OWN / path).exists():
        return OWN / path
    return ROOT / path if path.startswith("bus/") else ROOT / "host/server" / path
