"""What runs on MicroPython in the page is plain Python that CPython runs as well."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

from host.demo.pages import (
    holding,
    idtoken,
    journey,
    kinds,
    meanings,
    presets,
    redact,
    timeline,
    words,
)


@pytest.mark.parametrize(
    "module", [holding, idtoken, journey, kinds, meanings, presets, redact, timeline, words]
)
def test_what_runs_on_micropython_imports_only_what_it_has(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"binascii", "json", "time"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
