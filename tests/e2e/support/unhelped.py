"""What drivers switch off in browsers so that tests run smoothly, switched on again.

Playwright turns off the back-forward cache, the throttling of hidden tabs, and the partitioning of
third-party storage. WebKitGTK's driver leaves all that as users have it. Tests that need one of
these first assert that it is so.

Playwright's own builds of Firefox and WebKit have more of it built in, which no switch undoes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import pytest
from playwright.sync_api import Browser, Playwright

from tests.e2e.support.browsers import is_playwrights, launch, tabs
from tests.e2e.support.reports import Reports
from tests.e2e.support.tab import LOADED, Tab
from tests.e2e.support.webkit import WebKitTab

BACK_FORWARD_CACHE: dict[str, dict[str, Any]] = {
    "chromium": {"ignore_default_args": ["--disable-back-forward-cache"]},
    "firefox": {
        "firefox_user_prefs": {
            "fission.bfcacheInParent": True,
            "browser.sessionhistory.max_total_viewers": -1,
        }
    },
    "webkit": {},
}
TIMERS: dict[str, dict[str, Any]] = {
    "chromium": {
        "ignore_default_args": [
            "--disable-background-timer-throttling",
            "--disable-backgrounding-occluded-windows",
            "--disable-renderer-backgrounding",
        ]
    },
    "firefox": {
        "firefox_user_prefs": {
            "dom.min_background_timeout_value": 1000,
            "dom.min_background_timeout_value_without_budget_throttling": 1000,
            "dom.timeout.enable_budget_timer_throttling": True,
        }
    },
    "webkit": {},
}


def skip_if_built_in(playwright: Playwright, engine: str) -> None:
    """Skip a test that no switch of a browser makes possible."""
    if engine != "chromium" and is_playwrights(playwright, engine):
        pytest.skip(f"Playwright's own build of {engine} is always in sight, and keeps no pages")


def partitioning(playwright: Playwright, engine: str) -> dict[str, Any]:
    """Return what to start a browser with so that third-party storage is as users have it."""
    if engine != "chromium":
        return {}
    with launch(playwright, engine) as browser:
        # One argument names all features that are off: take it away, and give it back without.
        session = browser.new_browser_cdp_session()
        command = session.send("Browser.getBrowserCommandLine")["arguments"]
    (off,) = (part for part in command if "ThirdPartyStoragePartitioning" in part)
    return {
        "ignore_default_args": [off],
        "args": [off.replace("ThirdPartyStoragePartitioning,", "")],
    }


def merged(*options: dict[str, Any]) -> dict[str, Any]:
    """Return what to start a browser with so that all of these hold."""
    found: dict[str, Any] = {}
    for key, value in [pair for each in options for pair in each.items()]:
        found[key] = value if key not in found else found[key] + value
    return found


class Hideable(Protocol):
    """A host page in a tab that can be hidden behind another."""

    def run(self, script: str, *args: Any) -> Any: ...

    def hide(self) -> None: ...


@contextmanager
def hideable(playwright: Playwright, engine: str, reports: Reports, url: str) -> Iterator[Hideable]:
    """Open a page in a tab that can be hidden, in a browser that then throttles its timers."""
    if engine == "chromium":
        with launch(playwright, engine, **TIMERS[engine]) as browser:
            yield Unwatched(browser, url)
        return
    with tabs(playwright, engine, reports, **TIMERS[engine]) as open_tab:
        tab = open_tab()
        kind = BehindAPopup if isinstance(cast("object", tab), Tab) else InTheBackground
        yield kind(cast("Any", tab), url)
        assert tab.close() == []


class BehindAPopup:
    """Firefox opens a popup as a tab, in front of the one that opened it."""

    def __init__(self, tab: Tab, url: str) -> None:
        self._tab = tab.goto(url)
        self.run = tab.run

    def hide(self) -> None:
        with self._tab.page.expect_popup() as popup:
            self.run("() => { open('about:blank'); }")
        popup.value.bring_to_front()


class InTheBackground:
    """WebKitGTK opens a new tab behind the current one, and never shows it."""

    def __init__(self, tab: WebKitTab, url: str) -> None:
        self.run = tab.run
        tab.move_to_a_new_tab()
        tab.goto(url)

    def hide(self) -> None:
        """Nothing is left to do."""


class Unwatched:
    """A tab of Chromium that Playwright does not know, as it keeps those that it knows awake."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._session = browser.new_browser_cdp_session()
        self._session.on("Target.receivedMessageFromTarget", self._keep)
        self._answers: dict[int, Any] = {}
        target = self._session.send("Target.createTarget", {"url": url})["targetId"]
        attached = self._session.send(
            "Target.attachToTarget", {"targetId": target, "flatten": False}
        )
        self._id = attached["sessionId"]
        while self._address() != url:
            pass  # about:blank, until the page is there
        self.run(LOADED)

    def _address(self) -> str:
        try:
            return str(self.run("() => location.href"))
        except LookupError:  # between two pages
            return ""

    def hide(self) -> None:
        self._session.send("Target.createTarget", {"url": "about:blank"})

    def run(self, script: str, *args: Any) -> Any:
        """Call a JavaScript function in the page; returns what its promise resolves to.

        Raises LookupError if the page is left meanwhile.
        """
        number = len(self._answers) + 1
        call = (
            f"(async () => JSON.stringify({{ value: await ({script})(...{json.dumps(args)}) }}))()"
        )
        params = {"expression": call, "awaitPromise": True}
        message = {"id": number, "method": "Runtime.evaluate", "params": params}
        self._session.send(
            "Target.sendMessageToTarget", {"sessionId": self._id, "message": json.dumps(message)}
        )
        while number not in self._answers:
            self._session.send("Target.getTargets")  # events arrive meanwhile
        result = self._answers[number]["result"]
        assert "exceptionDetails" not in result, result
        return json.loads(result["result"]["value"]).get("value")

    def _keep(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message
