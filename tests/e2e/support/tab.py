"""A tab of a browser, as the tests use it."""

from collections.abc import Callable
from copy import copy
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Frame,
    Page,
    WebError,
)


class Tab:
    """Acts in a page and its frames, and keeps all that the console says.

    Any uncaught error or policy violation fails the test, unless it was `expected`. The profile is
    one of `kept` that another tab has left there, with what it had cached, or a new one: always
    where it has options, or is to be `fresh`.
    """

    def __init__(
        self,
        browser: Browser,
        kept: list[BrowserContext] | None = None,
        *,
        fresh: bool = False,
        **context: Any,
    ) -> None:
        self._kept = None if context or fresh else kept
        self._context = self._kept.pop() if self._kept else browser.new_context(**context)
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._expected: list[str] = []
        self._limit = LIMIT
        self._context.on("console", self._line)
        self._context.on("weberror", self._error)
        self.page: Page = self._context.new_page()

    @classmethod
    def within(cls, context: BrowserContext) -> "Tab":
        """Open a tab in a profile that somebody else closes."""
        browser: Any = None
        return cls(browser, [context])

    def beside(self) -> "Tab":
        """Open another tab with the same profile. It ends with this tab, which also gets its console lines."""
        other = copy(self)
        other.page = self._context.new_page()
        return other

    def goto(self, url: str) -> "Tab":
        """Open a page of the tests and wait for its script."""
        self.page.goto(url)
        self.run(LOADED)
        return self

    def run(self, script: str, *args: Any) -> Any:
        """Call a JavaScript function in the page; returns what its promise resolves to.

        Raises Error if it rejects, or has not settled within LIMIT.
        """
        return self.page.evaluate(_limited(script, self._limit), list(args))

    def frame(self, url: str) -> Frame:
        """Return the frame whose address starts with `url`."""
        return next(frame for frame in self.page.frames if frame.url.startswith(url))

    def run_in(self, url: str, script: str, *args: Any) -> Any:
        """Call a JavaScript function in the frame whose address starts with `url`; as `run` does."""
        return self.frame(url).evaluate(_limited(script, self._limit), list(args))

    def back(self) -> None:
        """Go back one page, and wait until it is there; it may come from the back-forward cache."""
        # Playwright's own go_back() waits for a load event, which a page from the cache has not.
        came_from = self.page.evaluate("() => location.href")
        self.page.evaluate("() => { setTimeout(() => history.back()); }")
        while self._address() in ("", came_from):
            self.page.wait_for_timeout(50)
        self.run(LOADED)

    def _address(self) -> str:
        try:
            return str(self.page.evaluate("() => location.href"))
        except Error:  # between two pages
            return ""

    def wait_for_line(self, text: str, after: int = 0) -> str:
        """Wait until the console has said something that holds `text`; returns that line.

        `after` is a number of lines that are not looked at, as they stood there before.
        """
        if not any(text in line for line in self.lines[after:]):
            with self._context.expect_console_message(lambda message: text in message.text):
                pass
        return next(line for line in self.lines[after:] if text in line)

    def expect(self, *texts: str) -> None:
        """Name errors that this test provokes: lines that hold one of these texts."""
        self._expected += texts

    def allow(self, milliseconds: int) -> None:
        """Give the functions of a long test more time than LIMIT."""
        self._limit = milliseconds

    def close(self) -> list[str]:
        """Close the tab; returns what went wrong in it unexpectedly."""
        if self._kept is None:
            self._context.close()
        else:
            for page in self._context.pages:
                page.close()
            self._context.remove_listener("console", self._line)
            self._context.remove_listener("weberror", self._error)
            self._context.clear_cookies()  # who was signed in at a provider is so no more
            self._kept.append(self._context)
        return unexpected(self.errors, self.lines, self._expected)

    def _line(self, message: ConsoleMessage) -> None:
        self.lines.append(message.text)

    def _error(self, error: WebError) -> None:
        text = str(error.error)
        (self.lines if text.startswith(ONLY_LINES) else self.errors).append(text)


LIMIT = 90_000
"""Milliseconds that a function may take in a page. A driver waits without end, and then no test says where."""


def _limited(script: str, limit: int) -> str:
    # A signal, because some tests count a page's timers, or have them wait.
    return f"""(args) => {{
        const limit = AbortSignal.timeout({limit});
        const late = new Promise((_, reject) => {{
            limit.onabort = () => reject(new Error("not settled in time"));
        }});
        return Promise.race([({script})(...args), late]).finally(() => {{ limit.onabort = null; }});
    }}"""


def unexpected(errors: list[str], lines: list[str], expected: list[str]) -> list[str]:
    """Return the errors and policy violations that hold none of the `expected` texts."""
    wrong = errors + [line for line in lines if _is_violation(line)]
    return [line for line in wrong if not any(text in line for text in expected)]


ONLY_LINES = ("The Same Origin Policy ", "The target origin provided ")
"""Firefox's driver calls errors what others have as lines: a failed fetch, a message dropped."""

VIOLATIONS = (
    "content security policy",
    "content-security-policy",
    "this document requires 'trusted",
)
"""How browsers report what a policy forbids, Trusted Types included; in lower case."""


def _is_violation(line: str) -> bool:
    lowered = line.lower()
    return any(words in lowered for words in VIOLATIONS)


LOADED = """() => new Promise((done) =>
    window.loaded || document.readyState === "complete" ? done() : addEventListener("load", () => done()))"""
"""Waits for a page and its scripts."""

LEFT = ("Importing a module script", "Load failed", "error loading dynamically", "NetworkError")
"""What browsers say of loads that ended because the page was left; for `Tab.expect`."""

Opener = Callable[..., Tab]
