"""Writes `.zst`, `.br` and `.gz` beside files, for servers that send precompressed ones."""

import gzip
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import brotli
import zstandard

from host.tools.paths import RUNTIME

_TEXT = {".html", ".js", ".mjs", ".json", ".py", ".wasm", ".bin", ".zip", ".so", ".whl", ".css"}


def compress_folder(folder: Path, say: Callable[[str], None]) -> None:
    """Compress each file in a folder; reuse the cached result for content that was compressed before."""
    cache = RUNTIME / "compressed"
    cache.mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _TEXT):
        data = path.read_bytes()
        key = sha256(data).hexdigest()
        for ending, compress in _PACKED.items():
            kept = cache / (key + ending)
            if not kept.exists():
                if len(data) > 1_000_000 and ending == ".br":
                    say(f"compressing {path.name}")
                part = cache / (key + ending + ".part")
                part.write_bytes(compress(data))
                part.replace(kept)
            packed = kept.read_bytes()
            if len(packed) < 0.95 * len(data):
                path.with_name(path.name + ending).write_bytes(packed)


def _zstd(data: bytes) -> bytes:
    # Level 19 is the highest with a window of at most 8 MB, the limit of browsers (RFC 9659).
    return zstandard.ZstdCompressor(level=19).compress(data)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11, lgwin=24))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


_PACKED: dict[str, Callable[[bytes], bytes]] = {".zst": _zstd, ".br": _brotli, ".gz": _gzip}
