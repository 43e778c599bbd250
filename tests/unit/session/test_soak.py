"""Thousands of refreshes: memory stays flat (`make soak` runs 10,000)."""

import gc
import os
import tracemalloc

import pytest

from tests.unit.session.world import Sim

REFRESHES = int(os.environ.get("SSO_BUS_REFRESHES", "300"))
KIB = 1024


@pytest.mark.timeout(0 if REFRESHES > 300 else 120)
def test_memory_stays_flat(sim: Sim) -> None:
    sim.server.life = 12
    tabs = [sim.tab(), sim.tab()]
    for tab in tabs:
        tab.init()
    tabs[0].sign_in("ann")
    sizes = []
    done = 0
    tracemalloc.start()
    try:
        while done < REFRESHES:
            sim.run(300)
            tabs[0].credentials()
            done += sim.refreshes()
            forget(sim)
            gc.collect()
            kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/bus/*")])
            sizes.append(sum(trace.size for trace in kept.traces))
    finally:
        tracemalloc.stop()
    assert sim.record["turn"] == done
    early, late = sizes[1 : len(sizes) // 2], sizes[len(sizes) // 2 :]
    print(
        f"{done} refreshes; {max(early) / KIB:.0f} KiB at most in the first half, {max(late) / KIB:.0f} in the second"
    )
    assert max(late) < max(early) + 16 * KIB


def forget(sim: Sim) -> None:
    """What the world remembers for tests is no memory of the bus."""
    sim.server.requests.clear()
    sim.net.delivered.clear()
    sim.partitions["example.com"].words.clear()
    [family] = sim.server.families
    current = list(family.tokens)[-1]
    for kept in (family.tokens, family.children, sim.server.by_token):
        for token in [token for token in kept if token != current]:
            del kept[token]
    family.used.clear()
    for tab in sim.tabs:
        tab.window.replies.clear()
        tab.window.closed.clear()
        tab.window.pushes.clear()
