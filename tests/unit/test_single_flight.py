"""One piece of work for everybody who asks for it meanwhile."""

import asyncio
import gc

import pytest

from bus.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Works:
    """Starts pieces of work, and remembers each."""

    def __init__(self):
        self.flights = SingleFlight()
        self.ends = []
        self.cancelled = []

    async def _work(self):
        number = len(self.ends)
        self.ends.append(asyncio.get_running_loop().create_future())
        try:
            return await self.ends[number]
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise

    async def join(self, key="key"):
        """Join, and return the task once it waits."""
        task = asyncio.ensure_future(self.flights.join(key, self._work))
        await turns()
        return task


async def turns():
    """Let everything that can run, run."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def works():
    return Works()


async def test_who_asks_meanwhile_joins(works):
    tasks = [await works.join() for _ in range(3)]
    assert list(works.flights) == ["key"]
    [end] = works.ends
    end.set_result("result")
    assert [await task for task in tasks] == ["result"] * 3
    assert list(works.flights) == []


async def test_everybody_gets_the_failure(works):
    tasks = [await works.join() for _ in range(3)]
    works.ends[0].set_exception(KeyError("x"))
    for task in tasks:
        with pytest.raises(KeyError):
            await task
    assert list(works.flights) == []


async def test_other_keys_are_other_work(works):
    tasks = [await works.join(key) for key in "ab"]
    assert list(works.flights) == ["a", "b"]
    works.ends[1].set_result("b")
    assert await tasks[1] == "b"
    assert not tasks[0].done()
    works.ends[0].set_result("a")
    assert await tasks[0] == "a"


@pytest.mark.parametrize("fails", [False, True])
async def test_who_asks_after_the_end_starts_afresh(works, fails):
    first = await works.join()
    if fails:
        works.ends[0].set_exception(KeyError("x"))
    else:
        works.ends[0].set_result("first")
    await asyncio.wait({first})
    assert fails == (first.exception() is not None)
    second = await works.join()
    works.ends[1].set_result("second")
    assert await second == "second"


@pytest.mark.parametrize("who", [0, 1])
async def test_cancelling_one_leaves_the_other_alone(works, who):
    tasks = [await works.join() for _ in range(2)]
    tasks[who].cancel()
    await turns()
    assert tasks[who].cancelled()
    assert works.cancelled == []
    third = await works.join()
    assert len(works.ends) == 1
    works.ends[0].set_result("result")
    assert await tasks[1 - who] == "result"
    assert await third == "result"


async def test_the_last_to_go_takes_the_work_along(works):
    tasks = [await works.join() for _ in range(2)]
    for task in tasks:
        task.cancel()
    await turns()
    assert works.cancelled == [0]
    assert list(works.flights) == []


async def test_who_asks_right_after_the_last_has_gone_starts_afresh(works):
    first = await works.join()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = await works.join()
    assert works.cancelled == [0]
    assert list(works.flights) == ["key"]
    works.ends[1].set_result("second")
    assert await second == "second"
    assert list(works.flights) == []


async def test_from_the_moment_that_its_last_waiter_is_cancelled_work_is_not_in_flight(works):
    tasks = [await works.join() for _ in range(2)]
    tasks[0].cancel()
    assert list(works.flights) == ["key"]
    tasks[1].cancel()
    assert list(works.flights) == []
    third = await works.join()
    assert len(works.ends) == 2
    assert works.cancelled == [0]
    works.ends[1].set_result("third")
    assert await third == "third"


async def test_the_end_of_abandoned_work_does_not_touch_what_came_after(works):
    first = await works.join()
    first.cancel()
    second = asyncio.ensure_future(works.flights.join("key", works._work))
    await turns()
    assert list(works.flights) == ["key"]
    assert len(works.ends) == 2
    works.ends[1].set_result("second")
    assert await second == "second"


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("ticks", range(6))
async def test_nobody_is_told_of_what_nobody_waits_for(works, ticks, fails):
    """A waiter that has gone is no reason to report a failure that another one sees, or none.

    asyncio.shield would, from Python 3.14 on.
    """
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    tasks = [await works.join() for _ in range(2)]
    tasks[0].cancel()
    if fails:
        works.ends[0].set_exception(KeyError("x"))
    else:
        works.ends[0].set_result("result")
    for _ in range(ticks):
        await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        assert task.cancelled() or task.exception() or task.result() == "result"
    works.ends.clear()
    tasks.clear()
    gc.collect()
    await turns()
    assert told == []
    assert list(works.flights) == []


async def test_nothing_is_kept(works):
    for _ in range(3):
        task = await works.join()
        works.ends[-1].set_result(None)
        await task
        (await works.join()).cancel()
        await turns()
    assert works.flights._flights == {}
