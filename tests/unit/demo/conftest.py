"""A provider at a frozen time, and what a host and a bus do with it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from host.demo.provider import Times, provider_app
from host.demo.trouble import Trouble
from tests.unit.demo.parties import BUS, CALLBACK, ISSUER, Provider


class Clock:
    """Seconds since the epoch, moved by hand; sleeping moves it and takes no time."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
async def provider(clock: Clock, trouble: Trouble) -> AsyncIterator[Provider]:
    app = provider_app(
        issuer=ISSUER,
        clients={"demo-host": [CALLBACK], "other": ["http://localhost:9999/cb"]},
        bus_origin=BUS,
        trouble=trouble,
        times=Times(clock=clock, sleep=clock.sleep),
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=ISSUER, follow_redirects=False
    ) as http:
        yield Provider(http, clock)
