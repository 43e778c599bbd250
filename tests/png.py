"""Makes screenshots small: a picture of a page has few colours, so a palette and one byte a pixel do.

Reads what Chromium writes (PNG, 8 bits, no interlacing) and nothing else.
"""

import struct
import zlib
from collections import Counter
from itertools import pairwise

HEAD = b"\x89PNG\r\n\x1a\n"
COLOURS = 256

Pixel = tuple[int, int, int]


def smaller(png: bytes) -> bytes:
    """Return the same picture with a palette; where it has more colours, the rarest are replaced."""
    width, rows = pixels(png)
    counts = Counter(pixel for row in rows for pixel in row)
    palette = [colour for colour, _ in counts.most_common(COLOURS)]
    index = {colour: n for n, colour in enumerate(palette)}
    for colour in counts.keys() - index.keys():
        index[colour] = min(range(len(palette)), key=lambda n: _distance(palette[n], colour))
    data = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in rows)
    return (
        HEAD
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", bytes(part for colour in palette for part in colour))
        + _chunk(b"IDAT", zlib.compress(data, 9))
        + _chunk(b"IEND", b"")
    )


def _distance(one: Pixel, other: Pixel) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixels(png: bytes) -> tuple[int, list[list[Pixel]]]:
    """Return a picture's width, and its rows of pixels; transparency is ignored."""
    chunks = dict(_chunks(png))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if (depth, interlaced) != (8, 0):
        raise ValueError("not a PNG with 8 bits and without interlacing")
    if kind == 3:
        palette = _triples(chunks[b"PLTE"], 3)
        return width, [[palette[n] for n in row] for row in _rows(chunks, width, height, 1)]
    size = {2: 3, 6: 4}[kind]
    return width, [_triples(row, size) for row in _rows(chunks, width, height, size)]


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found: dict[bytes, bytes] = {}
    at = len(HEAD)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        found[kind] = found.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    return list(found.items())


def _triples(row: bytes, size: int) -> list[Pixel]:
    return list(zip(row[0::size], row[1::size], row[2::size], strict=True))


def _rows(chunks: dict[bytes, bytes], width: int, height: int, size: int) -> list[bytes]:
    """Undo the filters (PNG specification, 9.2)."""
    data = zlib.decompress(chunks[b"IDAT"])
    length = width * size
    rows = [bytes(length)]
    for start, end in pairwise(range(0, (length + 1) * (height + 1), length + 1)):
        rows.append(_unfiltered(data[start], bytearray(data[start + 1 : end]), rows[-1], size))
    return rows[1:]


def _unfiltered(kind: int, row: bytearray, above: bytes, size: int) -> bytes:
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(row, above, strict=True))
    if kind:
        for n, value in enumerate(row):
            left, corner = (row[n - size], above[n - size]) if n >= size else (0, 0)
            up = above[n]
            guess = {1: left, 3: (left + up) >> 1}.get(kind)
            row[n] = (value + (_paeth(left, up, corner) if guess is None else guess)) & 255
    return bytes(row)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
