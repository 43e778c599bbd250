"""A network as a person has it at home, between a browser and servers on this machine.

It delays and slows the bytes of TCP connections and knows nothing of what they carry, so TLS between
the browser and the server behaves as over that network. It does not imitate slow start or loss.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

CHUNK = 16_384
"""Bytes that are read at a time."""


@dataclass(frozen=True)
class Speed:
    """What a network gives; the same for all who use it."""

    round_trip: float = 0.05
    """Seconds."""
    down: float = 20e6
    """Bits per second from all servers together, which share the browser's line."""


class Network:
    """Relays of TCP connections, in a thread of their own; `close` ends them."""

    def __init__(self, speed: Speed) -> None:
        self.speed = speed
        self._free = 0.0  # when the line has sent what it was given, by the loop's clock
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def relay(self, port: int) -> int:
        """Return the port on this machine through which `port` is reached over this network."""

        async def start() -> int:
            server = await asyncio.start_server(
                lambda reader, writer: self._relay(reader, writer, port), "127.0.0.1", 0
            )
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def close(self) -> None:
        """End all connections."""

        async def stop() -> None:
            for server in self._servers:
                server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # what they have closed is closed in the next turn

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _relay(
        self, browser: asyncio.StreamReader, to_browser: asyncio.StreamWriter, port: int
    ) -> None:
        half = self.speed.round_trip / 2
        # The system has shaken hands already, at once: the browser's first byte waits for that instead.
        opened = self._loop.time() + self.speed.round_trip
        server, to_server = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                self._pass(browser, to_server, lambda _: max(self._loop.time(), opened) + half),
                self._pass(server, to_browser, lambda size: self._sent(size) + half),
            )
        finally:
            for writer in (to_server, to_browser):
                writer.close()
                with suppress(OSError, asyncio.CancelledError):
                    await writer.wait_closed()

    def _sent(self, size: int) -> float:
        """Put bytes on the line; return when the last of them leaves it."""
        self._free = max(self._free, self._loop.time()) + size * 8 / self.speed.down
        return self._free

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        arrives: Callable[[int], float],
    ) -> None:
        """Pass bytes on, in order, each when it would arrive; then the end."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await under_way.get()
                await asyncio.sleep(at - self._loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

        delivery = self._loop.create_task(deliver())
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                under_way.put_nowait((arrives(len(data)), data))
        under_way.put_nowait((arrives(0), b""))
        with suppress(OSError):
            await delivery
