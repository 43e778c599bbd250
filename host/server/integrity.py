"""Hashes of all that the page loads, so that a browser runs exactly what was built (SRI).

Modules are checked by the browser itself, by the import map's "integrity" (HTML Living Standard,
"import maps"; older engines ignore it); what else holds code is checked where early.js fetches it.
"""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

_CODE = {".js", ".mjs", ".py", ".json", ".zip", ".whl", "library.wasm"}
"""What is checked. Not Python's own `.wasm`: a browser compiles it while it streams in, and with a
hash it would have to wait for the end (measured: it took twice as long). The snapshot is checked by
interpreter.mjs."""


def sri(data: bytes) -> str:
    """Return the integrity metadata of some bytes (Subresource Integrity, "sha256-…")."""
    return f"sha256-{b64encode(sha256(data).digest()).decode()}"


def integrity_of(root: Path) -> dict[str, str]:
    """Return the integrity of each file with code in `root`'s folders, by its address from the page."""
    files = sorted(p for p in root.glob("*/**/*") if p.suffix in _CODE or p.name in _CODE)
    return {f"./{path.relative_to(root).as_posix()}": sri(path.read_bytes()) for path in files}


def import_map(integrity: dict[str, str]) -> str:
    """Return the text of the page's import map. It must be inline: browsers fetch none."""
    return json.dumps({"integrity": integrity}, separators=(",", ":")).replace("<", "\\u003c")


def script_source(text: str) -> str:
    """Return what allows one inline script in a policy, by its hash (CSP Level 3)."""
    return f"'{sri(text.encode())}'"


def early_script(address: str, integrity: dict[str, str]) -> str:
    """Return the start of the element of the page's first script.

    `crossorigin` is for a page whose own origin is opaque: only what may be read can be compared.
    """
    return f'<script src="{escape(address)}" integrity="{integrity[address]}" crossorigin'
