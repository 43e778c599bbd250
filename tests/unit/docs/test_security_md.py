"""Each claim in SECURITY.md names tests that prove it, and they exist."""

import ast
import re

import pytest

from host.tools.paths import ROOT
from tests.unit.docs.claims import CLAIMS, TEST, TEXT, tables

NAMED = sorted(set(TEST.findall(TEXT)))


def test_there_are_claims() -> None:
    assert len(CLAIMS) > 40
    assert len(list(tables())) == 6


@pytest.mark.parametrize("row", CLAIMS, ids=lambda row: row[0][:40])
def test_each_claim_names_tests_and_nothing_else_as_proof(row: list[str]) -> None:
    assert len(row) == 3
    assert re.fullmatch(rf"({TEST.pattern} ?)+", row[-1].strip(" |"))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part)
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name.startswith("test_")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()
