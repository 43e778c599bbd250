"""Serves the unbuilt tree as a bus, with the stock boot: edit a file, reload, see the change."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from host.server.config import ConfigError, load_settings
from host.server.page import fill_page
from host.server.policy import content_security_policy
from host.server.serve import BusFiles
from host.tools.discovery import with_discovery
from host.tools.paths import ROOT

_SERVED = ("/bus/", "/.runtime/", "/pyscript.toml")


class DevBus:
    """An ASGI application for the tree's own files. Nothing is cached, settings included."""

    def __init__(self) -> None:
        self._files = BusFiles(ROOT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = Request(scope).url.path
        if path in ("/", "/index.html"):
            # In a thread: the provider that it may ask can be served by this very loop.
            page = await asyncio.to_thread(_page)
            await page(scope, receive, send)
        elif path.startswith(_SERVED) and ".." not in path:

            async def uncached(message: dict[str, object]) -> None:
                if message["type"] == "http.response.start":
                    headers = message["headers"]
                    assert isinstance(headers, list)  # noqa: S101 - so says ASGI
                    headers.append((b"cache-control", b"no-cache"))
                    # The page's own policy demands it of what the page loads.
                    headers.append((b"cross-origin-resource-policy", b"same-origin"))
                await send(message)

            await self._files(scope, receive, uncached)  # type: ignore[arg-type]
        else:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)


def _say(line: str) -> None:
    print(f"dev: {line}", flush=True)


def _page() -> Response:
    try:
        settings, jwks_uri = with_discovery(load_settings(ROOT / "pyscript.toml"), say=_say)
        page = fill_page(
            (ROOT / "index.html").read_text(encoding="utf-8"),
            settings,
            {},
            jwks_uri=jwks_uri,
            debug=True,
        )
    except (ConfigError, ValueError) as error:
        return PlainTextResponse(str(error), 500)
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": content_security_policy(settings),
        "Referrer-Policy": "no-referrer",
    }
    return Response(page, headers=headers, media_type="text/html")
