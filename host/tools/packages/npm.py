"""The npm package `sso-bus-client`: the modules for hosts as they are, with their types."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from host.tools.node import run_npm
from host.tools.packages.project import PROJECT
from host.tools.paths import CLIENT, ROOT

NAME: Final = "sso-bus-client"
_ENTRIES: Final = {
    ".": "client",
    "./signin": "signin",
    "./session": "session",
    "./warm": "warm",
    "./mock": "mock",
}
_README: Final = Path(__file__).parent / "npm.md"


def manifest() -> dict[str, Any]:
    """Return the package's package.json."""
    return {
        "name": NAME,
        "version": PROJECT["version"],
        "description": "Embeds the SSO bus in a web app, and signs its users in with it",
        "license": PROJECT["license"],
        **addresses(PROJECT.get("urls", {})),
        "type": "module",
        "sideEffects": False,
        # For resolvers from before there was "exports"; they find the other modules beside these.
        "main": "./client.js",
        "types": "./client.d.ts",
        "exports": {
            **{
                # Types first: the first that fits is taken.
                entry: {"types": f"./{module}.d.ts", "default": f"./{module}.js"}
                for entry, module in _ENTRIES.items()
            },
            "./package.json": "./package.json",
        },
        "files": ["*.js", "*.d.ts", "docs"],
    }


def addresses(urls: dict[str, str]) -> dict[str, str]:
    """Return the fields for the project's addresses: its `[project.urls]`, by npm's names for them."""
    fields = {"homepage": "Homepage", "repository": "Repository", "bugs": "Issues"}
    return {field: urls[name] for field, name in fields.items() if name in urls}


def pack_client(out: Path) -> Path:
    """Write the package into a folder, and return its path. The same sources give the same bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in _ENTRIES.values():
            for ending in (".js", ".d.ts"):
                shutil.copyfile(CLIENT / f"{module}{ending}", folder / f"{module}{ending}")
        (folder / "docs").mkdir()  # where `help` of an error leads to
        shutil.copyfile(ROOT / "docs/errors.md", folder / "docs/errors.md")
        shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
        shutil.copyfile(_README, folder / "README.md")
        (folder / "package.json").write_text(json.dumps(manifest(), indent=2) + "\n", "utf-8")
        run_npm("pack", "--silent", "--pack-destination", str(out.resolve()), cwd=folder)
    return out / f"{NAME}-{PROJECT['version']}.tgz"
