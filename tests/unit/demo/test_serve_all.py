"""Real servers on port 0: connections that break cannot be faked."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from host.demo.asked import nothing
from host.demo.listen import Place, listen
from host.demo.provider import Times, provider_app
from host.demo.reset import reset
from host.demo.serve_all import Served, serve_all
from host.demo.trouble import Trouble
from tests.unit.demo.parties import BUS, CALLBACK, ISSUER, Provider

pytestmark = pytest.mark.anyio


class Running:
    """An app on its own port, served until `stop`."""

    def __init__(self, app: Starlette | None = None) -> None:
        routes = [
            Route("/fine", self.fine),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/hang", self.hang),
        ]
        self.app = app or Starlette(routes=routes)
        self.reached = asyncio.Event()
        self.sockets = listen(Place("test", "127.0.0.1", 0, ""))
        self.url = f"http://127.0.0.1:{self.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> "Running":
        up = asyncio.Event()
        self.task = asyncio.create_task(serve_all([Served(self.app, self.sockets)], up=up.set))
        await up.wait()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.stop()

    async def stop(self) -> None:
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGINT)
        await self.task

    async def fine(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("fine")

    async def reset(self, request: Request) -> Response:
        reset(request.scope)
        return await nothing(request)

    async def hang(self, request: Request) -> Response:
        self.reached.set()
        return await nothing(request)


async def test_a_reset_is_a_connection_that_breaks_without_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Running() as running, httpx.AsyncClient(base_url=running.url) as http:
        with pytest.raises(httpx.ReadError):
            await http.post("/reset", content=b"body")
        assert (await http.get("/fine")).text == "fine"
    assert not caplog.records


async def test_a_reset_breaks_no_other_connection() -> None:
    async with (
        Running() as running,
        httpx.AsyncClient(base_url=running.url) as one,
        httpx.AsyncClient(base_url=running.url) as other,
    ):
        hanging = asyncio.create_task(one.get("/hang"))
        await running.reached.wait()
        with pytest.raises(httpx.ReadError):
            await other.post("/reset")
        assert not hanging.done()
        hanging.cancel()


async def test_an_interrupt_stops_at_once_whatever_hangs(caplog: pytest.LogCaptureFixture) -> None:
    async with Running() as running, httpx.AsyncClient(base_url=running.url, timeout=30) as http:
        hanging = asyncio.create_task(http.get("/hang"))
        await running.reached.wait()
        await running.stop()
        with pytest.raises(httpx.TransportError):
            await hanging
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(base_url=running.url) as http:
            await http.get("/fine")
    assert not caplog.records


@pytest.fixture
async def provider(clock: Any, trouble: Trouble) -> AsyncIterator[Any]:
    app = provider_app(
        issuer=ISSUER,
        clients={"demo-host": [CALLBACK]},
        bus_origin=BUS,
        trouble=trouble,
        times=Times(clock=clock),
    )
    async with Running(app) as running, httpx.AsyncClient(base_url=running.url) as http:
        yield Provider(http, clock)


async def test_a_backend_that_is_down_is_down_at_every_attempt(provider: Provider) -> None:
    answer = await provider.choose("down")
    for _ in range(2):  # a browser may send it again by itself
        with pytest.raises(httpx.ReadError):
            await provider.exchange(answer["code"])


async def test_a_switch_takes_the_backend_down_and_brings_it_back(
    provider: Provider, trouble: Trouble
) -> None:
    token = {"refreshToken": (await provider.signed_in())["refreshToken"]}
    trouble.backend = "down"
    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            await provider.ask("/sso/refresh", token)
    trouble.backend = "answers"
    assert (await provider.ask("/sso/refresh", token)).status_code == 200


async def test_a_backend_that_hangs_holds_up_nobody_else(provider: Provider) -> None:
    answer = await provider.choose("hanging")
    hanging = asyncio.create_task(provider.exchange(answer["code"]))
    other = await provider.choose("migrated")
    assert (await provider.exchange(other["code"])).status_code == 200
    assert not hanging.done()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
