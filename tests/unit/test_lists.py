"""Lists that exist in two places must be equal; these tests compare them."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import bus
from bus.errors import CODES
from bus.messages import (
    REQUEST,
    SERVED,
    SERVED_WITH_PASSWORD,
    SERVED_WITH_SESSION,
    is_request_type,
)
from host.tools.paths import ROOT
from host.tools.site import PLUGINS_OFF, bus_modules

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYSCRIPT = tomllib.loads((ROOT / "pyscript.toml").read_text())


def names_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


BUS_MODULES = sorted(names_of(path) for path in (ROOT / "bus").rglob("*.py"))

# -- the modules of the bus -----------------------------------------------------------------------


def test_pyscript_gets_every_module_but_the_one_it_runs() -> None:
    files = {f"./{name}": f"./{name}" for name in BUS_MODULES if name != "bus/main.py"}
    assert PYSCRIPT["files"] == files


def test_the_build_takes_the_same_modules() -> None:
    assert [f"./{names_of(path)}" for path in bus_modules()] == list(PYSCRIPT["files"])


def test_the_same_plugins_are_off_in_both() -> None:
    assert PYSCRIPT["plugins"] == PLUGINS_OFF


def imports(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The top-level name of each module that is imported, and the node that imports it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "bus" if node.level else str(node.module).split(".")[0], node


BROWSER = {
    "js",
    "pyodide",
    "pyodide_js",
    "pyscript",
    "_pyodide",
    "_pyodide_core",
    "polyscript",
    "micropip",
}
EDGE = {"bus/browser.py", "bus/main.py"}


@pytest.mark.parametrize("name", BUS_MODULES)
def test_only_the_edge_knows_the_browser(name: str) -> None:
    found = {module for module, _ in imports(ast.parse((ROOT / name).read_text()))}
    assert bool(found & BROWSER) == (name in EDGE)
    # The rest is what ships: the standard library and pydantic.
    assert found - BROWSER <= sys.stdlib_module_names | {"bus", "pydantic", "pydantic_core"}


def test_no_module_holds_an_object_of_javascript_when_it_is_imported() -> None:
    """A memory snapshot could not hold it: `bus.browser` imports such modules in functions only."""
    tree = ast.parse((ROOT / "bus/browser.py").read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {node for function in functions for node in ast.walk(function)}
    outside = {module for module, node in imports(tree) if node not in inside}
    assert not outside & BROWSER
    # What runs on import, such as decorators and defaults, cannot use them either.
    assert any(module in BROWSER for module, _ in imports(tree))


def test_the_edge_can_be_imported_where_there_is_no_browser() -> None:
    """The build takes its snapshot of exactly this."""
    code = "import bus.browser, sys; print([name for name in ('js', 'pyodide', 'pyscript') if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == "[]"


# -- versions -------------------------------------------------------------------------------------


def pins(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line.strip()):
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def hashed(path: str) -> dict[str, str]:
    """The pins in a requirements file, each of which has a hash."""
    entries = re.sub(
        r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", (ROOT / path).read_text())
    ).splitlines()
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())
    return pins(entries)


def test_the_version_of_the_bus() -> None:
    assert PYPROJECT["project"]["version"] == bus.VERSION


def test_each_pin_of_the_project_is_exact_and_locked() -> None:
    wanted = PYPROJECT["dependency-groups"]["dev"]
    assert len(pins(wanted)) == len({re.split("[=<>~!]", one)[0] for one in wanted})
    assert pins(wanted).items() <= hashed("requirements.lock").items()
    for group in ("audit", "providers"):
        its_own = pins(PYPROJECT["dependency-groups"][group])
        assert its_own
        assert its_own.items() <= hashed(f"{group}.lock").items()


def test_a_wheel_is_built_with_what_is_locked() -> None:
    requires = PYPROJECT["build-system"]["requires"]
    assert len(pins(requires)) == len(requires)
    locked = (
        hashed("requirements.lock").items() | hashed("audit.lock").items()
    )  # pip is in the other
    assert pins(requires).items() <= locked


def test_the_wheel_takes_what_the_tests_run_on() -> None:
    tested = hashed("requirements.lock")
    ranges = [Requirement(one) for one in PYPROJECT["project"]["dependencies"]]
    assert {one.name for one in ranges} == {"pydantic", "starlette"}
    assert all(one.specifier.contains(tested[one.name]) for one in ranges)


def test_the_wheel_takes_no_version_with_a_known_vulnerability() -> None:
    holes = {"starlette": "0.49.0"}  # reads a Range header in quadratic time: CVE-2025-62727
    ranges = {one.name: one for one in map(Requirement, PYPROJECT["project"]["dependencies"])}
    for name, last in holes.items():
        assert not ranges[name].specifier.contains(last)


def test_the_browser_gets_the_versions_that_the_tests_run_on() -> None:
    shipped = hashed("host/tools/wheels.lock")
    assert "pydantic" in shipped
    assert "pydantic-core" in shipped
    assert shipped.items() <= hashed("requirements.lock").items()
    assert shipped["pydantic"] == pins(PYPROJECT["dependency-groups"]["dev"])["pydantic"]


def test_what_runs_here_is_what_is_locked() -> None:
    from importlib.metadata import version

    for name, pin in hashed("host/tools/wheels.lock").items():
        assert version(name) == pin


@pytest.mark.parametrize("folder", [ROOT, ROOT / "tests/tools"], ids=["runtime", "tools"])
def test_each_pin_of_the_runtime_is_exact_and_locked(folder: Path) -> None:
    package = json.loads((folder / "package.json").read_text())
    lock = json.loads((folder / "package-lock.json").read_text())
    assert (folder / ".npmrc").read_text() == (ROOT / ".npmrc").read_text()
    root = lock["packages"].pop("")
    for group in ("dependencies", "devDependencies"):
        assert root.get(group) == package.get(group)
        for name, version in package.get(group, {}).items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version)
            assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, entry in lock["packages"].items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", entry["integrity"]), name
        assert "resolved" not in entry, name


# -- files that are kept --------------------------------------------------------------------------


def git(*args: str, stdin: str = "") -> list[Any]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    done = subprocess.run(
        ["git", *args], cwd=ROOT, check=False, input=stdin, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.split("\0") if line]


def test_no_source_is_ignored() -> None:
    """A pattern without a slash in front ignores folders of that name everywhere."""
    sources = [
        path.as_posix()
        for top in ("bus", "host", "tests")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert git("check-ignore", "--no-index", "-z", "--stdin", stdin="\0".join(sources)) == []


def test_no_file_names_a_registry() -> None:
    """Where packages come from is for the machine to say (pip's and npm's own settings)."""
    address = re.compile(
        r"https?://[^\s/\"'`]*(pypi|npm|pythonhosted|jsdelivr|unpkg|esm\.sh|skypack|anaconda|registry|artifactory|nexus"
        r"|mirror)", re.IGNORECASE,
    )  # fmt: skip
    setting = re.compile(
        r"(--(extra-)?index-url|--find-links|--registry|^\s*registry)\s*[= ]", re.MULTILINE
    )
    files = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert "package-lock.json" in files
    for name in files:
        text = (
            (ROOT / name).read_bytes().decode("utf-8", "replace") if (ROOT / name).is_file() else ""
        )
        assert not address.search(text), name
        if not name.endswith(Path(__file__).name):
            assert not setting.search(text), name


# -- the protocol ---------------------------------------------------------------------------------


def test_error_codes() -> None:
    assert set(CODES) == {
        "INVALID_MESSAGE", "INVALID_PAYLOAD", "UNKNOWN_TYPE", "NO_SESSION", "ORIGIN_MISMATCH", "BACKEND_UNREACHABLE",
        "BACKEND_TIMEOUT", "BACKEND_ERROR", "BACKEND_INVALID", "PROVIDER_MISCONFIGURED", "ID_TOKEN_INVALID",
        "CANCELLED", "PAGE_HIDDEN", "OVERLOADED", "BOOT_FAILED", "RUNTIME_DIED", "INTERNAL",
    }  # fmt: skip
    assert len(CODES) == len(set(CODES))


def test_the_early_listener_answers_with_codes_of_the_protocol() -> None:
    """What it says of a message that cannot wait: tests/unit/test_requests_js.py."""
    early = (ROOT / "bus/early.js").read_text(encoding="utf-8")
    used = set(re.findall(r'goDown\("([A-Z_]+)"', early))
    assert used == {"BOOT_FAILED", "RUNTIME_DIED"}
    assert used < set(CODES)


def test_the_types_that_are_served_are_those_that_are_parsed() -> None:
    tags = REQUEST.json_schema()["discriminator"]["mapping"]
    types = SERVED + SERVED_WITH_SESSION + SERVED_WITH_PASSWORD
    assert sorted(tags) == sorted(types)
    assert all(is_request_type(type_) for type_ in types)
