"""The tests' own detection: in each engine, a tab sees errors in pages and in frames."""

import pytest
from playwright.sync_api import Error

from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

pytestmark = pytest.mark.fresh


def test_nothing_that_goes_wrong_is_missed(browser: Opener, world: World) -> None:
    tab = browser().goto(world.page)
    tab.run("(src) => raw(src).listening.then(() => {})", world.bus())
    tab.run("() => { setTimeout(() => { throw new Error('thrown in the page'); }); }")
    tab.run_in(world.bus(), "() => { Promise.reject(new Error('rejected in the bus')); }")
    tab.run_in(
        world.bus(),
        """() => {
            const base = document.createElement("base");
            base.href = "https://elsewhere.example/";
            document.head.append(base);
            document.baseURI; // some engines look only now
            console.log("the", "end", 7);
        }""",
    )
    assert "end 7" in tab.wait_for_line("the end")
    wrong = tab.close()
    assert len(wrong) == 4, wrong  # the policy stands in the header and in the page
    for text in ("thrown in the page", "rejected in the bus", "base-uri"):
        assert any(text in line for line in wrong), (text, wrong)


def test_what_a_script_returns(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    value = {"list": [], "none": None, "nested": [{"text": "\u4e2d\U0001f469"}], "half": 0.5}
    assert tab.run("async (value) => value", value) == value
    assert tab.run("() => undefined") is None
    assert tab.run("(a, b) => [a, b]", 1, "2") == [1, "2"]
    with pytest.raises(Error, match="no such luck"):
        tab.run("async () => { throw new Error('no such luck'); }")


def test_a_script_that_does_not_end(open_tab: Opener, world: World) -> None:
    """Without a limit, only the run's own would end it, which leaves the driver unusable."""
    tab = open_tab().goto(world.page)
    tab.allow(100)
    with pytest.raises(Error, match="not settled in time"):
        tab.run("() => new Promise(() => {})")
    with pytest.raises(Error, match="not settled in time"):
        tab.run_in(world.page, "() => new Promise(() => {})")
