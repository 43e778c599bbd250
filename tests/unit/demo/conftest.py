"""A provider at a frozen time, and what a host and a bus do with it."""

import httpx
import pytest

from host.demo.provider import provider_app
from tests.unit.demo.parties import BUS, CALLBACK, ISSUER, Provider


class Clock:
    """Seconds since the epoch, moved by hand; sleeping moves it and takes no time."""

    def __init__(self):
        self.now = 1_800_000_000.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def provider(clock):
    app = provider_app(
        issuer=ISSUER,
        clients={"demo-host": [CALLBACK], "other": ["http://localhost:9999/cb"]},
        bus_origin=BUS,
        clock=clock,
        sleep=clock.sleep,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=ISSUER, follow_redirects=False
    ) as http:
        yield Provider(http, clock)
