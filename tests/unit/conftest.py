"""What every unit test gets: asyncio, and a bus whose every message is checked at the end."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bus.deadline import within
from tests.unit.fakes import World


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def worlds() -> AsyncIterator[Callable[..., World]]:
    """Makes worlds, and checks each of them when the test is over."""
    made = []

    def make(**facts: Any) -> World:
        made.append(World(**facts))
        return made[-1]

    yield make
    for world in made:
        world.check()


@pytest.fixture
async def world(worlds: Callable[..., World]) -> World:
    return worlds()


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines look at the (fake) clock a thousand times a second, so that no test waits for it."""
    monkeypatch.setitem(within.__kwdefaults__ or {}, "look_seconds", 0.001)
