"""What the pages in a WebKit of the tests say: `tests/pages/reporter.js` sends it here."""

import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from host.tools.paths import ROOT

REPORTER = ROOT / "tests/pages/reporter.js"
ELEMENT = b'<script src="/reporter.js"></script>'
MARK = "sso-bus-tab"
"""The user agent of each tab ends in this, a slash, and the tab's number."""


@dataclass
class Said:
    """What the pages of one tab have said, in the order of arrival."""

    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Reports:
    """Adds the reporter to pages, and keeps what comes back. Other browsers see none of it."""

    def __init__(self) -> None:
        self._said: defaultdict[str, Said] = defaultdict(Said)
        self._arrived = threading.Condition()

    def of(self, tab: str) -> Said:
        return self._said[tab]

    def wait_for_line(self, tab: str, text: str, seconds: float, after: int = 0) -> str:
        """Wait for a line that contains `text`, after the first `after` lines. Raises TimeoutError."""

        def found() -> str | None:
            return next((line for line in self._said[tab].lines[after:] if text in line), None)

        with self._arrived:
            if (line := self._arrived.wait_for(found, seconds)) is None:
                raise TimeoutError(f"no line with {text!r} in {self._said[tab].lines}")
            return line

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application, with the reporter in its pages where a tab of WebKit asks."""

        async def reporting(scope: Scope, receive: Receive, send: Send) -> None:
            agent = Headers(scope=scope).get("user-agent", "") if scope["type"] == "http" else ""
            if not (tab := re.search(rf"{MARK}/(\w+)", agent)):
                await app(scope, receive, send)
            elif scope["path"] == "/report":
                self._keep(tab[1], await Request(scope, receive).body())
                await Response(status_code=204)(scope, receive, send)
            elif scope["path"] == "/reporter.js":
                # The policy of a bus insists on the header where its own origin is opaque.
                headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
                await FileResponse(REPORTER, headers=headers)(scope, receive, send)
            else:
                await app(_uncompressed(scope), receive, _Inserting(send))

        return reporting

    def _keep(self, tab: str, body: bytes) -> None:
        report = json.loads(body)
        with self._arrived:
            said = self._said[tab]
            (said.errors if report["kind"] == "error" else said.lines).append(report["text"])
            self._arrived.notify_all()


def _uncompressed(scope: Scope) -> Scope:
    """Return the request for a page without the encodings that it accepts."""
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return scope
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers}


class _Inserting:
    """Passes a response on; if it is a page, with the reporter first in its head."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                self._start = message
                return
        elif self._start:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message = await self._send_start()
        await self._send(message)

    async def _send_start(self) -> Message:
        assert self._start
        body = self._body.replace(b"<head>", b"<head>" + ELEMENT, 1) if self._body else b""
        headers = [
            (name, str(len(body)).encode() if name == b"content-length" and body else value)
            for name, value in self._start["headers"]
        ]
        await self._send({**self._start, "headers": headers})
        self._start = None
        return {"type": "http.response.body", "body": body}
