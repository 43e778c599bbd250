"""The results, as a table for people and an exit status for scripts."""

import textwrap
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Level = Literal["ok", "skipped", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""The worst is last."""

_LEVEL_WIDTH: Final = 9
_LEAST_TEXT: Final = 40
"""The smallest width of the text, in characters, however narrow the terminal is."""


@dataclass(frozen=True)
class Row:
    """One result; `change` says what to do about it."""

    level: Level
    what: str
    found: str
    change: str = ""


@dataclass
class Part:
    """The rows about one party."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def add(self, level: Level, what: str, found: str, change: str = "") -> None:
        """Add a row."""
        self.rows.append(Row(level, what, found, change))


def counts(parts: list[Part]) -> Counter[Level]:
    """Return how many rows there are of each level."""
    return Counter(row.level for part in parts for row in part.rows)


def table(parts: list[Part], width: int) -> str:
    """Return the table, at most `width` characters wide where that leaves room for text.

    Much of it comes from other servers, so control characters are taken out.
    """
    names = max((len(row.what) for part in parts for row in part.rows), default=0) + 2
    lines: list[str] = []
    for part in filter(lambda part: part.rows, parts):
        lines += ["", part.title]
        for row in part.rows:
            start = f"  {row.level:<{_LEVEL_WIDTH}}{row.what:<{names}}"
            lines += _wrapped(row.found, start, width)
            if row.change:
                lines += _wrapped(f"-> {row.change}", " " * len(start), width)
    return "\n".join(map(printable, lines[1:])) + "\n"


def summary(parts: list[Part]) -> str:
    """Return one line with the number of rows of each level."""
    found, plural = counts(parts), {"error": "errors", "warning": "warnings"}
    return ", ".join(
        f"{found[level]} {plural.get(level, level) if found[level] > 1 else level}"
        for level in reversed(LEVELS)
        if found[level]
    )


def _wrapped(text: str, start: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(start) + _LEAST_TEXT),
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,  # so that an address can be copied
        break_on_hyphens=False,
    )


def printable(line: str) -> str:
    """Return a line with a question mark in place of each control character."""
    return "".join(character if character.isprintable() else "?" for character in line)
