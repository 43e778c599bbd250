"""Thousands of generated values against a real bus: one reply to each request, silence for the rest."""

import os
import random

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

ROUNDS = int(os.environ.get("SSO_BUS_FUZZ_ROUNDS", "60"))
"""Rounds of 50 values each."""
SEED = int(os.environ.get("SSO_BUS_FUZZ_SEED", "0")) or random.randrange(1, 2**31)


@pytest.mark.timeout(1200)
def test_generated_messages(open_tab: Opener, world: World) -> None:
    print(f"seed {SEED}: repeat with SSO_BUS_FUZZ_SEED={SEED}")
    before = len(world.backend.seen)
    tab = open_tab().goto(world.page)
    tab.allow(1_200_000)
    tab.run("(src) => raw(src).ready", world.bus())
    got = tab.run(
        """async (seed, rounds) => {
            const { generator, isRequest } = await import("/pages/fuzz.js");
            const next = generator(seed);
            const got = { posted: 0, requests: 0, replies: 0, uncloneable: 0 };
            const isReply = ({ data }) => /_(FULFILLED|REJECTED)$/.test(data?.type);
            for (let round = 0; round < rounds; round++) {
                heard.length = 0;
                let requests = 0;
                for (let n = 0; n < 50; n++) {
                    const value = next();
                    // An id of the round's own, where there would be one: the same twice is one request.
                    if (isRequest(value) && typeof value.id === "string") value.id = `${round}.${n}${value.id}`;
                    // The receiver gets a clone, which has its own prototype.
                    let arrives;
                    try { arrives = structuredClone(value); } catch { got.uncloneable++; continue; }
                    rawBus.post(value);
                    got.posted++;
                    if (isRequest(arrives)) requests++;
                }
                rawBus.post({ type: "AUTH.SSO", id: "end", payload: {} });
                await reply("end");
                const replies = heard.filter(isReply).length - 1;
                if (replies !== requests) throw new Error(`round ${round}: ${requests} requests, ${replies} replies`);
                got.requests += requests;
                got.replies += replies;
            }
            return got;
        }""",
        SEED,
        ROUNDS,
    )
    print(got)
    assert got["replies"] == got["requests"] > ROUNDS * 10
    assert got["posted"] > ROUNDS * 40
    assert len(world.backend.seen) == before  # none of them was a valid request
    good = tab.run(
        "(code, redirectUrl) => { rawBus.post({ type: 'AUTH.SSO', id: 'good', payload: { code, redirectUrl } }); return reply('good'); }",
        world.backend.answers(),
        REDIRECT,
    )
    assert good["payload"] == SIGNED_IN
