"""Downloads the parts that the bus page runs into `.runtime/`, and checks their hashes.

`python -m host.tools.runtime` runs it by hand. The build, the demo and the tests run it themselves,
once for each set of pins.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from host.tools.node import run_npm
from host.tools.paths import PACKAGE_LOCK, ROOT, RUNTIME, WHEELS_LOCK

PYODIDE_PLATFORM = (
    "--platform=pyemscripten_2026_0_wasm32",
    "--python-version=3.14",
    "--implementation=cp",
    "--abi=cp314",
)
"""The platform of the pinned Pyodide, as pip names it."""

_PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
_MICROPYTHON_FILES = ("micropython.mjs", "micropython.wasm")


def ensure_runtime(say: Callable[[str], None]) -> Path:
    """Return the folder with all runtime parts, downloading them if the pins have changed.

    Raises subprocess.CalledProcessError if a download fails or its hash is not the pinned one.
    """
    stamp = sha256(
        PACKAGE_LOCK.read_bytes() + WHEELS_LOCK.read_bytes() + Path(__file__).read_bytes()
    )
    marker = RUNTIME / "stamp"
    if marker.exists() and marker.read_text() == stamp.hexdigest():
        return RUNTIME
    marker.unlink(missing_ok=True)  # from here to the end, the folder is incomplete
    for part in ("pyodide", "pyscript", "micropython"):
        shutil.rmtree(RUNTIME / part, ignore_errors=True)
    say("downloading the browser's Python (Pyodide, PyScript, MicroPython: 8 MB) with npm")
    run_npm("ci", "--no-fund", "--no-audit", cwd=ROOT)
    say("downloading the browser's packages (pydantic: 2 MB) with pip")
    _download_wheels(RUNTIME / "pyodide")
    modules = ROOT / "node_modules"
    _copy(modules / "pyodide", _PYODIDE_FILES, RUNTIME / "pyodide")
    _copy(
        modules / "@micropython/micropython-webassembly-pyscript",
        _MICROPYTHON_FILES,
        RUNTIME / "micropython",
    )
    dist = modules / "@pyscript/core/dist"
    _copy(dist, tuple(p.name for p in dist.glob("*.js")), RUNTIME / "pyscript")
    lock = json.loads((modules / "pyodide/pyodide-lock.json").read_text())
    (RUNTIME / "pyodide/pyodide-lock.json").write_text(own_lock(lock["info"], RUNTIME / "pyodide"))
    marker.write_text(stamp.hexdigest())
    return RUNTIME


def own_lock(info: dict[str, str], wheels: Path) -> str:
    """Return a pyodide-lock.json for only the wheels in a folder, with their SHA-256.

    Pyodide's own lock names versions of pydantic that do not exist for this platform.
    """
    packages = {}
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        packages[name.replace("_", "-")] = {
            "name": name.replace("_", "-"),
            "version": version,
            "file_name": wheel.name,
            "install_dir": "site",
            "sha256": sha256(wheel.read_bytes()).hexdigest(),
            "package_type": "package",
            "imports": [name],
            "depends": list(_depends(wheel)),
            "unvendored_tests": False,
        }
    return json.dumps({"info": info, "packages": packages}, indent=1, sort_keys=True)


def _depends(wheel: Path) -> Iterator[str]:
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        meta = HeaderParser().parsestr(archive.read(name).decode())
    for requirement in meta.get_all("Requires-Dist", []):
        if "extra ==" not in requirement and "python_version <" not in requirement:
            yield re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _download_wheels(folder: Path) -> None:
    folder.mkdir(parents=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", *PYODIDE_PLATFORM),
            *("--timeout", "60", "--dest", str(folder), "--requirement", str(WHEELS_LOCK)),
        ],
        check=True,
    )


def _copy(source: Path, names: tuple[str, ...], to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(source / name, to / name)


if __name__ == "__main__":
    print(ensure_runtime(print))
