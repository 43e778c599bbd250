"""Long use leaves nothing behind: no memory, proxy, task, listener or frame."""

import os
from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.interpreter import STATE, in_interpreter
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

EXCHANGES = int(os.environ.get("SSO_BUS_SOAK", "500"))
"""2,000 by hand: `make soak`."""
MOUNTS = EXCHANGES // 20


def state(tab: Tab, world: World) -> Any:
    return in_interpreter(tab, world, STATE)


def exchanges(tab: Tab, world: World, count: int) -> None:
    codes = [world.backend.answers() for _ in range(count)]
    good = tab.run(
        """async (codes, redirectUrl) => {
            let good = 0;
            for (let n = 0; n < codes.length; n += 10) {
                const some = codes.slice(n, n + 10).map((code) => ask({ code, redirectUrl }));
                good += (await Promise.all(some)).filter(({ fulfilled }) => fulfilled).length;
            }
            return good;
        }""",
        codes,
        REDIRECT,
    )
    assert good == count


@pytest.mark.timeout(1200)
def test_exchanges_leave_nothing_behind(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.allow(1_200_000)
    tab.run("(src) => embed({ src }).ready", world.bus())
    exchanges(tab, world, 100)
    before = state(tab, world)
    exchanges(tab, world, EXCHANGES - 100)
    assert state(tab, world) == before


@pytest.mark.timeout(1200)
def test_mounting_and_unmounting_leaves_nothing_behind(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    tab.allow(1_200_000)
    got = tab.run(
        """async (src, mounts) => {
            const listeners = new Set(); // of callbacks: each is added once, and may be removed twice
            const watched = [window, document];
            for (const target of watched) {
                const { addEventListener: add, removeEventListener: remove } = target;
                target.addEventListener = (type, callback, options) => {
                    listeners.add(callback);
                    options?.signal?.addEventListener("abort", () => listeners.delete(callback));
                    return add.call(target, type, callback, options);
                };
                target.removeEventListener = (type, callback) => {
                    listeners.delete(callback);
                    return remove.call(target, type, callback);
                };
            }
            for (let n = 0; n < mounts; n++) {
                const bus = embed({ src });
                if (n % 2) await bus.ready; // half of them while Python boots
                const asked = ask({});
                bus.destroy();
                await asked;
            }
            // In WebKit, one that still boots goes when it is up.
            while (frames.length) await new Promise((done) => setTimeout(done, 20));
            for (const target of watched) {
                delete target.addEventListener;
                delete target.removeEventListener;
            }
            return { listeners: listeners.size, frames: frames.length, elements: document.querySelectorAll("iframe").length };
        }""",
        world.bus(),
        MOUNTS,
    )
    assert got == {"listeners": 0, "frames": 0, "elements": 0}
    tab.run("(src) => embed({ src }).ready", world.bus())
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
