"""One world and one browser for the run; a tab for each module, or for each test that asks."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.browsers import launch
from tests.e2e.tab import Opener, Tab
from tests.e2e.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("buses"))
    yield world
    world.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session", params=["chromium"])
def browser(playwright: Playwright, request: pytest.FixtureRequest) -> Iterator[Browser]:
    with launch(playwright, request.param) as browser:
        yield browser


def _opener(browser: Browser) -> Iterator[Opener]:
    tabs: list[Tab] = []

    def open_tab(**context: Any) -> Tab:
        tabs.append(Tab(browser, **context))
        return tabs[-1]

    yield open_tab
    wrong = [line for tab in tabs for line in tab.close()]
    assert not wrong, "errors that the pages did not expect:\n" + "\n".join(wrong)


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Opener]:
    """Opens tabs, each with a profile of its own; an error in one fails the test."""
    yield from _opener(browser)


@pytest.fixture(scope="module")
def open_module_tab(browser: Browser) -> Iterator[Opener]:
    yield from _opener(browser)


@pytest.fixture(scope="module")
def embedded(open_module_tab: Opener, world: World) -> Tab:
    """A host page that has embedded a bus with the embed module; one boot for the module."""
    tab = open_module_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    return tab
