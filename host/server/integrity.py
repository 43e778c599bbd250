"""Hashes of everything that the page loads, so that a browser runs exactly the built files (SRI).

The browser itself checks modules, by the import map's "integrity" (HTML Living Standard, "import
maps"; older engines ignore it). Other files with code are checked where boot.js fetches them.
"""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

_CODE = {".js", ".mjs", ".py", ".json", ".zip", ".whl", "library.wasm"}
"""The files that are checked. Python's own `.wasm` is not: a browser compiles it while it downloads,
and with a hash it would have to wait for the end (measured: twice as long). interpreter.mjs checks the
snapshot."""


def sri(data: bytes) -> str:
    """Return the integrity metadata of some bytes (Subresource Integrity, "sha256-…")."""
    return f"sha256-{b64encode(sha256(data).digest()).decode()}"


def integrity_of(root: Path) -> dict[str, str]:
    """Return the integrity of each file with code in `root`'s folders, by its address from the page."""
    files = sorted(p for p in root.glob("*/**/*") if p.suffix in _CODE or p.name in _CODE)
    return {f"./{path.relative_to(root).as_posix()}": sri(path.read_bytes()) for path in files}


def import_map(integrity: dict[str, str]) -> str:
    """Return the text of the page's import map. It must be inline, because browsers do not fetch one."""
    return json.dumps({"integrity": integrity}, separators=(",", ":")).replace("<", "\\u003c")


def script_source(text: str) -> str:
    """Return the policy source that allows one inline script by its hash (CSP Level 3)."""
    return f"'{sri(text.encode())}'"


def script_element(address: str, integrity: dict[str, str]) -> str:
    """Return the start of the element of a script that the page names.

    `crossorigin` is for a page with an opaque origin: a browser can only compare what the page may read.
    """
    return f'<script src="{escape(address)}" integrity="{integrity[address]}" crossorigin'
