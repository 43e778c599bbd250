"""What a browser keeps of a session when it ends and is started again.

Nothing drives these browsers: the drivers of Firefox and WebKit start none with a profile that lasts, and drivers
change what a browser stores for a frame of another site.
"""

from pathlib import Path

from playwright.sync_api import Playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.bench.sessions import ROUTES, session
from tests.e2e.support.hosts import Place
from tests.e2e.support.world import Server, World


def test_whether_a_session_outlives_the_browser(
    engine: str, playwright: Playwright, place: Place, world: World, tmp_path: Path
) -> None:
    """With a bus on another site than its host's, and with one on the same site."""
    server = Server(Starlette(routes=[*ROUTES, Mount("/", world.pages)]), "localhost")
    src = place.bus(f"kept-{engine}", allowed_origins=[server.origin])
    buses = [src, src.replace("127.0.0.1", "localhost")]
    known = []
    try:
        for user in ("ann", "bob"):
            with session(playwright, engine, server.origin, folder=tmp_path) as own:
                known.append(own.ask("meet", user, *buses))
    finally:
        server.stop()
    kept = None if engine == "webkit" else "ann"
    # What the page itself has stored shows that the profile lasts.
    assert known == [[None, None, None], ["ann", kept, kept]]
