"""The pages that are measured: the built bus, the same bus by stock PyScript, and a floor."""

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from host.server.integrity import script_source
from host.server.policy import IMMUTABLE
from host.tools.compress import compress_folder
from host.tools.paths import ROOT
from host.tools.site import PLUGINS_OFF

READY = {"type": "BUS.READY", "payload": {}}


def find(folder: Path, name: str) -> str:
    """Return where a part of a built folder is, from its root."""
    (path,) = folder.glob(f"*/{name}")
    return path.relative_to(folder).as_posix()


def make_stock(folder: Path) -> None:
    """Turn a built bus into a page that starts as PyScript does by itself, parts and all."""
    config = {
        "interpreter": f"./{find(folder, 'pyodide.mjs')}",
        "packages": ["pydantic"],
        "packages_cache": "passthrough",
        "files": {f"./{find(folder, 'bus.zip')}": "./*"},
        "plugins": PLUGINS_OFF,
    }
    page = (folder / "index.html").read_text()
    start = page.index('data-config="') + len('data-config="')
    page = page[:start] + html.escape(json.dumps(config)) + page[page.index('"', start) :]
    _write(folder, re.sub(r'data-(parts|preload)="[^"]*"', r'data-\1=""', page))


def without_zstd(change: Callable[[Path], None] | None) -> Callable[[Path], None]:
    """Return a change that also leaves out the files packed by zstd, so that browsers get those packed by brotli."""

    def changed(folder: Path) -> None:
        if change:
            change(folder)
        for path in folder.rglob("*.zst"):
            path.unlink()

    return changed


def make_floor(folder: Path) -> None:
    """Turn a built bus into a page that fetches and compiles the same bytes, and runs nothing."""
    wasm = [find(folder, name) for name in ("pyodide.asm.wasm", "library.wasm")]
    modules = [find(folder, name) for name in ("pyodide.mjs", "pyodide.asm.mjs")]
    core = next(path for path in folder.glob("pyscript-*/core-*.js"))
    names = (
        "snapshot.bin",
        "interpreter.mjs",
        "library.mjs",
        "parts.mjs",
        "main.py",
        "early.js",
        "boot.js",
        "core.js",
    )
    plain = [find(folder, name) for name in names] + [core.relative_to(folder).as_posix()]
    script = f"""Promise.all([
  ...{json.dumps(wasm)}.map((url) => WebAssembly.compileStreaming(fetch(url))),
  ...{json.dumps(modules)}.map((url) => import(new URL(url, document.baseURI))),
  ...{json.dumps(plain)}.map((url) => fetch(url).then((response) => response.arrayBuffer())),
]).then(() => parent.postMessage({json.dumps(READY)}, document.referrer || "*"));
parent.postMessage({{ type: "BUS.LISTENING", payload: {{}} }}, "*");
"""
    (folder / "floor.js").write_text(script)
    _write(folder, '<!doctype html><title>floor</title><script src="floor.js"></script>')


def make_penpal(folder: Path) -> None:
    """A page in JavaScript that refuses through Penpal what it is asked."""
    shutil.copyfile(ROOT / "node_modules/penpal/dist/penpal.mjs", folder / "penpal.mjs")
    (folder / "child.js").write_text(
        """import { connect, WindowMessenger } from "./penpal.mjs";
connect({
  messenger: new WindowMessenger({ remoteWindow: parent, allowedOrigins: [new URL(location.hash.slice(1)).origin] }),
  methods: { ask() { throw new Error("INVALID_PAYLOAD"); } },
});
"""
    )
    _write(
        folder, '<!doctype html><title>penpal</title><script type="module" src="child.js"></script>'
    )


def make_exchanger(folder: Path, exchange_url: str) -> None:
    """A page in JavaScript that exchanges a code at a backend and answers through Penpal."""
    parts = folder / "parts-1"  # as the bus's own folders, it never changes
    parts.mkdir()
    shutil.copyfile(ROOT / "node_modules/penpal/dist/penpal.mjs", parts / "penpal.mjs")
    (parts / "child.js").write_text(
        f"""import {{ connect, WindowMessenger }} from "./penpal.mjs";
const exchange = async (asked) => {{
  const response = await fetch({json.dumps(exchange_url)}, {{
    method: "POST",
    headers: {{ "Content-Type": "application/json" }},
    body: JSON.stringify(asked),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    redirect: "error",
  }});
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}};
connect({{
  messenger: new WindowMessenger({{ remoteWindow: parent, allowedOrigins: [new URL(location.hash.slice(1)).origin] }}),
  methods: {{ exchange }},
}});
"""
    )
    _write(
        folder,
        '<!doctype html><title>exchanger</title><script type="module" src="parts-1/child.js"></script>',
    )
    headers = folder / "_headers"
    headers.write_text(
        f"{headers.read_text()}/parts-1/*\n  Cache-Control: {IMMUTABLE['Cache-Control']}\n"
    )


def make_next_release(folder: Path) -> None:
    """Turn a built bus into one with another `bus-` folder, as each change of the bus's code makes it."""
    (old,) = folder.glob("bus-*")
    new = old.with_name(f"bus-{old.name[:3:-1]}")
    old.rename(new)
    page, headers = folder / "index.html", folder / "_headers"
    before = _import_map(page)
    for path in (*folder.glob("*.html"), headers):
        path.write_text(path.read_text().replace(old.name, new.name))
    after = _import_map(page)  # which the policy names by its hash
    page.write_text(page.read_text().replace(html.escape(before), html.escape(after)))
    headers.write_text(headers.read_text().replace(before, after))
    for path in folder.glob("*.html.*"):
        path.unlink()
    compress_folder(folder, lambda _: None)


def _import_map(page: Path) -> str:
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', page.read_text())
    return script_source(text)


def _write(folder: Path, page: str) -> None:
    for path in folder.glob("index.html*"):
        path.unlink()
    (folder / "index.html").write_text(page)
    headers = folder / "_headers"
    # The floor and Penpal have no need of the bus's policy, and the stock page none that forbids it.
    text = headers.read_text()
    headers.write_text(
        "\n".join(line for line in text.splitlines() if "Content-Security" not in line) + "\n"
    )
    compress_folder(folder, lambda _: None)
