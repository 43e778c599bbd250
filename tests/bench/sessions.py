"""Browsers as people start them, for the bench: nothing drives them.

A driver listens to all that a page fetches, and Chromium copies it for that on the page's own
thread: it made a boot half as slow again. So the page asks the bench's server what to do next.
"""

import asyncio
import json
import os
import queue
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import Playwright
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from host.server.policy import IMMUTABLE
from host.tools.paths import CLIENT, ROOT, RUNTIME
from tests.e2e.support.browsers import chromium_flags, executable
from tests.e2e.support.webkit import display, mini_browser

PAGE = ROOT / "tests/bench/page.html"
SECONDS = 180
"""How long a page may take for one errand."""

FIREFOX: dict[str, str | bool | int] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.sessionhistory.max_total_viewers": 0,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
"""Turns off Firefox's updates and other requests of its own, tabs that it would open again, and its back-forward cache."""

NEW_PROCESS = "BackForwardCache,SubframeProcessShutdownDelay,TrackEmptyRendererProcessesForReuse"
"""Features of Chromium that keep the process of a page that was left, with what it has compiled: some boots found it."""


class Session:
    """One profile of one browser, whose page does one errand after the other."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.process = 0
        """The browser's process group."""
        self.headers = headers
        self.todo: queue.Queue[tuple[str, list[Any]]] = queue.Queue()
        self.done: queue.Queue[Any] = queue.Queue()

    def ask(self, errand: str, *args: Any) -> Any:
        """Have a new page call a function of errands.js; returns what its promise resolves to.

        Raises RuntimeError if it fails, TimeoutError if no answer comes.
        """
        self.todo.put((errand, list(args)))
        try:
            got = self.done.get(timeout=SECONDS)
        except queue.Empty:
            raise TimeoutError(f"the browser did not answer to {errand}{args}") from None
        if "error" in got:
            raise RuntimeError(f"{errand}{args}: {got['error']}")
        return got["value"]

    def boot(self, src: str, *, watch: bool = False) -> dict[str, float]:
        """Boot a page in an iframe of a new host page; returns its times in milliseconds."""
        got: dict[str, float] = self.ask("boot", src, watch)
        return got

    def idle(self, milliseconds: int) -> float:
        """Return the longest gap in an idle host page's event loop."""
        gap: float = self.ask("idle", milliseconds)
        return gap


ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
"""Headers of a page whose clock ticks every 5 microseconds in Chromium, and not every 100."""

SESSIONS: dict[str, Session] = {}
_numbers = count(1)


async def _page(request: Request) -> Response:
    session = SESSIONS.get(request.path_params["name"])
    if not session:
        return Response(status_code=404)
    return FileResponse(PAGE, headers={"Cache-Control": "no-store"} | session.headers)


async def _callback(request: Request) -> Response:
    text = PAGE.with_name("callback.html").read_text("utf-8")
    page = text.replace("MODULE", request.path_params["module"])
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


async def _between(_: Request) -> Response:
    # This header gives the next page its own processes, as if it were in a new tab.
    headers = {"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin"}
    return FileResponse(PAGE.with_name("between.html"), headers=headers)


async def _next(request: Request) -> Response:
    session = SESSIONS.get(request.path_params["name"])
    while session:
        with suppress(queue.Empty):
            return JSONResponse(session.todo.get_nowait())
        if await request.is_disconnected():
            break
        await asyncio.sleep(0.02)
    return Response(status_code=404)


async def _done(request: Request) -> Response:
    SESSIONS[request.path_params["name"]].done.put(await request.json())
    return Response(status_code=204)


def _file(
    path: Path, headers: Mapping[str, str] | None = None
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(path, headers=headers, media_type="text/javascript")

    return answer


TOOLS = RUNTIME / "tools/node_modules"
"""Where `node_tools()` puts packages from npm."""


async def _oidc_client_ts(_: Request) -> Response:
    # For browsers it is published as a script. This makes a module of it.
    path = TOOLS / "oidc-client-ts/dist/browser/oidc-client-ts.min.js"
    text = f"{path.read_text('utf-8')}\nexport const {{ UserManager }} = oidc;\n"
    return Response(text, headers=IMMUTABLE, media_type="text/javascript")


_FAR = {
    "client.js": CLIENT / "client.js",
    "signin.js": CLIENT / "signin.js",
    "auth0-spa-js.js": TOOLS / "@auth0/auth0-spa-js/dist/auth0-spa-js.production.esm.js",
    "penpal.mjs": ROOT / "node_modules/penpal/dist/penpal.mjs",
    **{path.name: path for path in PAGE.parent.glob("callback_*.js")},
}
"""What the host serves as a real one does: for the browser to keep."""

ROUTES = [
    Route("/bench/{name}/", _page),
    Route("/bench/{name}/between", _between),
    Route("/bench/{name}/callback/{module}", _callback),
    Route("/bench/{name}/next", _next),
    Route("/bench/{name}/done", _done, methods=["POST"]),
    *(Route(f"/far/{name}", _file(path, IMMUTABLE)) for name, path in _FAR.items()),
    Route("/far/oidc-client-ts.js", _oidc_client_ts),
    Route("/errands.js", _file(PAGE.with_name("errands.js"))),
    Route("/penpal.mjs", _file(ROOT / "node_modules/penpal/dist/penpal.mjs")),
]
"""What the host has to serve for it."""


@contextmanager
def session(
    playwright: Playwright,
    engine: str,
    origin: str,
    headers: dict[str, str] | None = None,
    *,
    flags: Sequence[str] = (),
    folder: Path | None = None,
) -> Iterator[Session]:
    """Start a browser with a new profile, or that in `folder`. Raises LookupError if there is none.

    `headers`: what its pages come with besides. `flags`: more arguments for the browser.
    """
    name = str(next(_numbers))
    with ExitStack() as stack:
        if folder is None:
            new = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(new))
        command, env = _command(playwright, engine, folder, stack)
        SESSIONS[name] = Session(headers or {})
        stack.callback(SESSIONS.pop, name)
        browser = subprocess.Popen(
            [*command, *flags, f"{origin}/bench/{name}/between"],
            env=os.environ | env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        stack.callback(_end, browser)
        SESSIONS[name].process = browser.pid
        yield SESSIONS[name]


def _command(
    playwright: Playwright, engine: str, folder: Path, stack: ExitStack
) -> tuple[list[str], dict[str, str]]:
    if engine == "webkit":
        path = mini_browser()
        if path is None:
            raise LookupError("no MiniBrowser here; `make browsers` installs one")
        env = {"DISPLAY": stack.enter_context(display()), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        homes = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        return [path], env | {home: str(folder) for home in homes}
    path = executable(playwright, engine)
    if engine == "firefox":
        lines = (
            f"user_pref({json.dumps(key)}, {json.dumps(value)});\n"
            for key, value in FIREFOX.items()
        )
        (folder / "user.js").write_text("".join(lines))
        return [path, "--headless", "--no-remote", "--profile", str(folder)], {}
    own = [
        "--no-first-run",
        "--password-store=basic",
        "--use-mock-keychain",
        f"--disable-features={NEW_PROCESS}",
    ]
    return [path, "--headless", f"--user-data-dir={folder}", *own, *chromium_flags()], {}


def _end(browser: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(browser.pid, 15)
    try:
        browser.wait(10)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(browser.pid, 9)
        browser.wait()
