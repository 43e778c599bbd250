"""Breaks each rule that SECURITY.md claims, one at a time, to see that a test notices: `make mutants`."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from host.tools.paths import ROOT

LIST: Final = ROOT / "tests/mutants/list.toml"


@dataclass(frozen=True)
class Change:
    """One text in one file, and its replacement in the broken copy."""

    file: str
    before: str
    after: str

    def problem(self, root: Path = ROOT) -> str | None:
        """Return what keeps this from being made, or None: the text must be there exactly once."""
        path = root / self.file
        if not path.is_file():
            return f"{self.file} is not there"
        count = path.read_text(encoding="utf-8").count(self.before)
        return None if count == 1 else f"{self.file} holds this {count} times: {self.before}"

    def make(self, root: Path) -> None:
        """Change the file. Raises ValueError if its text is not there exactly once."""
        if problem := self.problem(root):
            raise ValueError(problem)
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.before, self.after), encoding="utf-8")


@dataclass(frozen=True)
class Mutant(Change):
    """A broken rule, the claims in SECURITY.md that it makes false, and the tests that must fail."""

    claims: tuple[str, ...] = ()
    """Each is a text that stands in the first cell of exactly one claim's row."""
    killed_by: tuple[str, ...] = ()
    """Each is `path::name`, and is named in the row of one of the claims."""
    only: str = ""
    """pytest's `-k`, where not all cases of the tests are needed."""
    with_: tuple[Change, ...] = field(default=())
    """What else is changed, where two places keep the same rule."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is changed."""
        return (Change(self.file, self.before, self.after), *self.with_)

    def __str__(self) -> str:
        before = " ".join(self.before.split())
        return f"{self.file}: {before[:70]}"


@dataclass(frozen=True)
class Mutants:
    """The content of list.toml."""

    mutants: tuple[Mutant, ...]
    unbroken: dict[str, str]
    """The claims without a mutant, and why each has none."""
    faster: tuple[Change, ...]
    """Changes of the whole copy that take no rule away and save time."""


def load(path: Path = LIST) -> Mutants:
    """Return the list. Raises TypeError for a key that is not known or missing."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Mutants(
        tuple(_mutant(**entry) for entry in data["mutant"]),
        {entry["claim"]: entry["why"] for entry in data["unbroken"]},
        tuple(Change(**entry) for entry in data["faster"]),
    )


def _mutant(
    *,
    claims: list[str],
    killed_by: list[str],
    also: list[dict[str, str]] | None = None,
    **rest: Any,
) -> Mutant:
    with_ = tuple(Change(**one) for one in also or ())
    return Mutant(claims=tuple(claims), killed_by=tuple(killed_by), with_=with_, **rest)
