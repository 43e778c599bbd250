"""What the packages hold, before they are packed."""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from host.tools.packages import npm
from host.tools.packages.project import PROJECT
from host.tools.packages.wheel import OWN, imported, modules
from host.tools.paths import CLIENT, ROOT

# -- npm ------------------------------------------------------------------------------------------


def test_the_manifest() -> None:
    manifest = npm.manifest()
    assert (manifest["type"], manifest["sideEffects"]) == ("module", False)
    assert manifest["version"] == PROJECT["version"]
    assert not {"scripts", "dependencies"} & manifest.keys()
    entries = {
        name: entry for name, entry in manifest["exports"].items() if name != "./package.json"
    }
    assert list(entries) == [".", "./signin", "./session", "./warm", "./mock"]
    assert entries["."] == {"types": manifest["types"], "default": manifest["main"]}
    for entry in entries.values():
        assert next(iter(entry)) == "types"  # the order matters
        assert all((CLIENT / path).exists() for path in entry.values())


def test_the_manifest_has_the_projects_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {name: f"https://example.com/{name}" for name in ("Homepage", "Repository", "Issues")}
    monkeypatch.setitem(PROJECT, "urls", urls | {"Changelog": "https://example.com/changes"})
    manifest = npm.manifest()
    assert manifest["homepage"] == "https://example.com/Homepage"
    assert manifest["repository"] == "https://example.com/Repository"
    assert manifest["bugs"] == "https://example.com/Issues"
    monkeypatch.delitem(PROJECT, "urls")
    assert not {"homepage", "repository", "bugs"} & npm.manifest().keys()


def test_what_the_modules_import_is_in_the_package() -> None:
    packed = {path for entry in npm.manifest()["exports"].values() if isinstance(entry, dict)
              for path in entry.values()}  # fmt: skip
    for path in packed:
        text = (CLIENT / path).read_text("utf-8")
        for name in re.findall(r'^import .* from "(.+)";$', text, re.MULTILINE):
            assert name in packed


def test_what_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run_npm(*args: str, cwd: Path) -> None:
        seen["args"] = args
        found = [path for path in cwd.rglob("*") if path.is_file()]
        seen["files"] = {
            path.relative_to(cwd).as_posix(): path.read_text("utf-8") for path in found
        }

    monkeypatch.setattr(npm, "run_npm", run_npm)
    assert npm.pack_client(tmp_path) == tmp_path / f"sso-bus-client-{PROJECT['version']}.tgz"
    assert seen["args"] == ("pack", "--silent", "--pack-destination", str(tmp_path))
    files = seen["files"]
    assert sorted(files) == [
        "LICENSE", "README.md", "client.d.ts", "client.js", "docs/errors.md", "mock.d.ts",
        "mock.js", "package.json", "session.d.ts", "session.js", "signin.d.ts", "signin.js",
        "warm.d.ts", "warm.js",
    ]  # fmt: skip
    assert files["client.js"] == (CLIENT / "client.js").read_text("utf-8")
    assert json.loads(files["package.json"]) == npm.manifest()


# -- the wheel ------------------------------------------------------------------------------------


def test_the_wheel_takes_the_trees_own_files_and_two_of_its_own() -> None:
    found = modules()
    assert {
        "asgi.py",
        "serve.py",
        "config.py",
        "bus/__init__.py",
        "bus/settings/__init__.py",
    } <= set(found)
    own = {path for path, source in found.items() if source.is_relative_to(OWN)}
    assert own == {path.name for path in OWN.glob("*.py")} == {"__init__.py", "shared.py"}
    for path, source in found.items():
        folder = OWN if path in own else ROOT if path.startswith("bus/") else ROOT / "host/server"
        assert source == folder / path
    # All that serves: nothing of host/server/ is left behind unseen.
    server = {path.name for path in (ROOT / "host/server").glob("*.py")}
    assert server == {path for path in found if "/" not in path}


def test_the_modules_of_the_wheel_import_nothing_of_the_tree() -> None:
    found = modules()
    needed = {"pydantic", "pydantic_core", "starlette"}
    for path, source in found.items():
        text = source.read_text("utf-8")
        assert set(imported(path, text)) <= set(found), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                assert top in needed or top in sys.stdlib_module_names, (path, name)


def shared(path: Path) -> tuple[dict[str, set[str]], list[str]]:
    """What a `shared.py` imports, by module, and what it gives."""
    text = path.read_text("utf-8")
    found = {
        str(node.module): {alias.name for alias in node.names}
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
    }
    return found, re.findall(r"^__all__ = .*$", text, re.MULTILINE)


def test_the_wheel_shares_with_the_bus_what_the_tree_does() -> None:
    ours, theirs = shared(ROOT / "host/server/shared.py"), shared(OWN / "shared.py")
    assert ours == theirs
    assert ours[0]


@pytest.mark.parametrize(
    "line",
    ["import bus.urls", "import host", "def f():\n    from bus import VERSION",
     "from host.server.serve import BusFiles"],
)  # fmt: skip
def test_imports_that_hold_in_the_tree_only_stop_the_build(line: str) -> None:
    with pytest.raises(ValueError, match=r"page\.py: import (bus|host)"):
        list(imported("page.py", line))


def test_what_a_relative_import_needs() -> None:
    lines = (
        "import re\nimport hostile\nfrom busy import x\nfrom ..urls import y\nfrom . import types"
    )
    assert set(imported("bus/settings/oidc.py", lines)) == {
        "bus/__init__.py",
        "bus/urls.py",
        "bus/settings/__init__.py",
        "bus/settings/types.py",
    }
