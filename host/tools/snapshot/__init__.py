"""Makes the memory snapshot that the built bus starts from (make.mjs does it, in Node)."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from host.tools.node import run_node
from host.tools.paths import BUS, ROOT

_HERE = Path(__file__).parent
_FILES = ("snapshot.bin", "library.wasm", "meta.json")


def make_snapshot(runtime: Path, modules: list[Path], say: Callable[[str], None]) -> Path:
    """Return a folder with snapshot.bin, library.wasm and meta.json, rebuilt if an input changed.

    Raises subprocess.CalledProcessError if it cannot be made.
    """
    inputs = [
        *sorted((runtime / "pyodide").iterdir()),
        *sorted((runtime / "pyscript").glob("core-*.js")),
        *modules,
        *sorted(p for p in _HERE.iterdir() if p.is_file()),
        BUS / "library.mjs",
        BUS / "main.py",
    ]
    digest = sha256()
    for path in inputs:
        digest.update(f"{path.name}\0".encode() + sha256(path.read_bytes()).digest())
    made = runtime / "snapshot" / digest.hexdigest()[:16]
    if all((made / name).exists() for name in _FILES):
        return made
    say("making the memory snapshot of Python and the bus")
    part = made.with_suffix(".part")
    part.mkdir(parents=True, exist_ok=True)
    run_make(runtime, part)
    if made.exists():  # it was incomplete, or another build was faster
        for name in _FILES:
            (part / name).replace(made / name)
        part.rmdir()
    else:
        part.rename(made)
    return made


def run_make(runtime: Path, out: Path, *, count: Path | None = None) -> None:
    """Write snapshot.bin, library.wasm and meta.json into a folder.

    `count`: where to write what the objects in memory are, for host/tools/weigh.py.
    Raises subprocess.CalledProcessError if they cannot be made.
    """
    run_node(
        str(_HERE / "make.mjs"),
        *("--pyodide", str(runtime / "pyodide"), "--pyscript", str(runtime / "pyscript")),
        *("--wheels", str(runtime / "pyodide"), "--bus", str(BUS)),
        *("--out", str(out / "snapshot.bin"), "--so-out", str(out / "library.wasm")),
        *("--meta", str(out / "meta.json")),
        *(("--count", str(count)) if count else ()),
        cwd=ROOT,
    )


def snapshot_meta(made: Path) -> dict[str, Any]:
    """Return what the page must know about a snapshot: what to expect, and how to use it."""
    meta: dict[str, Any] = json.loads((made / "meta.json").read_text())
    del meta["modules"]
    return meta
