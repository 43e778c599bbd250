"""Simulated time, and a separate event loop for each tab; a frozen tab's loop does not run."""

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

logging.getLogger("asyncio").setLevel(logging.CRITICAL)


class TabLoop(asyncio.BaseEventLoop):
    """An event loop that runs one step at a time, by a simulated clock."""

    # Of asyncio.BaseEventLoop (CPython, Lib/asyncio/base_events.py), which no stub describes.
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _timer_cancelled_count: int
    _run_once: Callable[[], None]

    def __init__(self, clock: "Clock") -> None:
        super().__init__()
        self._clock = clock
        self._selector = self

    def select(self, timeout: object) -> list[Any]:
        return []

    def _process_events(self, events: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def time(self) -> float:
        return self._clock.time

    @property
    def next_timer(self) -> float | None:
        """When the next timer is due, or None."""
        while self._scheduled and self._scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False
        return float(self._scheduled[0].when()) if self._scheduled else None

    @property
    def can_run(self) -> bool:
        return bool(self._ready) or (
            (timer := self.next_timer) is not None and timer <= self._clock.time
        )

    def step(self) -> None:
        """Run whatever is ready, once."""
        asyncio._set_running_loop(self)
        try:
            self._run_once()
        finally:
            asyncio._set_running_loop(None)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task in this loop, from outside."""
        asyncio._set_running_loop(self)
        try:
            return self.create_task(coroutine)
        finally:
            asyncio._set_running_loop(None)

    def drain(self) -> None:
        """Cancel everything, and let it end."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        while asyncio.all_tasks(self):
            self.step()
        while self._ready:
            self.step()
        self.close()


class Clock:
    """The simulated time in seconds, and the scheduled events."""

    def __init__(self) -> None:
        self.time = 0.0
        self.loops: list[TabLoop] = []
        """Those that run; a frozen tab's is not among them."""
        self.halted = False
        """Set by an event: time stops right after it, before any loop runs."""
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def at(self, seconds: float, event: Callable[[], object]) -> None:
        """Schedule an event for `seconds` from now."""
        heapq.heappush(self._events, (self.time + seconds, next(self._numbers), event))

    def run(self, seconds: float = 0.0, until: Callable[[], bool] | None = None) -> bool:
        """Let `seconds` pass, or run until `until` is true. Returns whether it is."""
        end = self.time + seconds
        while True:
            self._run_ready()
            if until is not None and until():
                return True
            times = [timer for loop in self.loops if (timer := loop.next_timer) is not None]
            if self._events:
                times.append(self._events[0][0])
            next_time = min(times, default=end)
            if next_time > end:
                self.time = end
                return until is None
            if next_time == end and not times:
                self.time = end
                return until is None
            self.time = max(self.time, next_time)
            while self._events and self._events[0][0] <= self.time:
                heapq.heappop(self._events)[2]()
            if self.halted:
                self.halted = False
                return False

    def _run_ready(self) -> None:
        while ready := [loop for loop in self.loops if loop.can_run]:
            for loop in ready:
                if loop in self.loops:
                    loop.step()
