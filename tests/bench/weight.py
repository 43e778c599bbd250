"""What a page costs while nothing happens in it: memory, processor time, and wakes.

It is measured from outside, in browsers that nobody drives, on Linux (procfs.py).
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from tests.bench.procfs import Spent, memory, spent, strangers, usage
from tests.bench.sessions import Session

Open = Callable[[], AbstractContextManager[Session]]
Page = Sequence[str]
"""What a page has in it: the arguments of `stay` in errands.js."""

NOTHING: Page = ("nothing",)


def weigh(start: Open, pages: Mapping[str, Page], runs: int, seconds: float) -> dict[str, float]:
    """Return the bytes of a browser with each page, so many seconds after the page was ready: medians.

    One browser runs at a time: the memory that two share would count in each by half.
    """
    got: dict[str, list[int]] = defaultdict(list)
    for _ in range(runs):
        for name, page in pages.items():
            with start() as own:
                own.ask("stay", *page)
                time.sleep(seconds)
                got[name].append(memory(own.process))
                if count := strangers(own.process):
                    print(
                        f"weight: {count} processes of another such browser make this one lighter"
                    )
    return {name: statistics.median(sizes) for name, sizes in got.items()}


def idle(
    start: Open, pages: Mapping[str, Page], seconds: float, minutes: float
) -> dict[str, list[Spent]]:
    """Return what each page uses, for each minute, beginning so many seconds after all were ready.

    All of them idle at the same time, so that the machine is the same for each.
    """
    steps = max(1, round(minutes))
    got: dict[str, list[Spent]] = defaultdict(list)
    with ExitStack() as stack:
        groups = {}
        for name, page in pages.items():
            own = stack.enter_context(start())
            own.ask("stay", *page)
            groups[name] = own.process
        time.sleep(seconds)
        before = {name: usage(group) for name, group in groups.items()}
        for _ in range(steps):
            time.sleep(60 * minutes / steps)
            after = {name: usage(group) for name, group in groups.items()}
            for name in groups:
                got[name].append(spent(before[name], after[name]))
            before = after
    return got


def apart(
    one: Sequence[Spent], other: Sequence[Spent], of: Callable[[Spent], float]
) -> list[float]:
    """Return how much more the one used than the other, for each minute."""
    return [of(each) - of(its) for each, its in zip(one, other, strict=True)]
