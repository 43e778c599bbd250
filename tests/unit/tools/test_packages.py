"""What the packages hold, before they are packed."""

import ast
import json
import re
import sys

import pytest

from host.build.runtime import ROOT
from host.packages import npm
from host.packages.project import PROJECT
from host.packages.wheel import imported, modules

# -- npm ------------------------------------------------------------------------------------------


def test_the_manifest():
    manifest = npm.manifest()
    assert (manifest["type"], manifest["sideEffects"]) == ("module", False)
    assert manifest["version"] == PROJECT["version"]
    assert not {"scripts", "dependencies"} & manifest.keys()
    entries = {
        name: entry for name, entry in manifest["exports"].items() if name != "./package.json"
    }
    assert list(entries) == [".", "./signin"]
    for entry in entries.values():
        assert next(iter(entry)) == "types"  # the order matters
        assert all((ROOT / "host" / path).exists() for path in entry.values())


def test_what_the_modules_import_is_in_the_package():
    packed = {path for entry in npm.manifest()["exports"].values() if isinstance(entry, dict)
              for path in entry.values()}  # fmt: skip
    for path in packed:
        text = (ROOT / "host" / path).read_text("utf-8")
        for name in re.findall(r'^import .* from "(.+)";$', text, re.MULTILINE):
            assert name in packed


def test_what_is_packed(tmp_path, monkeypatch):
    seen = {}

    def run_npm(*args, cwd):
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
        "LICENSE", "README.md", "client.d.ts", "client.js", "docs/errors.md", "package.json",
        "signin.d.ts", "signin.js",
    ]  # fmt: skip
    assert files["client.js"] == (ROOT / "host/client.js").read_text("utf-8")
    assert json.loads(files["package.json"]) == npm.manifest()


# -- the wheel ------------------------------------------------------------------------------------


def test_the_modules_of_the_wheel_import_nothing_of_the_tree():
    made = modules()
    assert {"__init__.py", "serve.py", "config.py", "bus/__init__.py", "bus/settings.py"} <= set(
        made
    )
    paths = {f"sso_bus.{path[:-3].replace('/', '.')}".removesuffix(".__init__") for path in made}
    needed = {"pydantic", "pydantic_core", "starlette", "sso_bus"}
    for path, text in made.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                assert top in needed or top in sys.stdlib_module_names, (path, name)
                assert top != "sso_bus" or name in paths, (path, name)


def test_the_modules_of_the_wheel_differ_in_their_imports_alone():
    text = modules()["bus/settings.py"]
    source = (ROOT / "bus/settings.py").read_text("utf-8")
    assert text != source
    assert text.replace("from sso_bus.bus", "from bus") == source


@pytest.mark.parametrize(
    "line",
    ["import bus.urls", "import host", "def f():\n    from bus import VERSION", "from . import urls",
     "from .urls import is_loopback"],
)  # fmt: skip
def test_imports_that_would_be_missed_stop_the_build(line):
    with pytest.raises(ValueError, match="at the start of a line"):
        list(imported(line))


def test_imports_of_others_are_left_alone():
    assert list(
        imported("import re\nimport hostile\nfrom busy import x\nfrom bus.urls import y")
    ) == ["bus.urls"]
