"""One piece of work for everybody who asks for the same thing at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Runs each piece of work once while it is in flight; its last waiter takes it along."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Future[T]] = {}
        self._waiters: dict[asyncio.Future[T], int] = {}

    def __iter__(self) -> Iterator[K]:
        """The keys of what is in flight, the first to start first."""
        return iter(self._flights)

    async def join(self, key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the work under `key`, started now if it is not in flight.

        Cancelling one waiter leaves the others alone.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.ensure_future(start())
            flight.add_done_callback(lambda done: self._forget(key, done))
        self._waiters[flight] = self._waiters.get(flight, 0) + 1
        try:
            # Not asyncio.shield: from Python 3.14 on, it reports a failure as a defect if one of
            # its waiters was cancelled, though the others get to see it.
            await asyncio.wait({flight})
            return flight.result()
        finally:
            self._waiters[flight] -= 1
            if not self._waiters[flight]:
                del self._waiters[flight]
                # Forgotten at once, not when the cancellation has run its course: whoever asks
                # for the same thing now starts afresh.
                self._forget(key, flight)
                flight.cancel()

    def _forget(self, key: K, flight: asyncio.Future[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
