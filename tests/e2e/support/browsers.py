"""The browsers that the tests drive: Playwright's own, or else the installed ones."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.e2e.support.reports import Reports
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.webkit import mini_browser, webkit

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
"""Turns off Chromium's updates and other requests of its own."""

SYSTEM = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "firefox": ("firefox-esr", "firefox"),
}
MAC = {
    "chromium": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "firefox": ("/Applications/Firefox.app/Contents/MacOS/firefox",),
}


def chromium_flags() -> list[str]:
    """Return what each Chromium is started with."""
    if sys.platform == "linux" and os.geteuid() == 0:
        return [*QUIET, "--no-sandbox"]  # Chromium's sandbox does not work for root
    return QUIET


@contextmanager
def driver() -> Iterator[Playwright]:
    """Start Playwright's driver, and end it."""
    # What it asks Firefox about a frame that has just gone is refused ("Browsing Context not
    # found"). Nobody waits for that answer; without this option, Node would end the driver for it.
    before = os.environ.get("NODE_OPTIONS")
    os.environ["NODE_OPTIONS"] = f"{before or ''} --unhandled-rejections=warn"
    try:
        started = sync_playwright().start()
    finally:
        del os.environ["NODE_OPTIONS"]
        if before is not None:
            os.environ["NODE_OPTIONS"] = before
    try:
        yield started
    finally:
        started.stop()


def system_browser(engine: str) -> str | None:
    """Return the path of an installed browser, or None."""
    for name in SYSTEM.get(engine, ()):
        if found := shutil.which(name):
            return found
    return next((path for path in MAC.get(engine, ()) if Path(path).exists()), None)


def playwright_browser(playwright: Playwright, engine: str) -> str | None:
    """Return the path of the browser that Playwright has downloaded, or None."""
    path = getattr(playwright, engine).executable_path
    return path if path and Path(path).exists() else None


def is_playwrights(playwright: Playwright, engine: str) -> bool:
    """Whether the tests drive a build of Playwright's own, not one as its makers publish it."""
    if engine == "webkit":
        return not mini_browser()
    return not _named(engine) and playwright_browser(playwright, engine) is not None


def _named(engine: str) -> str | None:
    """SSO_BUS_CHROMIUM or SSO_BUS_FIREFOX in the environment names a browser to use."""
    return os.environ.get(f"SSO_BUS_{engine.upper()}")


def executable(playwright: Playwright, engine: str) -> str:
    """Return the path of the browser to use. Raises LookupError if there is none."""
    own = playwright_browser(playwright, engine)
    path = _named(engine) or own or system_browser(engine)
    if path is None:
        raise LookupError(f"no {engine} here; `make browsers` installs one")
    return path


def _options(playwright: Playwright, engine: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return how to start a browser. Raises LookupError if there is none."""
    path = executable(playwright, engine)
    if engine == "chromium":
        options["args"] = [*chromium_flags(), *options.get("args", [])]
    elif path != playwright_browser(playwright, engine):
        # A Firefox as its makers publish it, not Playwright's patched one.
        options["channel"] = "moz-firefox"
    return options | {"executable_path": path}


@contextmanager
def launch(playwright: Playwright, engine: str, **options: Any) -> Iterator[Browser]:
    """Start a browser with an empty profile. Raises LookupError if there is none."""
    browser = getattr(playwright, engine).launch(**_options(playwright, engine, options))
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def profile(
    playwright: Playwright, engine: str, folder: str, **options: Any
) -> Iterator[BrowserContext]:
    """Start a browser with a profile in a folder. Raises LookupError if there is none."""
    context = getattr(playwright, engine).launch_persistent_context(
        folder, **_options(playwright, engine, options)
    )
    try:
        yield context
    finally:
        context.close()


@contextmanager
def tabs(playwright: Playwright, engine: str, reports: Reports, **options: Any) -> Iterator[Opener]:
    """Start a browser; yields what opens a tab in it. Raises LookupError if there is none."""
    if engine == "webkit" and mini_browser():
        with webkit(reports) as browser:
            yield cast("Opener", browser.open)  # its tabs act as the others do
    else:
        with launch(playwright, engine, **options) as browser:
            kept: list[BrowserContext] = []
            yield partial(Tab, browser, kept)
