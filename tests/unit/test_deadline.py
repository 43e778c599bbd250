"""Time limits by the wall clock."""

import asyncio
from typing import Any

import pytest

from bus.deadline import LOOK_SECONDS, within
from bus.errors import BusError
from tests.unit.fakes import FakeClock

pytestmark = pytest.mark.anyio

LOOK = 0.001


class Work:
    """Work that takes until it is told to end, and knows whether it was cancelled."""

    def __init__(self) -> None:
        self.end = asyncio.get_running_loop().create_future()
        self.cancelled = asyncio.Event()

    async def __call__(self) -> str:
        try:
            return await self.end
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


def start(work: Work, clock: FakeClock, seconds: int = 15) -> asyncio.Task[Any]:
    return asyncio.ensure_future(within(seconds, work(), now=clock, look_seconds=LOOK))


async def looks(clock: Any, times: int = 3) -> None:
    """Wait until the clock was read that many times."""
    seen = asyncio.Event()
    left = times

    class Seen(FakeClock):
        def __call__(self) -> float:
            nonlocal left
            left -= 1
            if left <= 0:
                seen.set()
            return self.time

    clock.__class__ = Seen
    await asyncio.wait_for(seen.wait(), 5)


async def test_the_result_passes_through(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    work.end.set_result("result")
    assert await task == "result"


async def test_the_failure_passes_through(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    work.end.set_exception(KeyError("x"))
    with pytest.raises(KeyError):
        await task


async def test_the_limit(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    await looks(clock)
    clock.advance(14.999)
    await looks(clock)
    assert not task.done()
    clock.advance(0.001)
    with pytest.raises(BusError) as caught:
        await task
    assert caught.value.code == "BACKEND_TIMEOUT"
    assert "15 seconds" in caught.value.message
    await asyncio.wait_for(work.cancelled.wait(), 5)


async def test_an_answer_just_before_the_limit(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    await looks(clock)
    clock.advance(14.999)
    await looks(clock)
    work.end.set_result("result")
    assert await task == "result"


async def test_an_answer_that_is_complete_when_the_limit_is_noticed_wins(
    work: Work, clock: FakeClock
) -> None:
    task = start(work, clock)
    await looks(clock)
    clock.advance(8 * 3600)  # the machine slept
    work.end.set_result("result")
    assert await task == "result"


async def test_a_failure_that_is_there_when_the_limit_is_noticed_wins(
    work: Work, clock: FakeClock
) -> None:
    task = start(work, clock)
    await looks(clock)
    clock.advance(8 * 3600)
    work.end.set_exception(KeyError("x"))
    with pytest.raises(KeyError):
        await task


async def test_an_answer_that_arrives_while_the_limit_is_noticed_wins(clock: FakeClock) -> None:
    """After a sleep, the timer may fire before the answer gets its turn."""
    end = asyncio.get_running_loop().create_future()
    times = iter([0, 0])

    def now() -> int:
        if (time := next(times, None)) is not None:
            return time
        if not end.done():
            end.set_result("result")
        return 8 * 3600

    async def waits() -> str:
        return await end

    assert await within(15, waits(), now=now, look_seconds=LOOK) == "result"


async def test_a_clock_that_is_set_back_ends_nothing_early(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    await looks(clock)
    clock.advance(-3600)
    await looks(clock)
    assert not task.done()
    work.end.set_result("result")
    assert await task == "result"


async def test_the_time_counts_from_the_start(work: Work, clock: FakeClock) -> None:
    clock.advance(1e9)
    task = start(work, clock)
    await looks(clock)
    assert not task.done()
    clock.advance(15)
    with pytest.raises(BusError):
        await task


async def test_the_last_look_comes_no_later_than_the_limit(work: Work) -> None:
    """A limit that is shorter than the time between checks is kept too."""
    clock = asyncio.get_running_loop().time
    task = asyncio.ensure_future(within(0.01, work(), now=clock, look_seconds=3600))
    with pytest.raises(BusError):
        await asyncio.wait_for(task, 5)


async def test_cancelling_takes_the_work_along(work: Work, clock: FakeClock) -> None:
    task = start(work, clock)
    await looks(clock)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(work.cancelled.wait(), 5)


def test_the_clock_is_looked_at_at_least_once_a_second() -> None:
    assert (within.__kwdefaults__ or {})["look_seconds"] == LOOK_SECONDS
    assert 0 < LOOK_SECONDS <= 1
