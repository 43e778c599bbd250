"""Wakes waiting tasks when something has happened."""

import asyncio


class Signal:
    """Counts events, so that a task does not miss an event that comes before it waits."""

    def __init__(self) -> None:
        self.count = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Wake all waiting tasks."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def after(self, count: int, seconds: float) -> None:
        """Wait until the count exceeds `count`, but at most `seconds`."""
        if self.count != count:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._waiters.discard(waiter)
