"""The examples of hosts, as somebody has them who has installed the npm package in one."""

import json
import re
import shutil
from pathlib import Path

from host.build.node import run_npm
from host.build.runtime import ROOT
from host.packages.npm import pack_client
from tests.e2e.node_tools import run_tool


def install_example(name: str, folder: Path, **settings: str) -> Path:
    """Copy an example into a folder, install the packed client there, and set what it has to know.

    TypeScript and Vite come from the tests' own tools, so nothing is downloaded.
    """
    app = folder / name
    ignored = shutil.ignore_patterns("node_modules", "dist", "*.tgz")
    shutil.copytree(ROOT / "host/examples" / name, app, ignore=ignored)
    tarball = pack_client(app)
    package = json.loads((app / "package.json").read_text())
    del package["devDependencies"]  # npm would ask for them, even to leave them out
    (app / "package.json").write_text(json.dumps(package))
    run_npm("install", tarball.name, "--offline", "--silent", cwd=app)
    (path,) = (app / "src").glob("settings.*")
    text = path.read_text("utf-8")
    for key, value in settings.items():
        text, found = re.subn(rf'({key}: )"[^"]*"', lambda match: f'{match[1]}"{value}"', text)  # noqa: B023 - called at once
        assert found == 1, key
    path.write_text(text, "utf-8")
    return app


def build_example(app: Path) -> Path:
    """Build an app with Vite, and return the folder with what it made."""
    status, said = run_tool("node_modules/vite/bin/vite.js", "build", cwd=app)
    assert status == 0, said
    return app / "dist"
