"""Which folder may import from which, and what each folder holds."""

import ast
import re
from collections.abc import Iterator

import pytest

from host.tools.paths import ROOT


def python_files(folder: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))


def imports(name: str) -> Iterator[str]:
    """Each module that a file imports or may import, as written there, with its leading dots."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            if node.module and node.module.startswith("tests"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_host_app_imports_what_is_in_one_folder_and_nothing_else() -> None:
    assert sorted(path.name for path in (ROOT / "host/client").iterdir()) == [
        "client.d.ts", "client.js", "mock.d.ts", "mock.js",
        "session.d.ts", "session.js", "signin.d.ts", "signin.js",
        "warm.d.ts", "warm.js",
    ]  # fmt: skip


@pytest.mark.parametrize("name", python_files("bus"))
def test_the_bus_imports_itself_relatively(name: str) -> None:
    """Its package is `bus` in the browser and `sso_bus.bus` in the wheel."""
    absolute = [module for module in imports(name) if module.split(".")[0] in ("bus", "host")]
    # PyScript runs main.py by itself, not as a module of the package.
    assert absolute == (["bus.browser"] if name == "bus/main.py" else [])


@pytest.mark.parametrize("name", python_files("host/server"))
def test_servers_know_the_bus_through_one_module_and_nothing_else_of_the_tree(name: str) -> None:
    found = {module for module in imports(name) if module.split(".")[0] in ("bus", "host")}
    assert bool(found) == (name == "host/server/shared.py")
    assert all(module.startswith("bus.") for module in found)


@pytest.mark.parametrize("name", python_files("tests"))
def test_no_test_imports_from_another(name: str) -> None:
    # Not from a conftest either: pytest imports it itself, by its own rules.
    tests = re.compile(r"^tests\..*\b(test_\w+|conftest)$")
    assert [module for module in imports(name) if tests.match(module)] == []


def test_what_supports_the_tests_stands_apart() -> None:
    beside = {path.name for path in (ROOT / "tests/e2e").glob("*.py")}
    assert {name for name in beside if not name.startswith("test_")} == {
        "__init__.py",
        "conftest.py",
    }
    assert not list((ROOT / "tests/e2e/support").glob("test_*.py"))
