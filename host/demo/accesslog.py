"""An access log that cannot leak: method, path and status, never a query string or a body."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AccessLog:
    """Says a line for each request that `app` has finished with; status `-` if it got no answer."""

    def __init__(self, app: ASGIApp, name: str, say: Callable[[str], None]) -> None:
        self._app = app
        self._name = name
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and say how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "-"
        gone = False

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start" and not gone:
                status = str(message["status"])
            await send(message)

        async def watching() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        try:
            await self._app(scope, watching, noting)
        finally:
            path = scope["raw_path"].decode(
                "ascii", "replace"
            )  # still percent-encoded: one line stays one line
            self._say(f"{self._name}  {scope['method']} {path} {status}")
