"""Importing the host's modules is harmless anywhere: where pages are rendered on a server, above all."""

import json
from pathlib import Path

import pytest

from host.tools.node import start_node
from host.tools.paths import ROOT

NAVIGATORS = {
    "none": "delete globalThis.navigator;",
    "empty": 'Object.defineProperty(globalThis, "navigator", { value: {} });',
    "Node's": "",
}
IMPORTED = """
const here = Object.keys(globalThis).filter((name) => /^(document|window|self)$/.test(name));
const { embed } = await import(process.argv[1]);
const { finishSignIn } = await import(process.argv[2]);
const embedded = (() => { try { embed({ src: "https://bus.example.com/" }); } catch (error) { return String(error); } })();
console.log(JSON.stringify([here, typeof finishSignIn, embedded]));
"""


@pytest.mark.parametrize("navigator", NAVIGATORS.values(), ids=NAVIGATORS.keys())
def test_importing_both_modules_in_node(tmp_path: Path, navigator: str) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in ("client.js", "signin.js"):
        (tmp_path / name).write_bytes((ROOT / "host/client" / name).read_bytes())
    modules = [(tmp_path / name).as_uri() for name in ("client.js", "signin.js")]
    script = navigator + IMPORTED
    node = start_node("--input-type=module", "--eval", script, *modules, cwd=tmp_path)
    out, _ = node.communicate(timeout=60)  # it ends by itself: nothing is left running
    assert node.returncode == 0
    here, finish, embedded = json.loads(out)
    assert here == []
    assert finish == "function"
    assert embedded.startswith("TypeError: ")
    assert "in a browser" in embedded
