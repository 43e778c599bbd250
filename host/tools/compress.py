"""Writes packed files beside files, for servers that send them: `.zst`, `.br`, `.gz`, and `.dcz`."""

import gzip
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

import brotli
import zstandard

from host.server.dictionary import delta_ending
from host.tools.paths import RUNTIME

_TEXT = {".html", ".js", ".mjs", ".json", ".py", ".wasm", ".bin", ".zip", ".so", ".whl", ".css"}


def compress_folder(folder: Path, say: Callable[[str], None]) -> None:
    """Compress each file in a folder; reuse the cached result for content that was compressed before."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _TEXT):
        data = path.read_bytes()
        key = sha256(data).hexdigest()
        for ending, compress in _PACKED.items():
            loud = len(data) > 1_000_000 and ending == ".br"
            packed = _cached(key + ending, partial(compress, data), say, path.name if loud else "")
            if len(packed) < 0.95 * len(data):
                path.with_name(path.name + ending).write_bytes(packed)


def write_deltas(path: Path, older: Iterable[Path], say: Callable[[str], None]) -> list[bytes]:
    """Write beside a file how it differs from each older one; returns the SHA-256 of each of these."""
    data = path.read_bytes()
    dictionaries = {sha256(of).digest(): of for of in (p.read_bytes() for p in older)}
    for digest, dictionary in dictionaries.items():
        ending = delta_ending(digest)
        key = sha256(data).hexdigest() + ending
        packed = _cached(key, partial(_dcz, data, dictionary), say, f"{path.name} by an older one")
        path.with_name(path.name + ending).write_bytes(packed)
    return list(dictionaries)


def _cached(
    name: str, make: Callable[[], bytes], say: Callable[[str], None], what: str = ""
) -> bytes:
    kept = RUNTIME / "compressed" / name
    if not kept.exists():
        if what:
            say(f"compressing {what}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_name(name + ".part")
        part.write_bytes(make())
        part.replace(kept)
    return kept.read_bytes()


def _zstd(data: bytes) -> bytes:
    # Level 19 is the highest with a window of at most 8 MB, the limit of browsers (RFC 9659).
    return zstandard.ZstdCompressor(level=19).compress(data)


def _brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=11, lgwin=24))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _dcz(data: bytes, dictionary: bytes) -> bytes:
    """Return the `dcz` encoding (RFC 9842, section 5): the dictionary's SHA-256, and a frame of zstd."""
    # A frame whose window holds all its content reaches the whole dictionary to its end. Browsers take
    # windows of 8 MB, and of 1.25 times the dictionary, but of no more than 128 MB.
    limit = min(max(2**23, len(dictionary) * 5 // 4), 2**27)
    fits = len(data) <= limit
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19,
        source_size=len(data),
        dict_size=len(dictionary),
        window_log=max(10, (len(data) - 1).bit_length() if fits else limit.bit_length() - 1),
    )
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    frame = zstandard.ZstdCompressor(dict_data=raw, compression_params=parameters).compress(data)
    return _DCZ_MAGIC + sha256(dictionary).digest() + frame


_DCZ_MAGIC = bytes.fromhex("5e2a4d1820000000")
_PACKED: dict[str, Callable[[bytes], bytes]] = {".zst": _zstd, ".br": _brotli, ".gz": _gzip}
