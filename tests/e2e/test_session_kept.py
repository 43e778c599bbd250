"""What a browser keeps of a session when it ends, and somebody starts it again.

Nothing drives these browsers: Firefox's driver and WebKit's start none with a profile that lasts, and drivers
change what a browser stores for a frame of another site.
"""

from pathlib import Path

from playwright.sync_api import Playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.bench.sessions import ROUTES, session
from tests.e2e.support.hosts import Place
from tests.e2e.support.world import Server, World


def test_a_session_outlives_the_browser(
    engine: str, playwright: Playwright, place: Place, world: World, tmp_path: Path
) -> None:
    server = Server(Starlette(routes=[*ROUTES, Mount("/", world.pages)]), "localhost")
    src = place.bus(f"kept-{engine}", allowed_origins=[server.origin])
    found = []
    try:
        for user in ("ann", "bob"):
            with session(playwright, engine, server.origin, folder=tmp_path) as own:
                found.append(own.ask("meet", src, user))
    finally:
        server.stop()
    # The page's own database shows that the profile lasts.
    assert found == [[None, None], ["ann", "ann"]]
