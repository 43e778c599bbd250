"""Each fault that docs/session.md lists names tests that exist."""

import ast
import re

import pytest

from host.tools.paths import ROOT

_, FAULTS = (ROOT / "docs/session.md").read_text("utf-8").split("## What goes wrong elsewhere\n")
ROWS = [line for line in FAULTS.splitlines() if line.startswith("| ")][1:]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", FAULTS)))


def test_each_fault_names_its_tests() -> None:
    assert len(ROWS) == 12
    for row in ROWS:
        assert re.search(r"\| (`tests/[\w/]+\.py::test_\w+` ?)+\|$", row), row


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
