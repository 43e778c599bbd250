"""Each rule of the gate: a real page that breaks only that rule, and the same page allowed.

Each stands against the bus as it is served, and against one without `frame-ancestors`, which would
otherwise keep some of the attackers away before the gate sees them.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.asking import REDIRECT, ask, ask_raw
from tests.e2e.support.attackers import NOT_THE_PARENT, SIBLINGS, attacker, fulfilled
from tests.e2e.support.damage import damaged, find
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.world import World, without_frame_ancestors, without_hashes


def test_a_stranger_that_embeds_the_bus(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(attacker(world.stranger, "embed", world.open_bus(), code))
    tab.wait_for_line("ignored: origin not allowed")
    assert tab.run("() => heard") == []
    assert not world.backend.of(code)

    allowed = open_tab().goto(attacker(world.host, "embed", world.open_bus(), code))
    assert fulfilled(allowed, "embedded") == "AUTH.SSO_FULFILLED"


def test_frame_ancestors_keeps_strangers_from_embedding_at_all(
    open_tab: Opener, world: World, engine: str
) -> None:
    code = world.backend.answers()
    src, before = world.bus(), len(world.buses.asked)
    tab = open_tab()
    tab.expect("Content Security Policy", "frame-ancestors")
    tab.goto(attacker(world.stranger, "embed", src, code))
    # The page that the frame shows instead has loaded too, and looks the same; but no part of the
    # bus, and it has heard nothing.
    tab.run("() => embedded")
    if engine == "chromium":  # no driver passes on what the others say of it in the console
        tab.wait_for_line("frame-ancestors")
    assert world.buses.asked[before:] == ["/bus/"]
    assert tab.run("() => heard") == []
    assert not world.backend.of(code)

    allowed = open_tab().goto(attacker(world.host, "embed", world.bus(), code))
    assert fulfilled(allowed, "embedded") == "AUTH.SSO_FULFILLED"


@pytest.fixture(scope="module", params=["frame-ancestors", "the gate alone"])
def served(request: pytest.FixtureRequest, world: World) -> str:
    """The bus as it is served, and without `frame-ancestors`, which might do the gate's work."""
    return world.bus() if request.param == "frame-ancestors" else world.open_bus()


@pytest.fixture(scope="module")
def host_page(open_module_tab: Opener, served: str, world: World) -> Tab:
    """A host page with a bus, which is its first frame."""
    tab = open_module_tab()
    # What the browsers say of buses in frames that may not embed one.
    tab.expect("Content Security Policy", "frame-ancestors", *LEFT)
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", served)
    return tab


@pytest.fixture
def host(host_page: Tab) -> Iterator[Tab]:
    """The host page; what a test has framed beside the bus goes afterwards."""
    yield host_page
    host_page.run(
        "() => { for (const frame of [...document.querySelectorAll('iframe')].slice(1)) frame.remove(); }"
    )


@pytest.mark.parametrize("make", SIBLINGS.values(), ids=SIBLINGS.keys())
def test_a_frame_beside_the_bus(host: Tab, world: World, make: str) -> None:
    code = world.backend.answers()
    message = json.dumps({"type": "AUTH.SSO", "payload": {"code": code, "redirectUrl": REDIRECT}})
    html = f"<script>parent.frames[0].postMessage({message}, '{world.bus_origin}')</script>"
    said = len(host.lines)
    host.run(make, html)
    host.wait_for_line(NOT_THE_PARENT, said)
    assert not world.backend.of(code)
    # The same message from the window that embeds the bus.
    assert "fulfilled" in ask(host, code)


@pytest.mark.parametrize("who", ["host", "other", "stranger"])
def test_a_page_in_a_frame_beside_the_bus(host: Tab, served: str, world: World, who: str) -> None:
    """A page of the host's own origin, of the other allowed one, and of a stranger's."""
    code = world.backend.answers()
    said = len(host.lines)
    host.run(
        "(src) => { const f = document.createElement('iframe'); f.src = src; document.body.append(f); }",
        attacker(getattr(world, who), "sibling", served, code),
    )
    host.wait_for_line(NOT_THE_PARENT, said)
    assert not world.backend.of(code)
    assert "fulfilled" in ask(host, code)


