"""What every unit test gets: asyncio, and a bus whose every message is checked at the end."""

import pytest

from bus.deadline import within
from tests.unit.fakes import World


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def worlds():
    """Makes worlds, and checks each of them when the test is over."""
    made = []

    def make(**facts):
        made.append(World(**facts))
        return made[-1]

    yield make
    for world in made:
        world.check()


@pytest.fixture
async def world(worlds):
    return worlds()


@pytest.fixture
def quick_looks(monkeypatch):
    """Deadlines look at the (fake) clock a thousand times a second, so that no test waits for it."""
    monkeypatch.setitem(within.__kwdefaults__, "look_seconds", 0.001)
