"""Everything that the end-to-end tests talk to: real servers on real ports, on two sites."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus.settings import Settings
from host.demo.reset import ResettableProtocol
from host.server.serve import bus_files
from host.tools.paths import ROOT
from host.tools.site import build
from tests.e2e.support.authorize import Authorize
from tests.e2e.support.backend import Backend
from tests.e2e.support.certificate import self_signed
from tests.e2e.support.reports import Reports

PAGES = ROOT / "tests/pages"

EXTRA_ROUTES: list[Route] = []
"""More files for the hosts to serve, for users of this module other than the tests."""


class Server:
    """A uvicorn server in its own thread, on a port that the system chose, or on a given one."""

    def __init__(
        self, app: ASGIApp, name: str, port: int = 0, address: str = "127.0.0.1", **config: Any
    ) -> None:
        self._socket = socket.create_server((address, port))
        self.port = self._socket.getsockname()[1]
        scheme = "https" if "ssl_keyfile" in config else "http"
        self.origin = f"{scheme}://{name}:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan="off", **config)
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()


class Buses:
    """Built folders, each under its own path."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.asked: list[str] = []
        """The path of each request."""
        self.sent: dict[str, int] = {}
        """The bytes of the bodies sent for each path, as they went over the wire."""
        self.stuck: set[str] = set()
        """Where a path starts with one of these, wasm files wait for `release`."""
        self.slow: set[str] = set()
        """The paths of pages that wait for `release` where an iframe asks for them."""
        self._released = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        released = self._released  # of now: that of a moment later would be another one
        self.asked.append(scope["path"])
        _, name, *_ = scope["path"].split("/")

        async def counted(message: Message) -> None:
            size = len(message.get("body", b""))
            self.sent[scope["path"]] = self.sent.get(scope["path"], 0) + size
            await send(message)

        if scope["path"].startswith(tuple(self.stuck)) and scope["path"].endswith(".wasm"):
            await asyncio.to_thread(released.wait)
        if scope["path"] in self.slow and _is_for_a_frame(scope):
            await asyncio.to_thread(released.wait)
        if name in self.folders:
            app = Mount(f"/{name}", bus_files(self.folders[name]))
            await Starlette(routes=[app])(scope, receive, counted)
        else:
            await Starlette(routes=_host_routes())(scope, receive, send)

    def release(self) -> None:
        """Send the held answers, and hold no more."""
        self.stuck.clear()
        self.slow.clear()
        self._released.set()
        self._released = threading.Event()


def _is_for_a_frame(scope: Scope) -> bool:
    # A fetch of it says "empty" here (Fetch Metadata).
    return Headers(scope=scope).get("sec-fetch-dest") == "iframe"


def _host_routes() -> list[Route | Mount]:
    async def module(request: Request) -> Response:
        # For every origin: pages with an opaque origin import it too.
        headers = {"Access-Control-Allow-Origin": "*"}
        return FileResponse(ROOT / "host/client" / request.url.path[1:], headers=headers)

    async def isolated(_: Any) -> Response:
        headers = {
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
        }
        return FileResponse(PAGES / "host.html", headers=headers)

    return [
        Route("/isolated.html", isolated),
        Route("/client.js", module),
        Route("/mock.js", module),
        Route("/signin.js", module),
        Route("/session.js", module),
        Route("/warm.js", module),
        Mount("/pages", StaticFiles(directory=PAGES)),
        Route("/favicon.ico", lambda _: Response(status_code=204)),
        *EXTRA_ROUTES,
    ]


@dataclass
class World:
    """The parties. `host` and `other` may embed the bus, `stranger` and `secure` may not."""

    folder: Path
    backend: Backend = field(default_factory=Backend)
    provider: Authorize = field(default_factory=Authorize)
    buses: Buses = field(default_factory=Buses)
    reports: Reports = field(default_factory=Reports)

    def __post_init__(self) -> None:
        self.pages = host = self.reports.around(Starlette(routes=_host_routes()))
        self._servers = [
            Server(host, "localhost"),
            Server(host, "localhost"),
            Server(host, "localhost"),
            Server(host, "localhost", **self_signed(self.folder, "localhost")),
            Server(self.reports.around(self.buses), "127.0.0.1"),
            Server(self.backend.app, "localhost", http=ResettableProtocol),
            Server(self.reports.around(self.provider.app), "127.0.0.1"),
        ]
        origins = [server.origin for server in self._servers]
        self.host, self.other, self.stranger, self.secure, self.bus_origin, *rest = origins
        self.backend_origin, self.provider.origin = rest
        self.backend.bus_origin = self.bus_origin

    @property
    def exchange_url(self) -> str:
        return f"{self.backend_origin}/sso/exchange"

    @property
    def page(self) -> str:
        """The host page that the tests act in."""
        return f"{self.host}/pages/host.html"

    def bus(
        self,
        name: str = "bus",
        *,
        change: Callable[[Path], None] | None = None,
        debug: bool = False,
        previous: Sequence[Path] = (),
        **settings: Any,
    ) -> str:
        """Return the address of the built bus of that name, which is built first if necessary."""
        if name not in self.buses.folders:
            out = self.folder / name
            table = {
                "allowed_origins": [self.host, self.other],
                "sso": {"exchange_url": self.exchange_url},
            }
            checked = Settings.model_validate(table | settings)
            build(checked, out, say=lambda _: None, debug=debug, previous=previous)
            if change:
                change(out)
            self.buses.folders[name] = out
        return f"{self.bus_origin}/{name}/"

    def open_bus(self) -> str:
        """Return the address of a bus served without `frame-ancestors`: the gate stands alone."""
        return self.bus("open", change=without_frame_ancestors)

    def stop(self) -> None:
        # What a test that failed has left waiting would keep its server's loop from ending.
        self.backend.let_go()
        self.buses.release()
        for server in self._servers:
            server.stop()


def without_frame_ancestors(folder: Path) -> None:
    headers = folder / "_headers"
    text = headers.read_text()
    assert "; frame-ancestors " in text
    headers.write_text(
        "\n".join(line.split("; frame-ancestors ")[0] for line in text.splitlines()) + "\n"
    )


def without_hashes(folder: Path) -> None:
    """Let the page load files that were changed after the build, to test the other defences."""
    page = folder / "index.html"
    text = re.sub(r'<script type="importmap">.*?</script>| integrity="[^"]*"', "", page.read_text())
    page.write_text(text)
    for packed in folder.glob("index.html.*"):
        packed.unlink()
