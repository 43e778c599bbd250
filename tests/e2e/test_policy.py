"""What the bus page's policy forbids, tried from inside; and a host that is cross-origin isolated."""

import pytest

from tests.e2e.support.asking import REDIRECT, ask
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

# What a script in the bus page might try, and the directive that stops it. `elsewhere` is a server
# that would answer each of them.
FORBIDDEN = {
    "eval": ("(0, eval)('1')", {"script-src", "require-trusted-types-for"}),
    "Function": ("Function('return 1')()", {"script-src", "require-trusted-types-for"}),
    "markup from text": (
        "document.body.innerHTML = '<b>x</b>'",
        {"require-trusted-types-for"},
    ),
    "a script's address from text": (
        "document.createElement('script').src = elsewhere",
        {"require-trusted-types-for"},
    ),
    "a script's text from text": (
        "document.createElement('script').text = '1'",
        {"require-trusted-types-for"},
    ),
    "a worker": ("new Worker('x.js')", {"require-trusted-types-for"}),
    "a service worker": (
        "navigator.serviceWorker.register('x.js')",
        {"require-trusted-types-for"},
    ),
    "a Trusted Types policy": ("trustedTypes.createPolicy('mine', {})", {"trusted-types"}),
    "a module from elsewhere": ("import(elsewhere)", {"script-src-elem", "script-src"}),
    "a fetch to elsewhere": ("fetch(elsewhere)", {"connect-src"}),
    "an image": ("new Image().src = elsewhere", {"img-src"}),
    "a frame": (
        "document.body.append(Object.assign(document.createElement('iframe'), { src: elsewhere }))",
        {"frame-src"},
    ),
    "a style": (
        "document.head.append(Object.assign(document.createElement('style'), { textContent: '*{}' }))",
        {"style-src-elem", "style-src"},
    ),
    "a base": (
        "document.head.append(Object.assign(document.createElement('base'), { href: elsewhere }))",
        {"base-uri"},
    ),
    "a form": (
        "{ const form = document.createElement('form'); form.action = elsewhere;"
        " document.body.append(form); form.submit(); }",
        {"form-action"},
    ),
}


@pytest.fixture(scope="module")
def bus(open_module_tab: Opener, world: World) -> Tab:
    tab = open_module_tab()
    tab.expect("Content Security", "violates the following", "requires 'Trusted")
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", world.bus())
    return tab


@pytest.mark.parametrize(("attempt", "directives"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_the_policy_forbids(
    bus: Tab, world: World, attempt: str, directives: set[str]
) -> None:
    # In a separate task: a browser may exempt a test driver's code from the policy.
    violated = bus.run_in(
        world.bus(),
        f"""(elsewhere) => new Promise((done) => {{
            addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective), {{ once: true }});
            setTimeout(async () => {{ try {{ await {_expression(attempt)}; }} catch {{}} }});
            setTimeout(() => done("nothing"), 10_000); // where it is not forbidden
        }})""",
        f"{world.stranger}/client.js",
    )
    assert violated in directives
    assert ask(bus, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def _expression(attempt: str) -> str:
    return f"(() => {{ {attempt} }})()" if attempt.startswith("{") else f"({attempt})"


def test_a_host_that_sandboxes_the_bus(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(world.page)
    got = tab.run(
        """async (src, code, redirectUrl) => {
            const made = document.createElement("iframe");
            made.sandbox = "allow-scripts allow-same-origin";
            made.src = src;
            document.body.append(made);
            await hear((data) => data?.type === "BUS.READY");
            made.contentWindow.postMessage(
                { type: "AUTH.SSO", id: "1", payload: { code, redirectUrl } }, new URL(src).origin);
            return reply("1");
        }""",
        world.bus(),
        world.backend.answers(),
        REDIRECT,
    )
    assert got["payload"] == SIGNED_IN


def test_a_host_that_is_cross_origin_isolated(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(f"{world.host}/isolated.html")
    assert tab.run("() => crossOriginIsolated") is True
    tab.run("(src) => embed({ src }).ready", world.bus())
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}


def test_the_page_has_the_policy_even_where_the_server_sends_none(
    open_tab: Opener, world: World
) -> None:
    bare = world.bus("bare", change=lambda folder: (folder / "_headers").unlink())
    tab = open_tab()
    tab.expect("Content Security Policy", "connect-src", "NetworkError", "Load failed")
    tab.goto(world.page)
    tab.run("(src) => embed({ src }).ready", bare)
    violated = tab.run_in(
        bare,
        """(elsewhere) => new Promise((done) => {
            addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            fetch(elsewhere).catch(() => {});
            setTimeout(() => done("nothing"), 10_000); // where there is no policy
        })""",
        f"{world.stranger}/client.js",
    )
    assert violated == "connect-src"
    assert ask(tab, world.backend.answers()) == {"fulfilled": SIGNED_IN}
