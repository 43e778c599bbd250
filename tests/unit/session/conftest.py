"""The fixtures of the session's tests: each test has its own world."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.session.world import Sim, Sims


@pytest.fixture
def sims() -> Iterator[Sims]:
    """Makes worlds, and closes them when the test is over."""
    made: list[Sim] = []

    def make(**facts: Any) -> Sim:
        made.append(Sim(**facts))
        return made[-1]

    yield make
    for sim in made:
        sim.close()


@pytest.fixture
def sim(sims: Sims) -> Sim:
    return sims()
