"""Something has happened: whoever waits for it looks."""

import asyncio


class Signal:
    """Counts what has happened, so that nobody misses what happens before they wait."""

    def __init__(self) -> None:
        self.count = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def after(self, count: int, seconds: float) -> None:
        """Wait until more has happened than `count`, or so long."""
        if self.count != count:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._waiters.discard(waiter)
