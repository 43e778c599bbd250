"""The bench's weighing: browsers in turns for memory, all at the same time for what idle pages do."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter

import pytest

from tests.bench import weight
from tests.bench.procfs import Spent, Usage
from tests.bench.sessions import Session
from tests.bench.weight import apart, idle, weigh

PAGES = {"nothing": ("nothing",), "bus": ("bus", "http://127.0.0.1/bus/")}


class Machine:
    """Browsers that only note what they are asked, and what is read of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: list[int] = []
        self.asked: list[tuple[str, ...]] = []
        self.weighed: list[list[int]] = []
        self.slept: list[float] = []
        self.sizes = iter([10, 100, 30, 500, 20, 300])
        self.count = 0
        monkeypatch.setattr(weight, "memory", self.memory)
        monkeypatch.setattr(weight, "strangers", self.strangers)
        monkeypatch.setattr(weight, "usage", self.usage)
        monkeypatch.setattr("time.sleep", self.slept.append)

    def start(self) -> AbstractContextManager[Session]:
        @contextmanager
        def running() -> Iterator[Session]:
            self.count += 1
            own = Session({})
            own.process = self.count
            own.ask = self.ask  # type: ignore[method-assign]
            self.running.append(own.process)
            yield own
            self.running.remove(own.process)

        return running()

    def ask(self, errand: str, *args: str) -> None:
        self.asked.append((errand, *args))

    def memory(self, group: int) -> int:
        self.weighed.append([*self.running])
        return next(self.sizes)

    def strangers(self, group: int) -> int:
        return 7 if group == 2 else 0

    def usage(self, group: int) -> Usage:
        assert group in self.running
        at = sum(self.slept)  # it is more from minute to minute
        return Usage(at=at, ticks=0, switches={group: round(group * at**2)})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_pages_are_weighed_in_turns_and_alone(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weigh(machine.start, PAGES, runs=3, seconds=60) == {"nothing": 20, "bus": 300}
    assert machine.asked == 3 * [("stay", *page) for page in PAGES.values()]
    assert machine.weighed == [[number] for number in range(1, 7)]
    assert machine.slept == 6 * [60]
    (line,) = capsys.readouterr().out.splitlines()
    assert "7 processes of another such browser" in line


@pytest.mark.parametrize("minutes", [2, 0.5, 1.5])
def test_pages_idle_together_and_each_minute_counts(machine: Machine, minutes: float) -> None:
    got = idle(machine.start, PAGES, seconds=5, minutes=minutes)
    first, *steps = machine.slept
    assert (first, sum(steps), len(steps)) == (5, 60 * minutes, max(1, round(minutes)))
    began = [first + sum(steps[:n]) for n in range(len(steps))]
    rates = [60 * (2 * at + step) for at, step in zip(began, steps, strict=True)]
    assert [each.wakes for each in got["nothing"]] == pytest.approx(rates)
    assert [each.wakes for each in got["bus"]] == pytest.approx([2 * rate for rate in rates])
    assert not machine.running


def test_what_one_page_uses_more_than_another_is_told_for_each_minute() -> None:
    one, other = [Spent(50, 60), Spent(20, 61)], [Spent(20, 2), Spent(30, 1)]
    assert apart(one, other, attrgetter("milliseconds")) == [30, -10]
