"""After a release, browsers get the new snapshot as its difference from the old one (RFC 9842).

The build writes that difference beside the snapshot (host/tools/compress.py), and servers choose it.
"""

import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final

NAME: Final = "snapshot.bin"
"""The only large part that changes while Python stays the same, and most of it does not."""

USE: Final = {"Use-As-Dictionary": f'match="/*bus-*/{NAME}"'}
"""Tells a browser to keep the file for the next release's. The pattern holds under any path."""


def delta_ending(dictionary: bytes) -> str:
    """Return how the name of a difference ends; `dictionary` is the SHA-256 of the older file."""
    return f".{dictionary.hex()[:16]}.dcz"


def has_deltas(file: Path) -> bool:
    """Whether the build has written a difference for this file."""
    return file.name == NAME and any(file.parent.glob(f"{NAME}.*.dcz"))


def available(dictionary: bytes) -> str:
    """Return a SHA-256 as Available-Dictionary has it, a byte sequence (RFC 9842, section 2.2)."""
    return f":{b64encode(dictionary).decode()}:"


def held(available_dictionary: str) -> bytes | None:
    """Return the SHA-256 of what the browser has, or None if the header names none."""
    found = re.fullmatch(r":([A-Za-z0-9+/]{43}=):", available_dictionary.strip())
    return b64decode(found[1]) if found else None
