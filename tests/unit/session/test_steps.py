"""What a session adds to the time of a sign-in: steps of the event loop, and calls to the store.

In a browser, each step is a message that the page posts to itself, and each call is a transaction.
"""

import asyncio
from typing import Any

import pytest

from tests.unit.session.asking import SSO, name_of
from tests.unit.session.world import Sim, Sims, Tab

STEPS = 4
"""That a session adds before the reply. Where tasks start at once, as in a browser, it is one less."""


def steps_of(sim: Sim, tab: Tab) -> int:
    """Sign in; return how many steps the page's loop takes from the backend's answer to the reply."""
    taken = []
    call_soon = tab.loop.call_soon

    def counting(*args: Any, **facts: Any) -> asyncio.Handle:
        taken.append(args)
        return call_soon(*args, **facts)

    sim.run(1)
    signing = tab.send("AUTH.SSO", SSO)
    sim.net.halts = True
    sim.run(5)
    sim.net.halts = False
    tab.loop.call_soon = counting  # type: ignore[assignment, method-assign]
    while signing.value is None:
        if tab.loop.can_run:
            tab.loop.step()
        else:
            sim.run(0.0001)
    tab.loop.call_soon = call_soon  # type: ignore[method-assign]
    assert name_of(signing.value) == "ann"
    return len(taken)


@pytest.mark.parametrize("over", [False, True])
def test_a_session_adds_few_steps_to_a_sign_in(sims: Sims, over: bool) -> None:
    without, sim = sims(), sims()
    without.settings = without.settings.model_copy(update={"session": None})
    if over:
        sim.tab().sign_in("eve")
    assert steps_of(sim, sim.tab()) == steps_of(without, without.tab()) + STEPS
    assert sim.record["user"]["name"] == "ann"


def test_a_sign_in_reads_nothing_that_the_page_has_seen(sim: Sim) -> None:
    sim.tab().sign_in("eve")
    tab = sim.tab()
    sim.run(1)
    tab.store.fails = {"read"}
    assert name_of(tab.sign_in("ann")) == "ann"
    assert sim.record["user"]["name"] == "ann"
    assert tab.kept == [""]