@pytest.mark.parametrize("who", ["host", "stranger"])
def test_a_popup_of_the_host(host: Tab, served: str, world: World, who: str) -> None:
    code = world.backend.answers()
    said = len(host.lines)
    host.run(
        "(src) => { window.popup = open(src); }",
        attacker(getattr(world, who), "opener", served, code),
    )
    host.wait_for_line(NOT_THE_PARENT, said)
    assert not world.backend.of(code)
    host.run("() => popup.close()")
    assert "fulfilled" in ask(host, code)


def test_a_bus_in_a_frame_of_the_hosts_is_not_the_hosts(
    host: Tab, served: str, world: World
) -> None:
    """The host's page reaches past its own frame, which embeds the bus: it is no parent of it."""
    code, embedded = world.backend.answers(), world.backend.answers()
    said = len(host.lines)
    got = host.run(
        """async (src, origin, code, redirectUrl) => {
            const frame = document.createElement("iframe");
            frame.src = src;
            document.body.append(frame);
            heard.length = 0;
            const answered = ({ from, data }) => from === "attacker" && data?.id === "embedded";
            const { data } = await hear((data) => answered(data ?? {}));
            frame.contentWindow.frames[0].postMessage({ type: "AUTH.SSO", payload: { code, redirectUrl } }, origin);
            return data.data.type;
        }""",
        attacker(world.host, "embed", served, embedded),
        world.bus_origin,
        code,
        REDIRECT,
    )
    assert got == "AUTH.SSO_FULFILLED"  # to the frame that embeds it
    host.wait_for_line(NOT_THE_PARENT, said)
    assert not world.backend.of(code)
    assert "fulfilled" in ask(host, code)


def test_a_sandboxed_bus_has_an_opaque_origin_and_says_so(
    host: Tab, served: str, world: World, engine: str
) -> None:
    code = world.backend.answers()
    before = len(world.buses.asked)
    said = len(host.lines)
    host.run(
        """(src) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts";
            frame.src = src;
            frame.onload = () => done();
            document.body.append(frame);
        })""",
        served,
    )
    if engine == "webkit":  # where 'self' in its policy is nothing then: no script of it runs
        assert [path for path in world.buses.asked[before:] if not path.endswith("/")] == []
    else:
        host.wait_for_line("this page has an opaque origin", said)
    assert "fulfilled" in ask(host, code)


# Each shows a page, in a frame of the host's page, that embeds the bus and asks it.
OPAQUE = {
    "data": SIBLINGS["data, with an opaque origin"],
    # The bus in such a frame is sandboxed as well, and has no origin either.
    "sandboxed": SIBLINGS["sandboxed, with an opaque origin"],
}


REFUSED = {"data": "ignored: origin not allowed", "sandboxed": "this page has an opaque origin"}
"""What the bus in each says once it has refused: before, it is no proof that nothing was asked."""


@pytest.mark.parametrize("name", OPAQUE)
def test_a_page_without_an_origin_that_embeds_the_bus(
    host: Tab, served: str, world: World, name: str, engine: str
) -> None:
    code = world.backend.answers()
    said = len(host.lines)
    page = f"""<iframe src="{served}"></iframe><script>
        onmessage = ({{ data }}) => parent.postMessage({{ from: "attacker", data }}, "*");
        document.querySelector("iframe").onload = () => {{
            frames[0].postMessage({{ type: "AUTH.SSO",
                payload: {{ code: "{code}", redirectUrl: "{REDIRECT}" }} }}, "*");
            parent.postMessage("asked", "*");
        }};
    </script>"""
    host.run("() => { heard.length = 0; }")
    host.run(
        f"(page) => {{ ({OPAQUE[name]})(page); return hear((data) => data === 'asked'); }}", page
    )
    # WebKit's driver hears no such frame; and where frame-ancestors holds, no bus is there to speak.
    if engine != "webkit" and served == world.open_bus():
        host.wait_for_line(REFUSED[name], said)
    assert "fulfilled" in ask(host, world.backend.answers())
    assert not host.run("() => heard.some(({ data }) => data?.from === 'attacker')")
    assert not world.backend.of(code)


