"""One world and one browser for the run; a tab for each module, or for each test that asks."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import driver, tabs
from tests.e2e.support.engines import chosen, runs
from tests.e2e.support.hosts import Place
from tests.e2e.support.providers.chosen import INSTALLED
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import Server, World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("buses"))
    yield world
    world.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that needs a browser runs in each engine, or in those that its mark names."""
    if "engine" in metafunc.fixturenames:
        named = metafunc.config.getoption("--engine")
        marked = metafunc.definition.get_closest_marker("engines")
        module = metafunc.module.__name__.removeprefix("tests.e2e.")
        wanted = named or [each for each in chosen() if runs(each, module)]
        engines = [each for each in wanted if marked is None or each in marked.args]
        metafunc.parametrize("engine", engines, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a provider does is the same for each engine: one is enough for those installed later."""
    late = [each for each in items if _late(each)]
    config.hook.pytest_deselected(items=late)
    items[:] = [each for each in items if not _late(each)]


def _late(item: pytest.Item) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return params.get("party") in INSTALLED and params.get("engine") != "chromium"


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name; what differs between engines is asserted by it."""
    return str(request.param)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with driver() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """Opens tabs in one engine. Raises LookupError where it is not installed."""
    with tabs(playwright, engine, world.reports) as open_tab:
        yield open_tab


def _opener(browser: Opener, *, fresh: bool) -> Iterator[Opener]:
    tabs: list[Tab] = []

    def open_tab(**context: Any) -> Tab:
        tabs.append(browser(**{"fresh": fresh} | context))
        return tabs[-1]

    yield open_tab
    wrong = [line for tab in tabs for line in tab.close()]
    said = [line for tab in tabs for line in tab.lines] if wrong else []
    assert not wrong, "\n".join(
        ["errors that the pages did not expect:", *wrong, "all that they said:", *said]
    )


@pytest.fixture
def open_tab(browser: Opener, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens tabs, each with a profile that no other open tab has; an error in one fails the test."""
    yield from _opener(browser, fresh=request.node.get_closest_marker("fresh") is not None)


@pytest.fixture(scope="module")
def open_module_tab(browser: Opener) -> Iterator[Opener]:
    yield from _opener(browser, fresh=False)


@pytest.fixture(scope="module")
def embedded(open_module_tab: Opener, world: World) -> Tab:
    """A host page that has embedded a bus with the embed module; one boot for the module."""
    tab = open_module_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    return tab


@pytest.fixture(scope="module")
def raw(open_module_tab: Opener, world: World) -> Tab:
    """A host page that has embedded a bus by the raw protocol; one boot for the module."""
    tab = open_module_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    return tab


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[Place]:
    sessions = Sessions()
    server = Server(sessions.app, "localhost")
    yield Place(world, sessions, server.origin)
    server.stop()


@pytest.fixture
def sessions(place: Place) -> Iterator[Sessions]:
    """The backend, as good as new."""
    place.sessions.life_seconds = 900
    place.sessions.asked.clear()
    place.sessions.fails.clear()
    yield place.sessions
    place.sessions.release()
