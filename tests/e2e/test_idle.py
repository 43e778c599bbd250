"""A bus that nobody asks anything wakes its page for nothing but its session's looks at the clock.

The timers of its frame go by a clock of the tests' own, which stands until it is moved on.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.browsers import tabs
from tests.e2e.support.hosts import Place
from tests.e2e.support.sessions import Sessions
from tests.e2e.support.tab import Opener
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World

pytestmark = pytest.mark.engines("chromium")

TIMERS = """
if (window !== parent) {
    const { setTimeout: plain, clearTimeout: unset } = window;
    const { now } = Date;
    const timers = new Map(); // id -> {at, ms, every, run, set}
    let count = 0;
    let stopped = null; // the time, once the clock stands
    let begun = () => {};
    Date.now = () => stopped ?? now.call(Date);
    const begin = (run, ms, every) => {
        const timer = { at: Date.now() + Math.max(ms, 1), ms, every, run };
        timers.set(++count, timer);
        go(count, timer);
        begun();
        return count;
    };
    const go = (id, timer) => {
        if (stopped === null) timer.set = plain(fire, timer.at - Date.now(), id);
    };
    const fire = (id) => {
        const timer = timers.get(id);
        if (timer.every) {
            timer.at += Math.max(timer.ms, 1);
            go(id, timer);
        } else timers.delete(id);
        timer.run();
    };
    window.setTimeout = (run, ms = 0, ...args) => begin(() => run(...args), Number(ms), false);
    window.setInterval = (run, ms = 0, ...args) => begin(() => run(...args), Number(ms), true);
    window.clearTimeout = window.clearInterval = (id) => {
        unset(timers.get(id)?.set);
        timers.delete(id);
    };
    // Whether the session waits for its next look: what the last one began is over then.
    const rests = () => [...timers.values()].some(({ ms, every }) => ms > 10_000 && !every);
    // Moves the clock on, and returns the milliseconds that each timer had waited which fired.
    window.pass = async (ms) => {
        if (stopped === null) {
            stopped = Date.now();
            for (const { set } of timers.values()) unset(set);
        }
        const end = stopped + ms;
        const fired = [];
        for (;;) {
            while (!rests()) await new Promise((done) => { begun = done; });
            const [id, next] = [...timers].reduce((one, other) => (other[1].at < one[1].at ? other : one));
            if (next.at > end) break;
            stopped = next.at;
            fired.push(next.ms);
            fire(id);
        }
        stopped = end;
        return fired;
    };
}
"""


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with tabs(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


def test_an_idle_bus_wakes_for_its_session_alone(
    open_tab: Opener, place: Place, sessions: Sessions
) -> None:
    src = place.bus("idle", debug=True)
    tab = open_tab(fresh=True)
    tab.page.add_init_script(TIMERS)

    def passes(seconds: int) -> list[Any]:
        found: list[Any] = tab.run_in(src, "(ms) => pass(ms)", seconds * 1000)
        return found

    window = place.embed(tab, src=src)
    window.init()
    window.sign_in("ann")
    tab.run("() => { rawBus.post({ hello: 'bus' }); }")  # which a debug build tells of
    assert window.register() == {"user": {"name": "ann"}}
    passes(10)  # what the boot and the requests have begun ends
    fired = passes(120)
    assert 3 <= len(fired) <= 4
    assert min(fired) > 29_000

    # Whoever asks now is watched over, until the answer.
    looked = any(max(passes(1), default=0) > 29_000 for _ in range(40))
    assert looked  # from here on it is half a minute until the next look
    assert window.register() == {"user": {"name": "ann"}}
    assert 1000 in passes(2)
    assert 1000 not in passes(5)
    sessions.hold()
    tab.run(
        """() => {
            const payload = { code: "ann/code", redirectUrl: "https://app.example.com/cb" };
            window.asked = request("AUTH.SSO", payload);
        }"""
    )
    sessions.wait_for("exchange", 2)
    assert passes(4).count(1000) >= 5  # looks at Python, and Python's own at the exchange's limit
    sessions.release()
    assert tab.run("() => asked")["type"] == "AUTH.SSO_FULFILLED"
    passes(2)
    assert 1000 not in passes(5)
