"""The claims in SECURITY.md, and the tests that they name."""

import re

from host.tools.paths import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def tables():
    """The rows of each table, its head first, as lists of cells."""
    for block in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()
        ]
        yield [rows[0], *rows[2:]]


CLAIMS = [row for head, *rows in tables() if head[-1].strip(" |") == "proved by" for row in rows]
