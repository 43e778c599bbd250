"""A browser session for each engine, as the bench uses it: what is cached stays until its end."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from playwright.sync_api import BrowserContext, Playwright

from tests.e2e.browsers import launch, profile
from tests.e2e.webkit import WebKit, webkit
from tests.e2e.world import World

IMPORT = "import('/measure.js')"


class Session(Protocol):
    """One profile of one browser."""

    def boot(self, src: str, *, watch: bool = False) -> dict[str, float]:
        """Boot a page in an iframe of a new host page; returns its times in milliseconds."""

    def idle(self, milliseconds: int) -> float:
        """Return the longest gap in a host page's event loop when nothing goes on."""


class PlaywrightSession:
    """A context of Playwright's."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        self.context = context
        self._host = host

    def boot(self, src: str, *, watch: bool = False) -> dict[str, float]:
        """See `Session.boot`."""
        page = self.page()
        got: dict[str, float] = page.evaluate("([src, watch]) => boot(src, watch)", [src, watch])
        page.close()
        return got

    def idle(self, milliseconds: int) -> float:
        """See `Session.idle`."""
        page = self.page()
        gap: float = page.evaluate("idle", milliseconds)
        page.close()
        return gap

    def page(self) -> Any:
        """Open a host page that is at rest."""
        page = self.context.new_page()
        page.goto(self._host)
        page.evaluate(IMPORT)
        # What the page before left to do (its process ends, its code is kept) is not this one's.
        page.wait_for_timeout(500)
        return page


class WebKitSession:
    """A MiniBrowser: one tab, whose page is loaded anew for each boot."""

    def __init__(self, browser: WebKit, host: str) -> None:
        self._tab = browser.open()
        self._host = host

    def boot(self, src: str, *, watch: bool = False) -> dict[str, float]:
        """See `Session.boot`."""
        self._page()
        got: dict[str, float] = self._tab.run("(src, watch) => boot(src, watch)", src, watch)
        return got

    def idle(self, milliseconds: int) -> float:
        """See `Session.idle`."""
        self._page()
        gap: float = self._tab.run("(milliseconds) => idle(milliseconds)", milliseconds)
        return gap

    def close(self) -> None:
        """End the browser."""
        self._tab.close()

    def _page(self) -> None:
        self._tab.goto(self._host)
        self._tab.run(f"() => {IMPORT}.then(() => new Promise((done) => setTimeout(done, 500)))")


@contextmanager
def session(playwright: Playwright, engine: str, world: World) -> Iterator[Session]:
    """Start a browser with a new profile; as a person's, it keeps compiled code."""
    with ExitStack() as stack:
        if engine == "webkit":
            browser = stack.enter_context(webkit(world.reports))
            tab = WebKitSession(browser, world.page)
            stack.callback(tab.close)
            yield tab
        elif engine == "firefox":
            # Playwright's driver of a stock Firefox hangs with a profile in a folder.
            context = stack.enter_context(launch(playwright, engine)).new_context()
            yield PlaywrightSession(context, world.page)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            context = stack.enter_context(profile(playwright, engine, folder))
            yield PlaywrightSession(context, world.page)
