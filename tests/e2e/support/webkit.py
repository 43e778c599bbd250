"""WebKitGTK, as Debian has it (`webkit2gtk-driver`, `xvfb`), behind the interface of `Tab`."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import Error
from selenium.common.exceptions import (
    NoSuchFrameException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver import Proxy, Remote, WebKitGTKOptions, WebKitGTKService
from selenium.webdriver.common.proxy import ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from urllib3.exceptions import ReadTimeoutError

from tests.e2e.support.reports import MARK, Reports
from tests.e2e.support.tab import LIMIT, LOADED, unexpected

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/60.5 Safari/605.1.15"
)
"""As it calls itself when it is not told otherwise."""

MOST_USES = 20
"""How many tabs one browser serves, one after the other, before a new browser replaces it."""

SECONDS = 30
"""How long a tab waits for a line, and for its browser: as long as Playwright does."""

STARTS = 3
"""So often a browser is started before that is given up."""

CALL = """
const done = arguments[1];
(async () => JSON.stringify({ value: await (%s)(...JSON.parse(arguments[0])) }))()
    .catch((error) => JSON.stringify({ error: `${error}\\n${error?.stack}` }))
    .then(done);
"""


def mini_browser() -> str | None:
    """Return the path of the browser that the driver drives, if all that it needs is here."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb")):
        return None
    return next((str(path) for path in Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")), None)


class WebKitTab:
    """A separate browser, so with its own profile; acts like `Tab`.

    One without options is left to the next tab when it is closed, with what it had cached.
    """

    def __init__(
        self,
        reports: Reports,
        tab: str,
        env: dict[str, str],
        kept: "list[WebKitTab]",
        *,
        fresh: bool = False,
        ignore_https_errors: bool = False,
    ) -> None:
        self._reports = reports
        self._tab = tab
        self._kept = None if fresh or ignore_https_errors else kept
        self._uses = 0
        self._expected: list[str] = []
        options = WebKitGTKOptions()
        options.binary_location = mini_browser() or ""
        options.accept_insecure_certs = ignore_https_errors
        options.add_argument("--automation")
        options.add_argument("--javascript-can-open-windows-automatically=true")
        options.add_argument(f"--user-agent={AGENT} {MARK}/{tab}")
        self._service, self._driver = _started(options, env)
        self._window = self._driver.current_window_handle
        self.begin()

    def begin(self) -> None:
        """Begin a test: nothing has been said yet."""
        self._uses += 1
        self._expected = []
        self.lines.clear()
        self.errors.clear()
        self.allow(LIMIT)

    @property
    def lines(self) -> list[str]:
        return self._reports.of(self._tab).lines

    @property
    def errors(self) -> list[str]:
        return self._reports.of(self._tab).errors

    def beside(self) -> "WebKitTab":
        """Open another tab of the same window, behind this one; it ends with this one."""
        other = copy(self)
        other.move_to_a_new_tab()
        return other

    def goto(self, url: str) -> "WebKitTab":
        """Open a page of the tests and wait for its script."""
        self._driver.switch_to.window(self._window)
        self._driver.get(url)
        self.run(LOADED)  # the driver comes back before the page's modules have run
        return self

    def run(self, script: str, *args: Any) -> Any:
        """Call a JavaScript function in the page; returns what its promise resolves to."""
        self._driver.switch_to.window(self._window)
        self._driver.switch_to.default_content()
        return self._call(script, *args)

    def run_in(self, url: str, script: str, *args: Any) -> Any:
        """Call a JavaScript function in the frame whose address starts with `url`."""
        self._driver.switch_to.window(self._window)
        for address in self._frames():
            if address.startswith(url):
                return self._call(script, *args)
        raise LookupError(f"no frame shows {url}")

    def move_to_a_new_tab(self) -> None:
        """Act in a new tab of the same window from now on; the browser keeps it behind the first."""
        self._driver.switch_to.new_window("tab")
        self._window = self._driver.current_window_handle

    def back(self) -> None:
        """Go back one page, and wait until it is there; it may come from the back-forward cache."""
        self._driver.switch_to.window(self._window)
        self._driver.back()
        self.run(LOADED)

    def wait_for_line(self, text: str, after: int = 0) -> str:
        """Wait until the console has said something that holds `text`; returns that line.

        `after` is a number of lines that are not looked at, as they stood there before.
        """
        return self._reports.wait_for_line(self._tab, text, SECONDS, after)

    def expect(self, *texts: str) -> None:
        """Name errors that this test provokes: lines that hold one of these texts."""
        self._expected += texts

    def allow(self, milliseconds: int) -> None:
        """Give the functions of a long test more time than LIMIT."""
        self._driver.set_script_timeout(milliseconds / 1000)

    def close(self) -> list[str]:
        """Close the tab; returns what went wrong in it unexpectedly."""
        try:
            self._hear_all()
        except (WebDriverException, Error) as error:
            self.errors.append(f"the pages no longer answer: {error}")
        wrong = unexpected(self.errors, self.lines, self._expected)
        if self._kept is not None and self._uses < MOST_USES and self._cleared():
            self._kept.append(self)
        else:
            self.quit()
        return wrong

    def quit(self) -> None:
        """End the browser."""
        with suppress(WebDriverException):
            self._driver.quit()
        self._service.stop()
        _kill(self._service)  # what hangs

    def _cleared(self) -> bool:
        """Leave one new window, with a session storage of its own; returns whether that went well."""
        try:
            used = self._driver.window_handles
            self.move_to_a_new_tab()
            for window in used:
                self._driver.switch_to.window(window)
                self._driver.close()
            self._driver.switch_to.window(self._window)
        except WebDriverException:
            return False
        return True

    def _call(self, script: str, *args: Any) -> Any:
        # As text, both ways: the driver itself turns an empty list into an object, for one.
        try:
            text = self._driver.execute_async_script(CALL % script, json.dumps(args))
        except TimeoutException:
            raise Error("not settled in time") from None
        got = json.loads(text)
        if "error" in got:
            raise Error(got["error"])
        return got.get("value")

    def _frames(self) -> Iterator[str]:
        """Enter the page, then each frame in it, however deep; yields the address of each."""
        paths: list[list[int]] = [[]]
        for path in paths:
            self._driver.switch_to.default_content()
            try:
                for index in path:
                    self._driver.switch_to.frame(index)
            except NoSuchFrameException:
                continue  # gone meanwhile
            inside: int = self._call("() => window.length")
            paths += [[*path, index] for index in range(inside)]
            yield self._call("() => location.href")

    def _hear_all(self) -> None:
        """Wait until all that the pages have said has arrived."""
        self.allow(10_000)
        for window in self._driver.window_handles:
            try:
                self._driver.switch_to.window(window)
                for _ in self._frames():
                    self._call("() => window[Symbol.for('reported')]?.()")
            except (WebDriverException, Error):
                if window in self._driver.window_handles:
                    raise
                # A popup that was closing when it was asked.


def _started(options: WebKitGTKOptions, env: dict[str, str]) -> tuple[WebKitGTKService, Remote]:
    """Start a browser; try again if it does not start, which has happened."""
    for _ in range(STARTS - 1):
        with suppress(ReadTimeoutError):
            return _start(options, env)
    return _start(options, env)


def _start(options: WebKitGTKOptions, env: dict[str, str]) -> tuple[WebKitGTKService, Remote]:
    # In its own process group: Ctrl-C is for the tests, which then close the tab.
    service = WebKitGTKService(env=env, popen_kw={"start_new_session": True})
    service.path = shutil.which("WebKitWebDriver") or ""
    service.start()
    direct = Proxy(raw={"proxyType": ProxyType.DIRECT})
    config = ClientConfig(service.service_url, proxy=direct, timeout=SECONDS)
    try:
        driver = Remote(RemoteConnection(client_config=config), options=options)
    except ReadTimeoutError:
        _kill(service)
        service.stop()
        raise
    config.timeout = None  # the tests have their own
    return service, driver


def _kill(service: WebKitGTKService) -> None:
    """End whatever a driver has started and left behind, and the driver."""
    with suppress(ProcessLookupError):
        os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait()


class WebKit:
    """Opens tabs on a display that nobody sees."""

    def __init__(self, reports: Reports, display: str) -> None:
        self._reports = reports
        self._numbers = count(1)
        # Nobody on a session bus is needed, and a bus would start half a desktop.
        self._env = os.environ | {"DISPLAY": display, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}

        self._kept: list[WebKitTab] = []

    def open(self, **context: bool) -> WebKitTab:
        if self._kept and not any(context.values()):
            tab = self._kept.pop()
            tab.begin()
            return tab
        number = str(next(self._numbers))
        return WebKitTab(self._reports, number, self._env, self._kept, **context)

    def close(self) -> None:
        for tab in self._kept:
            tab.quit()


@contextmanager
def display() -> Iterator[str]:
    """Start a display that nobody sees, and end it; yields its name, such as ":1"."""
    with ExitStack() as stack:
        read, write = os.pipe()
        stack.callback(os.close, read)
        command = ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"]
        server = subprocess.Popen(
            command, pass_fds=[write], stderr=subprocess.DEVNULL, start_new_session=True
        )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        os.close(write)
        number = os.read(read, 16).decode().strip()  # once it is ready; nothing if it has failed
        if not number:
            raise LookupError("Xvfb did not start")
        yield f":{number}"


@contextmanager
def webkit(reports: Reports) -> Iterator[WebKit]:
    """Start a display for the browsers, and end both."""
    with display() as name:
        browsers = WebKit(reports, name)
        try:
            yield browsers
        finally:
            browsers.close()
