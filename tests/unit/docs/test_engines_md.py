"""docs/engines.md: each difference names a test that asserts it; each mark has its reason there."""

import ast
import re

import pytest

from host.tools.paths import ROOT

TEXT = (ROOT / "docs/engines.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/e2e/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
DIFFERENCES = TEXT.split("## Known differences")[1].split("## ")[0]
FEWER = TEXT.split("## What runs in fewer engines")[1]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=str)
def test_each_test_that_is_named_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not name or name in names


def rows(text):
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def test_each_difference_is_asserted():
    assert len(rows(DIFFERENCES)) > 5
    for row in rows(DIFFERENCES):
        assert re.search(r"\| (`tests/e2e/[\w/]+\.py::test_\w+` ?)+\|$", row), row


def test_each_mark_is_explained():
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests/e2e").rglob("test_*.py")
        if "pytest.mark.engines(" in path.read_text(encoding="utf-8")
    }
    explained = {
        path
        for row in rows(FEWER)
        for path in re.findall(r"tests/e2e/[\w/]+\.py", row.split(" | ")[0])
    }
    assert marked == explained
