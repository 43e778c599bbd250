"""A time limit that is measured by the wall clock."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from .errors import BusError
from .ports import Now

T = TypeVar("T")

LOOK_SECONDS: Final = 1.0
"""The clock is checked at least this often, because timers stop while a machine sleeps."""


async def within(
    seconds: float, work: Coroutine[Any, Any, T], *, now: Now, look_seconds: float = LOOK_SECONDS
) -> T:
    """Return what `work` returns, or cancel it and raise BusError BACKEND_TIMEOUT.

    An answer that is complete when the limit is noticed wins (protocol.md, "Timing").
    """
    task = asyncio.ensure_future(work)
    end = now() + seconds
    try:
        while not task.done():
            left = end - now()
            if left <= 0:
                await asyncio.sleep(
                    0
                )  # after a sleep, an answer that has arrived wins over the limit
                if task.done():
                    break
                raise BusError(
                    "BACKEND_TIMEOUT",
                    f"The backend gave no whole answer within {seconds:g} seconds.",
                )
            await asyncio.wait({task}, timeout=min(left, look_seconds))
        return task.result()
    finally:
        task.cancel()
