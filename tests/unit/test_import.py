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
const { BusError, embed } = await import(process.argv[1]);
const { finishSignIn } = await import(process.argv[2]);
const { openSession } = await import(process.argv[3]);
const { warm } = await import(process.argv[4]);
const src = "https://bus.example.com/";
const thrown = (call) => { try { call({ src }); } catch (error) { return String(error); } };
const { help } = new BusError("TIMEOUT", "");
console.log(JSON.stringify([here, [typeof finishSignIn, typeof openSession], help, thrown(embed), thrown(warm)]));
"""


@pytest.mark.parametrize("navigator", NAVIGATORS.values(), ids=NAVIGATORS.keys())
def test_importing_the_modules_in_node(tmp_path: Path, navigator: str) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    names = ("client.js", "signin.js", "session.js", "warm.js")
    for name in names:
        (tmp_path / name).write_bytes((ROOT / "host/client" / name).read_bytes())
    modules = [(tmp_path / name).as_uri() for name in names]
    script = navigator + IMPORTED
    node = start_node("--input-type=module", "--eval", script, *modules, cwd=tmp_path)
    out, _ = node.communicate(timeout=60)  # it ends by itself: nothing is left running
    assert node.returncode == 0
    here, functions, help_, *thrown = json.loads(out)
    assert here == []
    assert functions == ["function", "function"]
    assert help_ == ""  # no bus has been embedded, so no page is known that could help
    assert len(thrown) == 2
    for said in thrown:
        assert said.startswith("TypeError: ")
        assert "in a browser" in said