def test_a_sandboxed_frame_that_keeps_its_origin_may_embed_the_bus(
    host: Tab, served: str, world: World
) -> None:
    """The same as the last of those, with `allow-same-origin`: the page is the host's own."""
    code = world.backend.answers()
    got = host.run(
        """async (src) => {
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts allow-same-origin";
            frame.src = src;
            document.body.append(frame);
            heard.length = 0;
            const answered = ({ from, data }) => from === "attacker" && data?.id === "embedded";
            return (await hear((data) => answered(data ?? {}))).data.data.type;
        }""",
        attacker(world.host, "embed", served, code),
    )
    assert got == "AUTH.SSO_FULFILLED"
    assert "fulfilled" in ask(host, code)


def test_an_event_that_a_script_made(open_tab: Opener, world: World) -> None:
    own = world.bus("own", allowed_origins=[world.bus_origin])
    code = world.backend.answers()
    tab = open_tab().goto(attacker(world.bus_origin, "synthetic", own, code))
    tab.wait_for_line("ignored: made by a script")
    assert fulfilled(tab, "genuine") == "AUTH.SSO_FULFILLED"
    assert not tab.run("() => heard.some((data) => data?.id === 'synthetic')")
    assert len(world.backend.of(code)) == 1


# -- the gate stands twice, and each time alone ---------------------------------------------------


def early_alone(folder: Path) -> None:
    """Python never starts, and the early listener answers the senders that it lets in."""
    without_frame_ancestors(folder)
    damaged("core.js", b"throw new Error('broken')")(folder)


def python_alone(folder: Path) -> None:
    """The early listener lets everybody in, and says truly who they are."""
    without_frame_ancestors(folder)
    without_hashes(folder)
    early = find(folder, "early.js")
    before, after = "const why = refusal(event);", "const why = null;"
    text = early.read_text()
    assert text.count(before) == 1
    early.write_text(text.replace(before, after))
    for packed in early.parent.glob("early.js.*"):
        packed.unlink()


HALVES = {"early": (early_alone, "REJECTED"), "python": (python_alone, "FULFILLED")}


@pytest.fixture(params=list(HALVES))
def half(request: pytest.FixtureRequest, world: World) -> tuple[str, str]:
    """A bus with one half of its gate, and its answer to a sender that this half lets in."""
    change, end = HALVES[request.param]
    origins = [world.host, world.bus_origin]
    return world.bus(f"{request.param}-alone", change=change, allowed_origins=origins), end


@pytest.mark.engines("chromium")
def test_half_the_gate_keeps_a_stranger_out(
    open_tab: Opener, world: World, half: tuple[str, str]
) -> None:
    src, end = half
    code = world.backend.answers()
    tab = open_tab()
    tab.expect("broken")
    tab.goto(attacker(world.stranger, "embed", src, code))
    tab.wait_for_line("ignored: origin not allowed")
    assert tab.run("() => heard") == []
    assert not world.backend.of(code)
    tab.goto(attacker(world.host, "embed", src, code))
    assert fulfilled(tab, "embedded") == f"AUTH.SSO_{end}"


@pytest.mark.engines("chromium")
def test_half_the_gate_keeps_a_frame_beside_the_bus_out(
    open_tab: Opener, world: World, half: tuple[str, str]
) -> None:
    src, end = half
    code = world.backend.answers()
    tab = open_tab()
    tab.expect("broken")
    tab.goto(world.page)
    tab.run("(src) => raw(src).listening", src)
    message = {
        "type": "AUTH.SSO",
        "id": "beside",
        "payload": {"code": code, "redirectUrl": REDIRECT},
    }
    post = f"parent.frames[0].postMessage({json.dumps(message)}, '{world.bus_origin}')"
    tab.run(SIBLINGS["srcdoc, with the host's own origin"], f"<script>{post}</script>")
    tab.wait_for_line(NOT_THE_PARENT)
    assert not world.backend.of(code)
    assert ask_raw(tab, code)["type"] == f"AUTH.SSO_{end}"
    assert not tab.run("() => heard.some(({ data }) => data?.id === 'beside')")


