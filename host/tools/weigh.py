"""`python -m host.tools.weigh`: counts what is in the snapshot, by kind and by module.

Each kind's compressed size is that of its bytes alone, so their sum is a little more than the file's.
"""

import json
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from host.tools.runtime import ensure_runtime
from host.tools.snapshot import run_make

_KEYS = {"dict": ("tables of dictionaries", (24, 28)), "list": ("items of lists", (12,)),
         "set": ("tables of sets", (20,)), "frozenset": ("tables of sets", (20,)),
         "str": ("strings, as UTF-8", (24,))}  # fmt: skip
"""Where objects keep pointers to more memory of theirs: CPython 3.14, 32 bits."""


@dataclass(frozen=True)
class Weight:
    """One line of the table."""

    what: str
    blocks: int
    bytes: int
    not_zero: int
    packed: int


class Image:
    """A snapshot's memory, and what each block that malloc() gave out is used for."""

    def __init__(
        self, memory: bytes, objects: list[tuple[int, str, str]], chunks: list[tuple[int, int]]
    ) -> None:
        """`objects`: address, kind and module. `chunks`: address and size of each block in use."""
        self.memory = memory
        self.chunks = sorted(chunks)
        self._starts = [at for at, _ in self.chunks]
        self.kinds: dict[int, tuple[str, str]] = {}
        for address, kind, module in objects:
            self._own(address, kind, module)
        for address, kind, module in objects:
            label, offsets = _KEYS.get(kind, ("", ()))
            for offset in offsets:
                self._own(self._word(address + offset), label, module)
        for _ in range(2):
            self._follow()

    def weights(self, by: int) -> list[Weight]:
        """Return what each kind (0) or module (1) weighs, the heaviest first."""
        parts: dict[str, list[bytes]] = defaultdict(list)
        for at, size in self.chunks:
            name = self.kinds.get(at, ("not of Python", "not of Python"))[by]
            parts[name or "of no module"].append(self.memory[at + 4 : at + size + 4])
        pack = zstandard.ZstdCompressor(level=12).compress
        made = []
        for what, some in parts.items():
            data = b"".join(some)
            made.append(
                Weight(what, len(some), len(data), len(data) - data.count(0), len(pack(data)))
            )
        return sorted(made, key=lambda one: -one.packed)

    def _word(self, at: int) -> int:
        return int.from_bytes(self.memory[at : at + 4], "little")

    def _chunk(self, address: int) -> tuple[int, int] | None:
        found = bisect_right(self._starts, address) - 1
        if found < 0 or address >= sum(self.chunks[found]):
            return None
        return self.chunks[found]

    def _own(self, address: int, kind: str, module: str) -> None:
        if chunk := self._chunk(address):
            self.kinds.setdefault(chunk[0], (kind, module))

    def _follow(self) -> None:
        """What else an object points to is its own, if nothing is known about it."""
        for at, (kind, module) in list(self.kinds.items()):
            size = self.chunks[bisect_right(self._starts, at) - 1][1]
            for address in _pointers(self.memory[at + 8 : at + size]):
                chunk = self._chunk(address)
                if chunk and chunk[0] + 8 == address and chunk[0] not in self.kinds:
                    self.kinds[chunk[0]] = (f"of a {kind.removeprefix('of a ')}", module)


def _pointers(data: bytes) -> Iterator[int]:
    return (word for word in memoryview(data[: len(data) & ~3]).cast("I") if word and not word & 7)


def table(weights: list[Weight], most: int) -> str:
    """Return a table in Markdown; what is not among the `most` heaviest is one line."""
    rest = weights[most:]
    lines = weights[:most]
    if rest:
        sums = [
            sum(getattr(one, name) for one in rest)
            for name in ("blocks", "bytes", "not_zero", "packed")
        ]
        lines = [*lines, Weight(f"{len(rest)} others", *sums)]
    head = "| what | blocks | bytes | not zero | packed |\n|---|--:|--:|--:|--:|\n"
    return head + "".join(
        f"| {one.what} | {one.blocks:,} | {one.bytes:,} | {one.not_zero:,} | {one.packed:,} |\n"
        for one in lines
    )


def main() -> int:
    """Make the snapshot once more, and print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        try:
            run_make(ensure_runtime(print), made, count=made / "count.json")
        except subprocess.CalledProcessError as error:
            print(f"weigh: {error}", file=sys.stderr)
            return 2
        meta = json.loads((made / "meta.json").read_text())
        count = json.loads((made / "count.json").read_text())
        data = (made / "snapshot.bin").read_bytes()
    memory = bytearray(meta["memory"])
    at = meta["headerBytes"]
    for offset, length in meta["runs"]:
        memory[offset : offset + length] = data[at : at + length]
        at += length
    image = Image(bytes(memory), count["objects"], count["chunks"])
    print(table(image.weights(0), 30))
    print(table(image.weights(1), 40))
    return 0


if __name__ == "__main__":
    sys.exit(main())
