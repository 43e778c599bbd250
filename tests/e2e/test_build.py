"""`make build`: settings in, a folder out; wrong settings are named and stop it."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from host.tools.paths import ROOT
from tests.e2e.support.asking import ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

# It is the command that is tested, which knows no browser; what it builds, all others test.
pytestmark = pytest.mark.engines("chromium")


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "host.tools.build", "--config", str(config), "--out", str(out)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )


GOOD = """[bus]
allowed_origins = ["{host}"]
[bus.sso]
exchange_url = "{exchange}"
"""


def test_the_command_builds_a_bus_that_signs_in(
    tmp_path: Path, open_tab: Opener, world: World
) -> None:
    config = tmp_path / "my.toml"
    config.write_text(GOOD.format(host=world.host, exchange=world.exchange_url))
    done = build(config, tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    assert "is ready after" in done.stdout
    world.buses.folders["deep"] = tmp_path / "dist"
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", f"{world.bus_origin}/deep/")
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_a_second_build_with_other_settings_shares_all_but_the_page(tmp_path: Path) -> None:
    names = []
    for n in range(2):
        config = tmp_path / f"{n}.toml"
        config.write_text(GOOD.format(host=f"https://{n}.example", exchange="https://x.example/"))
        assert build(config, tmp_path / f"out{n}").returncode == 0
        out = tmp_path / f"out{n}"
        names.append(sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()))
    assert names[0] == names[1]  # names hold the content's hash


def test_the_list_of_parts_is_that_of_the_locks(world: World) -> None:
    world.bus()
    parts = {
        part["purl"]: {one["content"] for one in part.get("hashes", [])}
        for part in json.loads((world.buses.folders["bus"] / "sbom.cdx.json").read_text())[
            "components"
        ]
    }
    wheels = re.findall(
        r"^([\w-]+)==(\S+) --hash=sha256:(\w+)$",
        (ROOT / "host/tools/wheels.lock").read_text(),
        re.MULTILINE,
    )
    assert wheels
    npm = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    expected = {f"pkg:pypi/{name}@{version}": {hash_} for name, version, hash_ in wheels}
    for name, purl in (("pyodide", "pyodide"), ("@pyscript/core", "%40pyscript/core")):
        entry = npm[f"node_modules/{name}"]
        sha512 = b64decode(entry["integrity"].removeprefix("sha512-")).hex()
        expected[f"pkg:npm/{purl}@{entry['version']}"] = {sha512}
    lock = json.loads((ROOT / ".runtime/pyodide/pyodide-lock.json").read_text())
    expected[f"pkg:generic/cpython@{lock['info']['python']}"] = set()
    assert parts == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["{host}"]', '["https://a.example/app"]', "bus.allowed_origins[0]"),
        ('["{host}"]', '["*"]', "bus.allowed_origins[0]"),
        ('["{host}"]', '["null"]', "bus.allowed_origins[0]"),
        ('["{host}"]', '["http://a.example"]', "bus.allowed_origins[0]"),
        ('["{host}"]', "[]", "bus.allowed_origins"),
        ("[bus.sso]", "colour = 1\n[bus.sso]", "bus.colour: is not a setting"),
        ('exchange_url = "{exchange}"', "", "bus.sso.exchange_url: is missing"),
        ("[bus.sso]", "request_timeout_seconds = 121\n[bus.sso]", "bus.request_timeout_seconds"),
        ("[bus.sso]", "boot_timeout_seconds = 4\n[bus.sso]", "bus.boot_timeout_seconds"),
        ("[bus]", "[bus", "is not TOML"),
        ("[bus]", "[bus]\n[other]\n[bus]", "TOML"),
    ],
)
def test_wrong_settings_stop_the_build(tmp_path: Path, old: str, new: str, expected: str) -> None:
    config = tmp_path / "my.toml"
    text = GOOD.replace(old, new).replace("{host}", "https://a.example")
    config.write_text(text.replace("{exchange}", "https://x.example/"))
    done = build(config, tmp_path / "dist")
    assert done.returncode == 2
    assert expected in done.stderr
    assert str(config) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists()
