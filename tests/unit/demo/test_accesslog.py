from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from host.demo.accesslog import AccessLog

pytestmark = pytest.mark.anyio


async def test_a_line_holds_no_query_string() -> None:
    said: list[str] = []
    app = AccessLog(PlainTextResponse("fine", 201), "host", said.append)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://h") as http:
        await http.get("/callback?code=s3cret&state=s3cret")
        await http.get("/two%0Alines")
    assert said == ["host  GET /callback 201", "host  GET /two%0Alines 201"]


async def test_a_request_without_answer_is_told_apart() -> None:
    async def gone(
        scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: MutableMapping[str, Any]) -> None:
        pass

    said: list[str] = []
    scope = {"type": "http", "method": "POST", "raw_path": b"/sso/exchange"}
    await AccessLog(gone, "provider", said.append)(scope, receive, send)
    assert said == ["provider  POST /sso/exchange -"]
