"""The wheel `sso-bus`: a built bus, and the code that serves it, as the import package `sso_bus`.

The code is the tree's own (host/asgi.py and what it imports), under other names: `bus` and `host` would
be in the way of other packages.
"""

import ast
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from host.build.compress import compress_folder
from host.build.runtime import ROOT, RUNTIME
from host.build.site import PAGE, write_parts
from host.packages.project import PROJECT

PACKAGE: Final = "sso_bus"
_START: Final = "host.asgi"
_IMPORT: Final = re.compile(r"^from ((?:bus|host)(?:\.\w+)*) import ", re.MULTILINE)


def build_wheel(out: Path) -> Path:
    """Write the wheel into a folder, and return its path. The same sources give the same bytes."""
    # In this environment, which has all that the hook needs: nothing is downloaded for it.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out.resolve())],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out / f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}-py3-none-any.whl"


def stage(say: Callable[[str], None]) -> Path:
    """Return a folder that holds the import package, made anew."""
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
    for name, text in modules().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    (folder / "py.typed").touch()
    return folder


def modules() -> dict[str, str]:
    """Return the text of each module of the import package, by its path in there."""
    found: dict[str, str] = {}
    wanted = [_START]
    while wanted:
        module = wanted.pop()
        path = _path_in_wheel(module)
        if path not in found:
            text = _source(module).read_text(encoding="utf-8")
            wanted += imported(text)
            found[path] = _IMPORT.sub(lambda match: f"from {_renamed(match[1])} import ", text)
    return found


def imported(text: str) -> Iterator[str]:
    """Yield the tree's modules that a module imports.

    Raises ValueError for a form of import that would be missed here.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["bus" if node.level else str(node.module)]
        else:
            continue
        for name in (name for name in names if name.split(".")[0] in ("bus", "host")):
            if isinstance(node, ast.Import) or node.level or node.col_offset:
                raise ValueError(f"write it as `from {name} import`, at the start of a line")
            yield name


def _source(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _renamed(module: str) -> str:
    """Return a module's name in the wheel: flat, but for `bus`."""
    if module == _START:
        return PACKAGE
    return f"{PACKAGE}.{re.sub(r'^host(.build)?[.]', '', module)}"


def _path_in_wheel(module: str) -> str:
    inner = _renamed(module).split(".")[1:]
    if module == _START or _source(module).name == "__init__.py":
        return "/".join([*inner, "__init__.py"])
    return "/".join(inner) + ".py"
