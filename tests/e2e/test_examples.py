"""The guides' examples: each is built as its reader would, and signs in."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from host.tools.paths import ROOT
from tests.e2e.support.example import build_example, copy_example, install_example, pyscript_routes
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import Server, World

EXAMPLES = ROOT / "host/examples"
BUILT = ["react", "vue"]
STATIC = ["plain", "pyscript"]

# The examples' own servers serve their own pages, so nothing puts the reporter
# into them that WebKit's driver needs; what they do in WebKit, tests/e2e/test_signin_helpers.py does.
pytestmark = pytest.mark.engines("chromium", "firefox")


class Example:
    """An example, served on its own origin, which its own bus allows."""

    def __init__(self, name: str, world: World) -> None:
        self.folder = world.folder / f"example {name}"
        app = Starlette(
            routes=[
                *pyscript_routes(),
                Mount("/", StaticFiles(directory=self.folder, html=True, check_dir=False)),
            ]
        )
        self.server = Server(app, "localhost")
        self.origin = self.server.origin
        self.bus = world.bus(f"{name}{self.origin[-5:]}", allowed_origins=[self.origin])


def signs_in(tab: Tab, example: Example, world: World, code: str) -> None:
    """Click through the sign-in, and see who it is."""
    page = tab.page
    if (example.folder / "welcome.html").exists():
        # Its iframe was there with the page's load event, and goes when all is read.
        page.goto(f"{example.origin}/welcome.html")
        expect(page.locator("iframe")).not_to_be_attached(timeout=60_000)
        path = urlsplit(example.bus).path
        read = [asked for asked in world.buses.asked if asked.startswith(path)]
        assert "snapshot.bin" in {asked.rsplit("/", 1)[1] for asked in read}
        assert path not in read  # the bus itself has not begun
        page.get_by_role("link").click()
    else:
        page.goto(f"{example.origin}/")
    expect(page.get_by_role("status")).to_have_text("Signed out", timeout=60_000)
    page.click("#sign-in")
    expect(page.get_by_role("status")).to_have_text("Signed in as Ada", timeout=60_000)
    assert page.url == f"{example.origin}/"
    (seen,) = world.backend.of(code)  # one exchange, however often effects run
    assert seen.body["redirectUrl"] == f"{example.origin}/"


@pytest.mark.parametrize("name", BUILT)
def test_built_with_vite(
    name: str, open_tab: Opener, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in development, where React's strict mode runs effects twice.
    monkeypatch.setenv("NODE_ENV", "development")
    code = world.backend.answers()
    example = Example(name, world)
    try:
        url = world.provider.url(code=code)
        app = install_example(name, tmp_path, bus=example.bus, authorizeUrl=url)
        shutil.copytree(build_example(app), example.folder, dirs_exist_ok=True)
        if name == "react":
            (bundle,) = example.folder.glob("assets/*.js")
            assert "StrictMode" in bundle.read_text("utf-8"), "not React's development build"
        signs_in(open_tab(), example, world, code)
    finally:
        example.server.stop()


@pytest.mark.parametrize("name", STATIC)
def test_served_as_it_is(name: str, open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    example = Example(name, world)
    try:
        url = world.provider.url(code=code)
        copy_example(name, example.folder, bus=example.bus, authorizeUrl=url)
        signs_in(open_tab(), example, world, code)
    finally:
        example.server.stop()


def test_each_example_is_tested() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    elsewhere = {
        "typescript",  # tests/e2e/test_packages.py
        "react-session",  # tests/e2e/test_session_js.py
        "vue-session",
        "plain-session",
        "pyscript-session",
    }
    assert names == {*BUILT, *STATIC, *elsewhere}
