"""Serves a built bus over ASGI, with the headers that its `_headers` file or its settings name.

The demo, the tests and the wheel use it (host/server/asgi.py). It shows what any web server has to do.
"""

import gzip
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from .dictionary import delta_ending, has_deltas, held

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".py": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
}
_FOR_SERVERS = {"_headers", "nginx.conf"}
_ENCODINGS = (("zstd", ".zst"), ("br", ".br"), ("gzip", ".gz"))
"""In the order of how fast browsers decompress them, which they do at each start, even from their cache."""


class BusFiles:
    """An ASGI application for the files of one folder: GET and HEAD, and nothing else."""

    def __init__(
        self,
        folder: Path,
        rules: Mapping[str, Mapping[str, str]] | None = None,
        page: bytes | None = None,
    ) -> None:
        """Serve a folder; `rules` are the headers for each path pattern, if not those in the folder.

        `page` is served as index.html if the folder has none.
        """
        self._folder = folder.resolve()
        self._rules = list((rules or _read_rules(self._folder / "_headers")).items())
        self._page = page
        self._packed = None if page is None else gzip.compress(page, mtime=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._respond(Request(scope))(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET, HEAD"})
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        headers = {
            name: value
            for pattern, of in self._rules
            if fnmatchcase(path or "/", pattern)
            for name, value in of.items()
        }
        if not path:
            # All addresses in the page are relative to it: without the slash they would lead elsewhere.
            here = quote(request.scope["path"].rsplit("/", 1)[-1])
            return Response(status_code=308, headers=headers | {"Location": f"{here}/"})
        if self._page is not None and path in ("/", "/index.html"):
            return self._made(self._page, request, headers)
        file = self._file(path)
        if file is None:
            # A missing file is a 404, never a fallback page that would be taken for the file.
            return PlainTextResponse("Not Found", 404, headers | {"Cache-Control": "no-store"})
        type_ = _TYPES.get(file.suffix, "application/octet-stream")
        headers["Vary"] = "Accept-Encoding" + ", Available-Dictionary" * has_deltas(file)
        file, encoding = _encoded(file, request.headers)
        if encoding:
            headers["Content-Encoding"] = encoding
        return FileResponse(file, headers=headers, media_type=type_)

    def _made(self, page: bytes, request: Request, headers: dict[str, str]) -> Response:
        headers = headers | {"Vary": "Accept-Encoding"}
        if self._packed is not None and "gzip" in _accepted(request.headers):
            page = self._packed
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(page))
        body = b"" if request.method == "HEAD" else page
        return Response(body, headers=headers, media_type=_TYPES[".html"])

    def _file(self, path: str) -> Path | None:
        if {".", ".."} & set(path.split("/")):
            return None  # the headers depend on the path as requested
        try:
            file = (self._folder / path.lstrip("/")).resolve()
            if path.endswith("/"):
                file /= "index.html"
            inside = file.is_relative_to(self._folder) and file.name not in _FOR_SERVERS
            return file if inside and file.is_file() else None
        except (OSError, ValueError):  # a name that no file can have
            return None


def _accepted(asked: Headers) -> set[str]:
    parts = asked.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return {part.split(";")[0] for part in parts if not re.search(r";q=0(\.0*)?$", part)}


def _encoded(file: Path, asked: Headers) -> tuple[Path, str | None]:
    accepted = _accepted(asked)
    dictionary = held(asked.get("available-dictionary", ""))
    delta = (("dcz", delta_ending(dictionary)),) if dictionary else ()
    for encoding, ending in (*delta, *_ENCODINGS):
        packed = file.with_name(file.name + ending)
        if encoding in accepted and packed.is_file():
            return packed, encoding
    return file, None


def _read_rules(path: Path) -> dict[str, dict[str, str]]:
    """Read a `_headers` file: a path pattern on a line, its headers indented below it."""
    rules: dict[str, dict[str, str]] = {}
    pattern = ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if not line.startswith(" "):
            pattern = line.strip()
            rules[pattern] = {}
        else:
            name, value = line.split(":", 1)
            rules[pattern][name.strip()] = value.strip()
    return rules


def bus_files(folder: Path) -> BusFiles:
    """Return the ASGI application for a built folder."""
    return BusFiles(folder)
