"""The demo's host: a web app that signs people in through the bus."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from host.demo.asked import at_most
from host.demo.headers import page_headers, script_hash
from host.demo.people import BY_KEY, PASSWORD
from host.demo.trouble import Trouble
from host.tools.paths import CLIENT, RUNTIME

PAGES = Path(__file__).parent / "pages"

# Types are spelled out: a machine's own table may lack .mjs, and then no module would load.
_ASSETS = {
    "/client.js": (CLIENT / "client.js", "text/javascript"),
    "/start.js": (PAGES / "start.js", "text/javascript"),
    "/safely.js": (PAGES / "safely.js", "text/javascript"),
    "/decoy.js": (PAGES / "decoy.js", "text/javascript"),
    "/style.css": (PAGES / "style.css", "text/css"),
    "/pyscript.toml": (PAGES / "pyscript.toml", "application/toml"),
    **{f"/{path.name}": (path, "text/x-python") for path in sorted(PAGES.glob("*.py"))},
}
_STAND_IN_WORDS = {
    "login": "Signing in takes you to a stand-in for a company&rsquo;s login page, where you choose who you are.",
    "provider": "Provider and backend, stand-ins",
}
_OIDC_WORDS = {
    "login": "Signing in takes you to a real OpenID Connect provider&rsquo;s login page. Any name and any password will do.",
    "provider": "OpenID Connect provider",
}
_PASSWORDS = {
    "password": escape(PASSWORD),
    "email": escape(BY_KEY["migrated"].user["email"]),
    "suspended": escape(BY_KEY["refused"].user["email"]),
}
_MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


class RuntimeFiles(StaticFiles):
    """A folder of `.runtime`, each file with the type that browsers insist on."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or whatever Starlette answers instead."""
        response = await super().get_response(path, scope)
        if media_type := _MEDIA_TYPES.get(Path(path).suffix):
            response.headers["Content-Type"] = media_type
        response.headers["Cache-Control"] = (
            "no-cache"  # another version may come under the same name
        )
        return response


@dataclass(frozen=True)
class Session:
    """What a host page must know of its bus's sessions, and what the demo can break in them."""

    margin: float
    """Seconds: `refresh_margin_seconds`."""
    trouble: Trouble | None = None
    """The backend's switches, where it has any."""
    denied: str = ""
    """The address of a bus page that gets no storage, where there is one."""


@dataclass(frozen=True)
class Bus:
    """The bus that a host page embeds."""

    src: str
    """Its page's address."""
    session: Session | None = None


def host_app(
    *,
    bus: Bus,
    provider: str,
    client_id: str,
    oidc: bool = False,
    runtime: Path = RUNTIME,
) -> Starlette:
    """The host app: `provider` is the identity provider's issuer, `oidc` whether it is a real one.

    `runtime` is the folder that holds PyScript (pyscript/) and MicroPython (micropython/).
    """
    settings: dict[str, object] = {"bus": bus.src, "provider": provider, "clientId": client_id}
    session = bus.session
    trouble = session.trouble if session else None
    if session:
        settings["session"] = {
            "margin": session.margin,
            "trouble": trouble is not None,
            "denied": session.denied,
        }
    if oidc:
        settings["oidc"] = True  # all else, its bus says
    words = _OIDC_WORDS if oidc else _STAND_IN_WORDS
    index = _template("index.html").substitute(words, **_PASSWORDS, settings=json_block(settings))
    at = urlsplit(bus.src)
    index_headers = page_headers(
        script_src="'self' 'wasm-unsafe-eval'",
        style_src="'self'",
        connect_src="'self'",
        img_src="data:",
        frame_src=f"'self' {at.scheme}://{at.netloc}",
    )

    callback = (PAGES / "callback.html").read_text("utf-8")
    script = callback.partition("<script>")[2].partition("</script>")[0]
    callback_headers = page_headers(script_src=script_hash(script))

    decoy = (PAGES / "decoy.html").read_text("utf-8")
    decoy_headers = page_headers(script_src="'self'", style_src="'self'", frame_ancestors="'self'")

    return Starlette(
        routes=[
            Route("/", _page(index, index_headers)),
            Route("/callback", _page(callback, callback_headers)),
            Route("/decoy", _page(decoy, decoy_headers)),
            *([Route("/trouble", _switches(trouble), methods=["GET", "POST"])] if trouble else []),
            *(Route(path, _asset(*asset)) for path, asset in _ASSETS.items()),
            Mount("/pyscript", RuntimeFiles(directory=runtime / "pyscript", check_dir=False)),
            Mount("/micropython", RuntimeFiles(directory=runtime / "micropython", check_dir=False)),
        ]
    )


def json_block(value: object) -> str:
    """JSON for the inside of a script element: no character can end that element."""
    return json.dumps(value).replace("<", "\\u003c")


def _template(name: str) -> Template:
    return Template((PAGES / name).read_text("utf-8"))


def _page(text: str, headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return HTMLResponse(text, headers=headers)

    return page


def _switches(trouble: Trouble) -> Callable[[Request], Awaitable[Response]]:
    async def switches(request: Request) -> Response:
        if request.method == "POST":
            # A type that needs a preflight, which nobody answers: no other site can set them.
            if request.headers.get("content-type") != "application/json":
                return JSONResponse({"error": "send application/json"}, 415)
            try:
                wanted = Trouble.model_validate_json(await at_most(request, 1024) or b"")
            except ValidationError:
                return JSONResponse({"error": "there is no such switch"}, 400)
            for name in wanted.model_fields_set:
                setattr(trouble, name, getattr(wanted, name))
        return JSONResponse(trouble.model_dump(), headers={"Cache-Control": "no-store"})

    return switches


def _asset(path: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def asset(_: Request) -> Response:
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return asset
