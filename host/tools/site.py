"""Writes the built folder."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bus.settings import Settings
from host.server import dictionary
from host.server.integrity import import_map, integrity_of, script_element, script_source
from host.server.page import PARTS_MARK, PRELOAD_MARK, fill_page
from host.server.policy import headers, headers_file
from host.tools import guide, warmup
from host.tools.compress import compress_folder, write_deltas
from host.tools.discovery import with_discovery
from host.tools.nginx import nginx_file
from host.tools.paths import BUS, PAGE, ROOT
from host.tools.runtime import ensure_runtime
from host.tools.sbom import sbom
from host.tools.snapshot import make_snapshot, snapshot_meta

PLUGINS_OFF = [
    "!codemirror", "!deprecations-manager", "!donkey", "!error", "!py-editor", "!py-game", "!py-terminal",
]  # fmt: skip
"""PyScript's plugins are all off: they would be fetched, and the bus page has nothing to show."""

FIRST_SCRIPT = """\
<!-- The build makes one file of the first two. -->
    <script src="./bus/requests.js"></script>
    <script src="./bus/early.js\""""
"""The tree has two files; the build makes one of them, because the host waits for it and one loads faster."""

Files = dict[str, bytes]


def build(
    settings: Settings,
    out: Path,
    *,
    say: Callable[[str], None],
    debug: bool = False,
    previous: Sequence[Path] = (),
) -> None:
    """Write a static folder that any web server can serve under any path.

    `debug`: the bus tells its host what it decides; not for production.
    `previous`: the folders of earlier releases, whose users download only what has changed; one of
    them may be `out`. An older build in `out` is replaced at the end, in one step. Raises OSError if
    `out` exists and is not a build or one of `previous` is none, and ConfigError if the settings'
    provider does not say which origins it needs.
    """
    older = [snapshot for folder in previous for snapshot in _snapshots(folder)]
    settings, jwks_uri = with_discovery(settings, say=say)
    if out.exists() and not (out.is_dir() and (_is_build(out) or not any(out.iterdir()))):
        raise FileExistsError(f"{out} exists and is not a built bus; nothing was changed")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)

    parts = write_parts(part, say)
    page = fill_page(
        PAGE.read_text(encoding="utf-8"),
        settings,
        parts.replacements,
        parts.integrity,
        jwks_uri=jwks_uri,
        debug=debug,
    )
    (part / "index.html").write_text(page, encoding="utf-8")
    compress_folder(part, say)
    [snapshot] = _snapshots(part)
    # Where the folder's name is the same, the browser has the file.
    changed = [path for path in older if path.parent.name != snapshot.parent.name]
    dictionaries = write_deltas(snapshot, changed)
    rules = headers(settings, parts.folders, script_source(import_map(parts.integrity)))
    (part / "_headers").write_text(headers_file(rules), encoding="utf-8")
    (part / "nginx.conf").write_text(nginx_file(rules, dictionaries), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


@dataclass(frozen=True)
class Parts:
    """The parts that are the same for all settings, and what the page must know about them."""

    folders: list[str]
    """The folders whose names contain the hash of their content."""
    replacements: dict[str, str]
    """The replacements of the tree's own addresses in the page."""
    integrity: dict[str, str]


def write_parts(root: Path, say: Callable[[str], None]) -> Parts:
    """Write all parts of a bus into a folder, except those that depend on its settings."""
    runtime = ensure_runtime(say)
    snapshot = make_snapshot(runtime, bus_modules(), say)
    pyscript = _write(
        root,
        "pyscript",
        {p.name: p.read_bytes() for p in sorted((runtime / "pyscript").glob("*.js"))},
    )
    python = _write(root, "python", _python_parts(runtime / "pyodide", snapshot))
    bus = _write(root, "bus", _bus_parts(f"../{python}/", runtime / "pyodide", snapshot))
    core = next((runtime / "pyscript").glob("core-*.js")).name
    # PyScript loads this plugin to tell it that it is off.
    turned_off = [p.name for p in sorted((runtime / "pyscript").glob("error-*.js"))]
    preloaded = [
        *(f"{bus}/{name}" for name in ("interpreter.mjs", "parts.mjs", "library.mjs")),
        *(f"{python}/{name}" for name in ("pyodide.mjs", "pyodide.asm.mjs")),
        *(f"{pyscript}/{name}" for name in ("core.js", core, *turned_off)),
    ]
    parts = [f"{python}/pyodide.asm.wasm", f"{python}/library.wasm", f"{bus}/snapshot.bin"]
    config = json.dumps({"interpreter": f"./{bus}/interpreter.mjs", "plugins": PLUGINS_OFF})
    integrity = integrity_of(root)
    (root / "sbom.cdx.json").write_text(sbom(runtime), encoding="utf-8")
    (root / guide.NAME).write_text(guide.guide_page(), encoding="utf-8")
    small = [
        *preloaded,
        *(
            f"{bus}/{name}"
            for name in ("early.js", "boot.js", "session.mjs", "keys.mjs", "main.py")
        ),
    ]
    warm = warmup.warm_up_page(f"./{bus}/warm.js", integrity, _relative(small), _relative(parts))
    (root / warmup.NAME).write_text(warm, encoding="utf-8")
    replacements = {
        FIRST_SCRIPT: script_element(f"./{bus}/early.js", integrity),
        '<script src="./bus/boot.js"': script_element(f"./{bus}/boot.js", integrity),
        "./bus/main.py": f"./{bus}/main.py",
        "./.runtime/pyscript/core.js": f"./{pyscript}/core.js",
        "./pyscript.toml": config.replace('"', "&quot;"),
        PARTS_MARK: _addresses("parts", parts),
        PRELOAD_MARK: _addresses("preload", preloaded),
    }
    return Parts([pyscript, python, bus], replacements, integrity)


def _addresses(name: str, paths: list[str]) -> str:
    return f'data-{name}="{" ".join(_relative(paths))}"'


def _relative(paths: list[str]) -> list[str]:
    return [f"./{path}" for path in paths]


def _snapshots(folder: Path) -> list[Path]:
    if not (found := sorted(folder.glob(f"bus-*/{dictionary.NAME}"))):
        raise FileNotFoundError(f"{folder} is not a built bus: no bus-*/{dictionary.NAME} is in it")
    return found


def _is_build(folder: Path) -> bool:
    page = folder / "index.html"
    return page.is_file() and 'id="bus-settings"' in page.read_text("utf-8", "replace")


def _write(root: Path, name: str, files: Files) -> str:
    """Write files into a folder whose name contains their hash, and return that name."""
    digest = sha256()
    for path, data in sorted(files.items()):
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    folder = f"{name}-{digest.hexdigest()[:16]}"
    for path, data in files.items():
        target = root / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def _python_parts(pyodide: Path, snapshot: Path) -> Files:
    return {p.name: p.read_bytes() for p in sorted(pyodide.iterdir())} | {
        "library.wasm": (snapshot / "library.wasm").read_bytes()
    }


def _bus_parts(python: str, pyodide: Path, snapshot: Path) -> Files:
    parts = {
        "folder": python,
        "wheels": [f"{python}{p.name}" for p in sorted(pyodide.glob("*.whl"))],
        "archives": ["bus.zip"],
        **snapshot_meta(snapshot),
    }
    return {
        "early.js": (BUS / "requests.js").read_bytes() + (BUS / "early.js").read_bytes(),
        **{
            name: (BUS / name).read_bytes()
            for name in (
                "boot.js",
                "interpreter.mjs",
                "library.mjs",
                "keys.mjs",
                "main.py",
                "session.mjs",
                "warm.js",
            )
        },
        "parts.mjs": f"export const PARTS = Object.freeze({json.dumps(parts)});\n".encode(),
        "bus.zip": bus_zip(),
        "snapshot.bin": (snapshot / "snapshot.bin").read_bytes(),
    }


def bus_modules() -> list[Path]:
    """Return the Python modules of the bus, except main.py, which PyScript runs itself."""
    return sorted(p for p in BUS.rglob("*.py") if p != BUS / "main.py")


def bus_zip() -> bytes:
    """Return the bus's modules as a zip archive, the same for the same sources."""
    data = BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as archive:
        for path in bus_modules():
            entry = ZipInfo(path.relative_to(ROOT).as_posix(), (2020, 1, 1, 0, 0, 0))
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return data.getvalue()
