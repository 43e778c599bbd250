"""The mock for tests of host apps behaves like the real bus: one table of scenarios is played on both."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.grants import Grants
from tests.e2e.support.scenes import Scene
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import Server, World
from tests.scenarios import ALL, OF_PROVIDERS, PROVIDERS, SCENARIOS, differences

# The bus answers alike in all engines, which other tests see to.
pytestmark = pytest.mark.engines("chromium")


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def tab(open_module_tab: Opener) -> Tab:
    return open_module_tab(fresh=True)


@pytest.fixture(scope="module")
def scene(world: World, tab: Tab) -> Iterator[Scene]:
    sessions = Sessions()
    server = Server(sessions.app, "localhost")
    at = f"{server.origin}/session"
    src = world.bus(
        f"scenarios-{server.port}",
        sso={"exchange_url": f"{at}/exchange"},
        session={"refresh_url": f"{at}/refresh", "revoke_url": f"{at}/revoke"},
        password={"sign_in_url": f"{at}/sign-in"},
    )
    scene = Scene(tab, sessions, src, f"{world.host}/pages/scenario.html")
    yield scene
    scene.begin()
    server.stop()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_built_bus_answers_as_the_table_says(name: str, scene: Scene, world: World) -> None:
    scene.begin()
    assert differences(name, scene.do, world.host) == []


@pytest.fixture(scope="module", params=OF_PROVIDERS)
def provider_scene(
    request: pytest.FixtureRequest, world: World, open_module_tab: Opener
) -> Iterator[tuple[str, Scene]]:
    grants = Grants()
    server = Server(grants.app, "localhost")
    grants.issuer = server.origin
    grants.gives_refresh_tokens = "refresh_token" not in PROVIDERS[request.param][1]
    src = world.bus(
        f"scenarios-{server.port}",
        sso=grants.sso | PROVIDERS[request.param][1],
        session={},
    )
    tab = open_module_tab(fresh=True)
    scene = Scene(tab, grants, src, f"{world.host}/pages/scenario.html")
    yield request.param, scene
    scene.begin()
    tab.close()
    server.stop()


def test_a_built_bus_at_a_provider_answers_as_the_table_says(
    provider_scene: tuple[str, Scene], world: World
) -> None:
    kind, scene = provider_scene
    for name in OF_PROVIDERS[kind]:
        scene.begin()
        assert differences(name, scene.do, world.host) == []


def test_the_mock_answers_alike_in_a_page(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(f"{world.host}/pages/scenario.html")
    found = []
    for name, (options, _) in ALL.items():
        tab.run("(options) => playMock(options)", options)  # it knows the page's origin
        found += differences(
            name, lambda step: tab.run("(step) => mocked.do(step)", step), world.host
        )
    assert found == []
