"""Several uvicorn servers in one event loop, that start together and stop together."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from host.demo.reset import ResettableProtocol


@dataclass(frozen=True)
class Served:
    """An app, and the listening sockets that it gets."""

    app: ASGIApp
    sockets: list[socket.socket]


class _Server(uvicorn.Server):
    """A server that leaves signals to `serve_all`, and says when it is up."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=ResettableProtocol,
                ws="none",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_level="warning",
            )
        )
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


async def serve_all(parties: list[Served], *, up: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, which cut off requests under way; call `up` once all answer."""
    servers = [_Server(party.app) for party in parties]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as group:
        for server, party in zip(servers, parties, strict=True):
            group.create_task(server.serve(party.sockets))
        for server in servers:
            await server.up.wait()
        up()
