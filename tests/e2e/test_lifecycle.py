"""Pages that come and go while requests are under way; a good request follows each time."""

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

IN_FLIGHT = """async (src, code, redirectUrl) => {
    await embed({ src, replyPort: false }).ready;
    window.asked = ask({ code, redirectUrl });
}"""


def works(tab: Tab, world: World) -> None:
    """A bus that is embedded again in the page signs in."""
    tab.run("(src) => embed({ src }).ready", world.bus())
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


# Each ends the bus's page, and with it the exchange; none of them may end in an answer from it.
ENDS = {
    "removed": "() => { bus.iframe.remove(); }",
    "navigated to a blank page": "() => { bus.iframe.src = 'about:blank'; }",
    "navigated to another page of its origin": "() => { bus.iframe.src = bus.origin + '/client.js'; }",
    "replaced": "() => { bus.iframe.replaceWith(document.createElement('iframe')); }",
    "removed with all that is on the page": "() => { document.body.replaceChildren(); }",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_frame_that_goes_takes_its_fetch_along(
    open_tab: Opener, world: World, engine: str, end: str
) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(IN_FLIGHT, world.bus(), code, REDIRECT)
    seen = world.backend.wait_for(code)
    tab.run(end)
    assert seen.gone.wait(10)
    heard = tab.run(
        """() => heard.filter(({ data }) => data.type.startsWith("AUTH."))
            .map(({ data }) => data.payload.error?.code ?? data.type)"""
    )
    # Firefox and WebKit break the fetch off before the page goes, and some buses still say so.
    said = [[]] if engine == "chromium" else [[], ["BACKEND_UNREACHABLE"]]
    assert heard in said
    works(tab, world)
    assert len(world.backend.of(code)) == 1


def test_a_bus_that_is_reloaded_knows_nothing_of_before(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(IN_FLIGHT, world.bus(), code, REDIRECT)
    seen = world.backend.wait_for(code)
    tab.run(
        """async () => {
            window.again = new Promise((done) => bus.on("BUS.READY", () => done()));
            bus.iframe.src = bus.iframe.src;
            await again;
        }"""
    )
    assert seen.gone.wait(10)
    assert "fulfilled" not in tab.run("() => asked")
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
    assert len(world.backend.of(code)) == 1


def test_a_host_that_has_navigated_away_receives_nothing(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run("async (src) => { await embed({ src, replyPort: false }).ready; }", world.bus())
    tab.run("(payload) => { ask(payload); }", {"code": code, "redirectUrl": REDIRECT})
    seen = world.backend.wait_for(code)
    tab.goto(f"{world.stranger}/pages/host.html")
    assert seen.gone.wait(10)
    assert tab.run("() => heard") == []
    tab.goto(world.page)
    works(tab, world)


def test_a_host_that_is_reloaded_hears_nothing_of_before(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(IN_FLIGHT, world.bus(), code, REDIRECT)
    seen = world.backend.wait_for(code)
    tab.goto(world.page)
    assert seen.gone.wait(10)
    works(tab, world)
    got = tab.run("() => heard.map(({ data }) => data.type)")
    assert not [type_ for type_ in got if type_.startswith("AUTH.")]


def test_a_host_that_changes_its_address_in_place(open_tab: Opener, world: World) -> None:
    """As single-page apps do, while a request is in flight: nothing is lost."""
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(IN_FLIGHT, world.bus(), code, REDIRECT)
    world.backend.wait_for(code)
    tab.run("() => { history.pushState({}, '', '/elsewhere'); location.hash = 'there'; }")
    world.backend.release(code)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_destroyed_twice_and_embedded_again(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(IN_FLIGHT, world.bus(), code, REDIRECT)
    seen = world.backend.wait_for(code)
    got = tab.run(
        """async () => {
            bus.destroy();
            bus.destroy();
            return [(await asked).code, frames.length];
        }"""
    )
    assert got == ["DESTROYED", 0]
    assert seen.gone.wait(10)
    works(tab, world)


ONE_IS_LEFT = """() => new Promise((gone) => {
    const look = () => (frames.length === 1 ? gone() : setTimeout(look, 20));
    look();
})"""
"""Waits until a frame that was destroyed has gone; one whose bus is not up goes later, in WebKit."""


@pytest.mark.parametrize("milliseconds", [0, 40, 80])
def test_destroyed_while_it_boots(
    open_tab: Opener, world: World, engine: str, milliseconds: int
) -> None:
    """WebKit hangs when a frame goes in the middle of its boot: there, it goes when the bus is up."""
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())  # the browser has all of it from now on
    tab.goto(world.page)
    left = tab.run(
        """async (src, milliseconds) => {
            embed({ src });
            await new Promise((resolve) => setTimeout(resolve, milliseconds));
            bus.destroy();
            return [bus.iframe.isConnected, bus.iframe.hidden];
        }""",
        world.bus(),
        milliseconds,
    )
    assert left == [engine == "webkit", True]
    works(tab, world)
    tab.run(ONE_IS_LEFT)


def test_two_destroyed_while_they_boot_each_go_when_they_are_up(
    open_tab: Opener, world: World, engine: str
) -> None:
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    tab.goto(world.page)
    got = tab.run(
        """(src) => new Promise((resolve) => {
            const buses = [embed({ src })];
            const there = () => buses.map(({ iframe }) => iframe.isConnected);
            buses[0].on("BUS.LISTENING", () => {
                buses.push(embed({ src }));
                const at = [there()];
                const ready = []; // which of them, in this order: the second may be the faster one
                const windows = buses.map(({ iframe }) => iframe.contentWindow);
                addEventListener("message", ({ source, data }) => {
                    if (data?.type === "BUS.READY") ready.push(windows.indexOf(source));
                });
                for (const bus of buses) bus.destroy();
                at.push(there());
                if (!there().includes(true)) return resolve([at, ready]);
                // Heard after the module's own listeners, in which a frame is removed.
                addEventListener("message", ({ data }) => {
                    if (data?.type !== "BUS.READY") return;
                    at.push(there());
                    if (!there().includes(true)) resolve([at, ready]);
                });
            });
        })""",
        world.bus(),
    )
    at, ready = got
    both, none = [True, True], [False, False]
    if engine == "webkit":
        assert sorted(ready) == [0, 1]
        assert at == [both, both, [n == ready[1] for n in (0, 1)], none]
    else:
        assert at == [both, none]
    works(tab, world)


def test_one_that_was_not_ready_in_time_is_destroyed(
    open_tab: Opener, world: World, engine: str
) -> None:
    tab = open_tab().goto(world.page)
    left = tab.run(
        """async (src) => {
            embed({ src, timeout: 1 });
            const { code } = await bus.ready.catch((error) => error);
            bus.destroy();
            return [code, bus.iframe.isConnected];
        }""",
        world.bus(),
    )
    assert left == ["TIMEOUT", engine == "webkit"]
    works(tab, world)
    tab.run(ONE_IS_LEFT)


# What frameworks do that swap the page's body: Turbo, htmx (hx-boost), Astro's view transitions.
SWAPS = {
    "replaced": "document.body.replaceWith(document.createElement('body'));",
    "emptied": "document.body.innerHTML = '<p>The next page</p>';",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS.keys())
def test_a_body_that_is_swapped_takes_the_frame_along(
    open_tab: Opener, world: World, swap: str
) -> None:
    """A later request is not sent, is rejected at once, and can be sent through a new bus."""
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    got = tab.run(
        f"""async (src, payload) => {{
            await embed({{ src }}).ready;
            {swap}
            const {{ signal }} = new AbortController();
            let later = false;
            setTimeout(() => {{ later = true; }});
            const {{ code, sent }} = await bus.request("AUTH.SSO", payload, {{ signal }}).catch((error) => error);
            const end = [code, sent, later];
            await embed({{ src }}).ready;
            return [end, await ask(payload)];
        }}""",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    # In the same task: not when the frame is looked at next.
    assert got == [["DESTROYED", False, False], {"fulfilled": SIGNED_IN}]
    assert len(world.backend.of(code)) == 1


def test_a_frame_that_is_moved_is_sent_nothing_before_it_listens_again(
    open_tab: Opener, world: World
) -> None:
    """As with `data-turbo-permanent`: the frame is in the page all the time, and reloads."""
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, payload) => {
            await embed({ src }).ready;
            const body = document.createElement("body");
            body.append(bus.iframe);
            document.body.replaceWith(body);
            const asked = ask(payload); // in the same task: nobody can have heard that the frame went
            const aborted = bus.request("AUTH.SSO", payload, { timeout: 0 }).catch(({ code, sent }) => [code, sent]);
            return [await aborted, await asked];
        }""",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    assert got == [["TIMEOUT", False], {"fulfilled": SIGNED_IN}]
    assert len(world.backend.of(code)) == 1


def test_beside_the_body_a_frame_outlives_it(open_tab: Opener, world: World) -> None:
    """What docs/embed.md says for such frameworks: the request that was under way is answered."""
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(
        "async (src, payload) => { await embed({ src, container: document.documentElement }).ready; window.asked = ask(payload); }",
        world.bus(),
        {"code": code, "redirectUrl": REDIRECT},
    )
    world.backend.wait_for(code)
    for swap in SWAPS.values():
        tab.run(f"() => {{ {swap} }}")
    world.backend.release(code)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_two_buses_on_a_page_do_not_hear_each_other(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, code, redirectUrl) => {
            const one = embed({ src, replyPort: false });
            const two = embed({ src, replyPort: false });
            await Promise.all([one.ready, two.ready]);
            const got = await Promise.all([one, two].map((bus) => bus.request("AUTH.SSO", { code, redirectUrl })));
            one.destroy(); // the other continues
            return [...got, await two.request("AUTH.SSO", { code, redirectUrl })];
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    assert got == [SIGNED_IN] * 3
    assert len(world.backend.of(code)) == 3  # each bus is its own


def test_two_allowed_origins_each_get_their_own_answers(open_tab: Opener, world: World) -> None:
    """A page of each allowed origin, the one inside the other, with a bus each."""
    inner, outer = world.backend.answers(), world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run("(src) => embed({ src, replyPort: false }).ready", world.bus())
    tab.run(
        "(payload) => { window.asked = ask(payload); }", {"code": outer, "redirectUrl": REDIRECT}
    )
    world.backend.wait_for(outer)
    other = f"{world.other}/pages/host.html"
    tab.run(
        """(src) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.src = src;
            frame.onload = done;
            document.body.append(frame);
        })""",
        other,
    )
    got = tab.run_in(
        other,
        "async (src, payload) => { embed({ src, replyPort: false }); return [await ask(payload), heard.map(({ data }) => data.type)]; }",
        world.bus(),
        {"code": inner, "redirectUrl": REDIRECT},
    )
    world.backend.release(outer)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert got[0] == {"fulfilled": SIGNED_IN}
    assert [type_ for type_ in got[1] if type_.startswith("AUTH.")] == ["AUTH.SSO_FULFILLED"]
