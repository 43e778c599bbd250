"""Which engines the end-to-end tests run in: the named ones, all in CI, or else those that are installed."""

from pathlib import Path

import pytest

from host.tools.paths import ROOT
from tests.e2e.support import engines


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSO_BUS_ENGINES", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(engines, "FOUND", tmp_path / "engines")


def test_chromium_always_and_what_was_found() -> None:
    assert engines.required() == ["chromium"]
    assert engines.optional() == ["firefox", "webkit"]
    assert engines.chosen() == ["chromium"]
    engines.keep("firefox", there=True)
    engines.keep("webkit", there=False)
    assert engines.chosen() == ["chromium", "firefox"]
    assert [engines.found(engine) for engine in engines.optional()] == [True, False]


def test_ci_has_all_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert engines.required() == engines.chosen() == ["chromium", "firefox", "webkit"]
    assert engines.optional() == []


@pytest.mark.parametrize("ci", ["true", ""])
def test_those_that_are_named_and_no_others(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("SSO_BUS_ENGINES", "webkit chromium")
    engines.keep("firefox", there=True)
    assert engines.chosen() == engines.required() == ["webkit", "chromium"]
    assert engines.optional() == []


def test_all_run_in_chromium_and_the_core_in_the_others_unless_they_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engines.runs("chromium", "test_demo")
    assert engines.runs("webkit", "test_gate")
    assert not engines.runs("webkit", "test_demo")
    monkeypatch.setenv("SSO_BUS_ENGINES", "webkit")
    assert engines.runs("webkit", "test_demo")


def test_the_core_is_there() -> None:
    folder = ROOT / "tests/e2e"
    assert all((folder / f"{module.replace('.', '/')}.py").exists() for module in engines.CORE)
