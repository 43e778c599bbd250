"""What every server of a built bus has to send."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World


def rules(folder: Path) -> dict[str, dict[str, str]]:
    """What `_headers` says, by path pattern."""
    found: dict[str, dict[str, str]] = {}
    pattern = ""
    for line in (folder / "_headers").read_text().splitlines():
        if line.startswith(" "):
            name, value = line.strip().split(": ", 1)
            found[pattern][name] = value
        else:
            pattern = line
            found[pattern] = {}
    return found


def headers_of(response: httpx.Response, names: dict[str, str]) -> dict[str, str]:
    """Those headers of a response; one that came twice would show as two values."""
    return {name: ", ".join(response.headers.get_list(name)) for name in names}


TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".py": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
    ".whl": "application/octet-stream",
    ".bin": "application/octet-stream",
}


def signs_in(base: str, open_tab: Opener, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign in through a bus that somebody else serves, started from its snapshot."""
    monkeypatch.setattr(world.backend, "bus_origin", "/".join(base.split("/")[:3]))
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", base)
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    assert not [line for line in tab.lines if "stock boot" in line]
