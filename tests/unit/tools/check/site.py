"""A server that answers as a test says, and remembers what it was asked."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from host.tools.check.asking import Asker
from host.tools.check.report import Part, Row
from tests.e2e.support.certificate import self_signed

BUS = "http://127.0.0.1:1"
"""The bus's origin; no server runs there."""


_NO_CAS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For tests without TLS: reading all that browsers accept takes a while."""


def asker(say: Callable[[str], None] = lambda _: None, **how: Any) -> Asker:
    return Asker(say, **{"tls": _NO_CAS} | how)


@dataclass(frozen=True)
class Page:
    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cors: str | None = BUS


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: str


Answer = Page | Callable[[BaseHTTPRequestHandler], None]


class Site:
    """`pages` has an answer for each "METHOD /path"; anything else is a 404."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.pages: dict[str, Answer] = {}
        self.seen: list[Seen] = []

    def __getitem__(self, path: str) -> str:
        return self.origin + path


@contextmanager
def site(certificate: Path | None = None, name: str = "localhost", **how: Any) -> Iterator[Site]:
    """A server on this machine; on https where there is a folder for its certificate."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(size).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            found.seen.append(Seen(self.command, self.path, headers, body))
            page = found.pages.get(f"{self.command} {self.path}", Page(404))
            if not isinstance(page, Page):
                page(self)
                return
            text = page.body if isinstance(page.body, bytes) else json.dumps(page.body).encode()
            self.send_response_only(page.status)
            if "Date" not in page.headers:
                self.send_header("Date", self.date_time_string())
            if page.cors:
                self.send_header("Access-Control-Allow-Origin", page.cors)
            for header, value in page.headers.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(text.replace(b"ORIGIN", found.origin.encode()))

        do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that goes away, or that refuses the certificate

    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        files = self_signed(certificate, **{"host": "localhost"} | how)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "https" if certificate else "http"
    found = Site(f"{scheme}://{name}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rows(parts: Part | list[Part], what: str) -> list[Row]:
    """The rows about one thing."""
    listed = [parts] if isinstance(parts, Part) else parts
    return [row for part in listed for row in part.rows if row.what == what]


def row(parts: Part | list[Part], what: str) -> Row:
    """The one row about one thing."""
    [found] = rows(parts, what)
    return found


def levels(parts: Part | list[Part]) -> list[str]:
    """The levels of all rows that are not ok, each with what it is about."""
    listed = [parts] if isinstance(parts, Part) else parts
    return [f"{row.what}: {row.level}" for part in listed for row in part.rows if row.level != "ok"]
