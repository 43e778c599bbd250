"""What the tests of the session get: a world of its own each."""

import pytest

from tests.unit.session.world import Sim


@pytest.fixture
def sims():
    """Makes worlds, and closes them when the test is over."""
    made = []

    def make(**facts):
        made.append(Sim(**facts))
        return made[-1]

    yield make
    for sim in made:
        sim.close()


@pytest.fixture
def sim(sims):
    return sims()