@pytest.mark.engines("chromium")
def test_half_the_gate_keeps_an_event_that_a_script_made_out(
    open_tab: Opener, world: World, half: tuple[str, str]
) -> None:
    src, end = half
    tab = open_tab()
    tab.expect("broken")
    tab.goto(attacker(world.bus_origin, "synthetic", src, world.backend.answers()))
    tab.wait_for_line("ignored: made by a script")
    assert fulfilled(tab, "genuine") == f"AUTH.SSO_{end}"
    assert not tab.run("() => heard.some((data) => data?.id === 'synthetic')")


SILENT = {
    "a string": "'AUTH.SSO'",
    "JSON in a string": """JSON.stringify({ type: "AUTH.SSO", payload: { code: "c", redirectUrl: "https://a.example/" } })""",
    "null": "null",
    "undefined": "undefined",
    "a number": "7",
    "a list": """["AUTH.SSO"]""",
    "a list that has a type": "Object.assign([], { type: 'AUTH.SSO', payload: {} })",
    "a Map": """new Map([["type", "AUTH.SSO"], ["payload", {}]])""",
    "a Set": "new Set(['AUTH.SSO'])",
    "a Date": "new Date()",
    "an ArrayBuffer": "new ArrayBuffer(8)",
    "an Error": "new Error('AUTH.SSO')",
    "no type": "({ payload: {} })",
    "a type that is a number": "({ type: 1, payload: {} })",
    "a type in a list": "({ type: ['AUTH.SSO'], payload: {} })",
    "a boxed type": "({ type: new String('AUTH.SSO'), payload: {} })",
    "lower case": "({ type: 'auth.sso', payload: {} })",
    "a space": "({ type: 'AUTH.SSO ', payload: {} })",
    "a line feed": "({ type: 'AUTH.SSO\\n', payload: {} })",
    "a look-alike letter": "({ type: 'AUTH.SS\\u041e', payload: {} })",
    "no dot": "({ type: 'AUTHSSO', payload: {} })",
    "two dots": "({ type: 'AUTH.SSO.X', payload: {} })",
    "65 characters": "({ type: 'A.' + 'B'.repeat(63), payload: {} })",
    "an inherited name": "({ type: '__proto__', payload: {} })",
    "a reply": "({ type: 'AUTH.SSO_FULFILLED', payload: {} })",
    "a rejection": "({ type: 'AUTH.SSO_REJECTED', payload: {} })",
    "LISTENING": "({ type: 'BUS.LISTENING', payload: {} })",
    "READY": "({ type: 'BUS.READY', payload: {} })",
    "a pushed type": "({ type: 'AUTH.TOKEN_REFRESHED', payload: {} })",
    "another pushed type": "({ type: 'AUTH.SESSION_CHANGED', payload: { user: null } })",
    "a dev tool's message": "({ source: 'react-devtools-bridge', payload: { event: 'x' } })",
    "a cancel of nothing": "({ type: 'BUS.CANCEL', payload: { id: 'none' }, id: 'cancel' })",
    "a malformed cancel": "({ type: 'BUS.CANCEL', payload: 'none', id: 'cancel' })",
    "a cancel without payload": "({ type: 'BUS.CANCEL', id: 'cancel' })",
    "a cancel with more": "({ type: 'BUS.CANCEL', payload: { id: 'x', y: 1 }, id: 'cancel' })",
}


@pytest.mark.parametrize("expression", SILENT.values(), ids=SILENT.keys())
def test_what_is_not_a_request_gets_no_reply(raw: Tab, world: World, expression: str) -> None:
    before = len(world.backend.seen)
    # A good request behind it: the bus answers in order, so its answer ends the wait.
    got = raw.run(
        f"""async () => {{
            heard.length = 0;
            rawBus.post({expression});
            rawBus.post({{ type: "AUTH.SSO", id: "after", payload: {{}} }});
            await reply("after");
            return heard.map(({{ data }}) => [data.type, data.id]);
        }}"""
    )
    assert got == [["AUTH.SSO_REJECTED", "after"]]
    assert len(world.backend.seen) == before
