"""Screenshots stay the pictures that they were."""

import struct
import zlib
from itertools import cycle, islice

import pytest

from tests import png


def written(rows: list[list[tuple[int, int, int]]], kind: int, filters: list[int]) -> bytes:
    """A PNG whose rows are filtered as told, by the specification's formulas."""
    size = {2: 3, 6: 4}[kind]
    data, above = b"", bytes(len(rows[0]) * size)
    for row, how in zip(rows, filters, strict=True):
        plain = bytes(part for pixel in row for part in (*pixel, 255)[:size])
        data += bytes([how]) + bytes(
            (value - _guess(how, plain, above, n, size)) & 255 for n, value in enumerate(plain)
        )
        above = plain
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, kind, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return png.HEAD + b"".join(png._chunk(*part) for part in parts)


def _guess(how: int, plain: bytes, above: bytes, n: int, size: int) -> int:
    left = plain[n - size] if n >= size else 0
    corner = above[n - size] if n >= size else 0
    up = above[n]
    if how == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2)[how]


ROWS = [[(x * 7 % 256, y * 40, (x * y) % 256) for x in range(12)] for y in range(6)]


@pytest.mark.parametrize("kind", [2, 6])
@pytest.mark.parametrize("filters", [range(5), [0], [4, 3, 1]])
def test_the_picture_stays_the_same(kind: int, filters: list[int] | range) -> None:
    before = written(ROWS, kind, list(islice(cycle(filters), len(ROWS))))
    assert png.pixels(before) == (12, ROWS)
    assert png.pixels(png.smaller(before)) == (12, ROWS)


def test_the_rarest_colours_give_way_to_the_nearest() -> None:
    many = [[(n, n, 0), (n, n, 0)] for n in range(256)] + [[(9, 9, 1), (200, 200, 0)]]
    _, rows = png.pixels(png.smaller(written(many, 2, [0] * len(many))))
    assert rows[:-1] == many[:-1]
    assert rows[-1] == [(9, 9, 0), (200, 200, 0)]


def test_what_chromium_does_not_write_is_refused() -> None:
    deep = written(ROWS, 2, [0] * 6).replace(b"\x08\x02\0\0\0", b"\x10\x02\0\0\0")
    with pytest.raises(ValueError, match="8 bits"):
        png.pixels(deep)
