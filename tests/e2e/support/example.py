"""The examples of hosts, as somebody has them who has installed the npm package in one."""

import json
import re
import shutil
import tarfile
from pathlib import Path

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from host.tools.node import run_npm
from host.tools.packages.npm import NAME as CLIENT
from host.tools.packages.npm import pack_client
from host.tools.paths import ROOT, RUNTIME
from tests.e2e.support.node_tools import node_tools, run_tool


def unpack_client(folder: Path) -> Path:
    """Pack the client, and unpack it in a folder; returns where its modules are."""
    with tarfile.open(pack_client(folder)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def pyscript_routes() -> list[BaseRoute]:
    """Return what a host serves that runs PyScript on MicroPython, as the examples name it."""
    return [
        Mount(f"/{part}", StaticFiles(directory=RUNTIME / part))
        for part in ("pyscript", "micropython")
    ]


def copy_example(name: str, folder: Path, **settings: str) -> None:
    """Copy an example that needs no build, with the packed client's modules; set what it has to know."""
    shutil.copytree(ROOT / "host/examples" / name, folder, dirs_exist_ok=True)
    client = unpack_client(folder.parent)
    for module in ("client.js", "session.js", "signin.js", "warm.js"):
        shutil.copyfile(client / module, folder / module)
    set_settings(folder / "settings.js", **settings)


def install_example(name: str, folder: Path, **settings: str) -> Path:
    """Copy an example into a folder, install the packed client there, and set what it has to know.

    All else that it names comes from the tests' own tools, in the same version, so nothing is
    downloaded.
    """
    app = folder / name
    ignored = shutil.ignore_patterns("node_modules", "dist", "*.tgz")
    shutil.copytree(ROOT / "host/examples" / name, app, ignore=ignored)
    tarball = pack_client(app)
    package = json.loads((app / "package.json").read_text())
    named = package["dependencies"] | package.pop("devDependencies", {})
    package["dependencies"] = {}  # npm would ask for them
    (app / "package.json").write_text(json.dumps(package))
    run_npm("install", tarball.name, "--offline", "--silent", cwd=app)
    tools = node_tools()
    pinned = json.loads((tools / "package.json").read_text())["devDependencies"]
    for other in named.keys() - {CLIENT}:
        assert pinned[other] == named[other], f"{other} is pinned in two places"
        link = app / "node_modules" / other
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tools / "node_modules" / other, target_is_directory=True)
    (path,) = (app / "src").glob("settings.*")
    set_settings(path, **settings)
    return app


def set_settings(path: Path, **settings: str) -> None:
    """Write what the example has to know into its module of settings."""
    text = path.read_text("utf-8")
    for key, value in settings.items():
        text, found = re.subn(rf'({key}: )"[^"]*"', lambda match: f'{match[1]}"{value}"', text)  # noqa: B023 - called at once
        assert found == 1, key
    path.write_text(text, "utf-8")


def build_example(app: Path) -> Path:
    """Build an app with Vite, and return the folder with what it made."""
    status, said = run_tool("node_modules/vite/bin/vite.js", "build", cwd=app)
    assert status == 0, said
    return app / "dist"
