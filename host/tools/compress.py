"""Writes `.zst`, `.br`, `.gz` and `.dcz` beside files, for servers that send precompressed ones."""

import gzip
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import brotli
import zstandard

from host.server.dictionary import delta_ending
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


def write_deltas(path: Path, older: Iterable[Path]) -> list[bytes]:
    """Write beside a file how it differs from each older one; returns the SHA-256 of each of these."""
    dictionaries = {sha256(of).digest(): of for of in (p.read_bytes() for p in older)}
    for digest, dictionary in dictionaries.items():
        delta = _DCZ_MAGIC + digest + _zstd_with(dictionary, path.read_bytes())
        path.with_name(path.name + delta_ending(digest)).write_bytes(delta)
    return list(dictionaries)


_DCZ_MAGIC = bytes.fromhex("5e2a4d1820000000")
"""What a `dcz` file begins with, before the SHA-256 of its dictionary (RFC 9842, section 5)."""


def _zstd_with(dictionary: bytes, data: bytes) -> bytes:
    # The dictionary is out of reach once the data exceeds the window. Browsers take a window of 8 MB, or
    # of 1.25 times the dictionary, but of no more than 128 MB; one that holds all data is just as large.
    limit = min(max(2**23, len(dictionary) * 5 // 4), 2**27)
    window = len(data) - 1 if len(data) <= limit else limit // 2
    # Level 12 takes a third of a second. Level 19 takes 10, and saves 7 percent.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        12,
        source_size=len(data),
        dict_size=len(dictionary),
        window_log=max(window.bit_length(), zstandard.WINDOWLOG_MIN),
    )
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=raw, compression_params=parameters).compress(data)


def _zstd(data: bytes) -> bytes:
    # Level 19 is the highest with a window of at most 8 MB, the limit of browsers (RFC 9659).
    return zstandard.ZstdCompressor(level=19).compress(data)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11, lgwin=24))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


_PACKED: dict[str, Callable[[bytes], bytes]] = {".zst": _zstd, ".br": _brotli, ".gz": _gzip}
