"""Pages that come and go while requests are under way."""

from tests.e2e.backend import SIGNED_IN
from tests.e2e.tab import Opener
from tests.e2e.test_sign_in import REDIRECT
from tests.e2e.world import World


def test_a_frame_that_is_removed_takes_its_fetch_along(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run(
        """async (src, code, redirectUrl) => {
            await raw(src).ready;
            rawBus.post({ type: "AUTH.SSO", id: "x", payload: { code, redirectUrl } });
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    seen = world.backend.wait_for(code)
    tab.run("() => rawBus.frame.remove()")
    assert seen.gone.wait(10)


def test_a_host_that_has_navigated_away_receives_nothing(open_tab: Opener, world: World) -> None:
    code = world.backend.hangs()
    tab = open_tab().goto(world.page)
    tab.run("async (src) => { await embed({ src, replyPort: false }).ready; }", world.bus())
    tab.run("(payload) => { ask(payload); }", {"code": code, "redirectUrl": REDIRECT})
    seen = world.backend.wait_for(code)
    tab.goto(f"{world.stranger}/pages/host.html")
    assert seen.gone.wait(10)
    assert tab.run("() => heard") == []


def test_two_buses_on_a_page_do_not_hear_each_other(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, code, redirectUrl) => {
            const one = embed({ src, replyPort: false });
            const two = embed({ src, replyPort: false });
            await Promise.all([one.ready, two.ready]);
            return Promise.all([one, two].map((bus) => bus.request("AUTH.SSO", { code, redirectUrl })));
        }""",
        world.bus(),
        code,
        REDIRECT,
    )
    assert got == [SIGNED_IN, SIGNED_IN]
    assert len(world.backend.of(code)) == 2  # each bus is its own


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
        "async (src, payload) => { embed({ src, replyPort: false }); return [await ask(payload), heard.map(({ data }) => data.id ?? data.type)]; }",
        world.bus(),
        {"code": inner, "redirectUrl": REDIRECT},
    )
    world.backend.release(outer)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert got[0] == {"fulfilled": SIGNED_IN}
    assert len(got[1]) == 3  # LISTENING, READY and its own reply
