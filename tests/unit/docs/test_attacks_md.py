"""Each attack in docs/attacks.md names a test that exists, and no attack is left out."""

import ast
import re
from functools import cache
from typing import cast

import pytest

from host.tools.paths import ROOT

TEXT = (ROOT / "docs/attacks.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("| case |", "|---"))
]
TEST = re.compile(r"`(tests/e2e/[\w/]+\.py)::(test_\w+)(?:\[(.+)\])?`")
SUITE = [
    "test_gate",
    "test_lifecycle",
    "test_unhelped",
    *(
        f"attacks/test_{name}"
        for name in (
            "dpop",
            "imitation",
            "nesting",
            "origins",
            "replay",
            "session",
            "types",
            "volume",
        )
    ),
]
"""The modules of which every test is an attack."""


@cache
def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@cache
def named_in(path: str) -> set[str]:
    names = {node.name for node in parsed(path).body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}


@cache
def texts_in(path: str) -> set[str]:
    """The texts in a test's module, and in the modules of support that it imports."""
    support = [
        str(node.module).replace(".", "/") + ".py"
        for node in parsed(path).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tests.e2e.support.")
    ]
    return {
        node.value
        for each in (path, *support)
        for node in ast.walk(parsed(each))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_there_are_enough() -> None:
    assert len({tuple(row) for row in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}"[:80])
def test_each_states_action_and_outcome_and_names_a_test(row: list[str]) -> None:
    case, action, outcome, test = row
    assert case
    assert action
    assert outcome
    path, name, which = cast("re.Match[str]", TEST.fullmatch(test)).groups()
    assert name in named_in(path)
    assert which is None or which in texts_in(path)


@pytest.mark.parametrize("name", SUITE)
def test_each_test_of_the_suite_is_listed(name: str) -> None:
    path = f"tests/e2e/{name}.py"
    listed = {cast("re.Match[str]", TEST.fullmatch(row[3]))[2] for row in ROWS if path in row[3]}
    assert listed == named_in(path)


def test_the_modules_of_attacks_are_the_suite() -> None:
    found = {f"attacks/{path.stem}" for path in (ROOT / "tests/e2e/attacks").glob("test_*.py")}
    assert found == {name for name in SUITE if name.startswith("attacks/")}
