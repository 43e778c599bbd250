"""Shares one piece of work among all callers that ask for the same thing at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Flight(Generic[T]):
    """A piece of work, and a future for each of its waiters."""

    def __init__(self, work: asyncio.Future[T]) -> None:
        self.work = work
        self.waiters: set[asyncio.Future[None]] = set()

    @property
    def wanted(self) -> bool:
        """Whether there is still a waiter.

        `Task.cancel` cancels at once what the task waits for, and wakes the task later. So a
        cancelled waiter stops counting before its task has run.
        """
        return not all(waiter.cancelled() for waiter in self.waiters)


class SingleFlight(Generic[K, T]):
    """Runs each piece of work once while it is in flight; it is cancelled with its last waiter."""

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[T]] = {}

    def __iter__(self) -> Iterator[K]:
        """The keys of the work that is in flight and still has a waiter, in the order of their starts."""
        return (key for key, flight in self._flights.items() if flight.wanted)

    async def join(self, key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the work under `key`; start the work if it is not in flight.

        Cancelling one waiter leaves the others alone. When the last waiter is cancelled, the work is
        no longer in flight from that moment on: the next caller starts it again.
        """
        flight = self._flights.get(key)
        if flight is None or not flight.wanted:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(start()))
            flight.work.add_done_callback(partial(self._land, key, flight))
        # Each waiter has its own future. Not asyncio.shield: since Python 3.14, it reports a failure
        # as a defect if one of its waiters was cancelled, though the others handle the failure.
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        flight.waiters.add(waiter)
        try:
            await waiter
            return flight.work.result()
        finally:
            flight.waiters.remove(waiter)
            if not flight.wanted:
                self._forget(key, flight)
                flight.work.cancel()

    def _land(self, key: K, flight: _Flight[T], _: asyncio.Future[T]) -> None:
        self._forget(key, flight)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _forget(self, key: K, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
