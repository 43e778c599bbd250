"""The sign-in helpers: by redirect and by popup, and every answer that is not a good one."""

import base64
import hashlib
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.browsers import launch
from tests.e2e.support.tab import LEFT, Opener, Tab
from tests.e2e.support.unhelped import BACK_FORWARD_CACHE
from tests.e2e.support.world import World

EMBED = "(src) => { embed({ src }); }"
FINISH = "() => finish({ bus })"
KEPT = "() => Object.keys(sessionStorage)"
PRETEND = "() => pretend()"
USED = ["sso-bus.used"]
ASKED_OR_SENT = """async () => {
    asked.then(({ code }) => { window.code = code; });
    while (!window.code && !sent.length) await new Promise((done) => setTimeout(done, 20));
    return window.code;
}"""
"""The code of the error that `asked` ends with; nothing if the bus that the page pretends was asked."""
POPUP_CLOSES = """async () => {
    while (!popup.closed) await new Promise((done) => setTimeout(done, 20)); // WebKit takes its time
    return true;
}"""


def page(world: World) -> str:
    """The host page where sign-ins begin and end."""
    return f"{world.host}/pages/signin.html"


def options(world: World, **plan: str) -> dict[str, Any]:
    return {
        "authorizeUrl": world.provider.url(**plan),
        "clientId": "the-host",
        "redirectUrl": f"{page(world)}?tenant=7",
    }


def go_and_return(tab: Tab, world: World, asked: dict[str, Any], *, bus: bool = True) -> None:
    """Sign in by redirect as far as the return, and embed the bus there, or only what looks like it."""
    tab.goto(page(world))
    tab.run("(options) => { start(options); }", asked)
    tab.wait_for_line("back in the tab")
    tab.run(*[EMBED, world.bus()] if bus else [PRETEND])


def popup(tab: Tab, world: World, asked: dict[str, Any], *, bus: bool = True) -> None:
    """Begin a sign-in by popup; `window.asked` becomes its outcome."""
    tab.goto(page(world))
    tab.run(*[EMBED, world.bus()] if bus else [PRETEND])
    tab.run(
        "(options) => { window.asked = start({ ...options, popup: true, bus }); }",
        asked,
    )


def test_by_redirect(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    asked = options(world, code=code, iss="https://id.example")
    more = {"scope": "openid", "params": {"prompt": "login"}, "issuer": "https://id.example"}
    go_and_return(tab, world, asked | more)
    assert tab.run(FINISH) == {"fulfilled": SIGNED_IN}

    request = world.provider.seen[-1]
    (seen,) = world.backend.of(code)
    challenge = hashlib.sha256(seen.body["codeVerifier"].encode()).digest()
    assert request["code_challenge"] == base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    assert request["code_challenge_method"] == "S256"
    assert request["response_type"] == "code"
    assert (request["client_id"], request["scope"]) == ("the-host", "openid")
    assert request["prompt"] == "login"
    assert "nonce" not in request
    assert seen.body["redirectUrl"] == request["redirect_uri"] == asked["redirectUrl"]
    # Nothing stays behind: not in the address, the history's entry, or the storage.
    assert tab.run("() => location.search") == "?tenant=7"
    assert tab.run(KEPT) == USED
    assert tab.run(FINISH) is None


def test_each_sign_in_has_a_state_a_verifier_and_a_nonce_of_its_own(
    open_tab: Opener, world: World
) -> None:
    del world.provider.seen[:]
    for _ in range(2):
        tab = open_tab()
        go_and_return(tab, world, options(world, error="access_denied") | {"nonce": True})
        assert tab.run(FINISH)["code"] == "PROVIDER_ERROR"
    first, second = world.provider.seen
    for name in ("state", "nonce", "code_challenge"):
        assert len({first[name], second[name]}) == 2
        assert len(first[name]) >= 43  # 256 random bits


def test_an_error_of_the_provider(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    answer = {"error": "access_denied", "error_description": "The user said no."}
    go_and_return(tab, world, options(world, **answer))
    got = tab.run(FINISH)
    assert (got["code"], got["error"]) == ("PROVIDER_ERROR", answer)
    assert tab.run("() => location.search") == "?tenant=7"


@pytest.mark.parametrize("iss", ["https://evil.example", None])
def test_another_issuer(open_tab: Opener, world: World, iss: str | None) -> None:
    """A mix-up (RFC 9207): the answer of one provider is not taken for another's."""
    code = world.backend.answers()
    tab = open_tab()
    plan = {"code": code} | ({"iss": iss} if iss else {})
    go_and_return(tab, world, options(world, **plan) | {"issuer": "https://id.example"})
    got = tab.run(FINISH)
    assert got["code"] == "ISSUER_MISMATCH"
    assert all(shown in got["message"] for shown in (iss or "missing", "https://id.example"))
    assert not world.backend.of(code)


def test_somebody_elses_answer(open_tab: Opener, world: World) -> None:
    """A forged return signs nobody in, and leaves the sign-in under way as it was."""
    forged, code = world.backend.answers(name="forged"), world.backend.answers()
    tab = open_tab().goto(page(world))
    tab.expect(*LEFT)  # the first bus, which may still boot when the page is left
    tab.run("(options) => { start(options); }", options(world, stay="1"))
    tab.wait_for_line("at the provider")
    # Somebody sends the tab to the redirect page.
    tab.goto(f"{page(world)}?tenant=7&code={forged}&state=made-up")
    tab.run(EMBED, world.bus())
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert not world.backend.of(forged)
    state = world.provider.seen[-1]["state"]
    tab.goto(f"{page(world)}?tenant=7&code={code}&state={state}")
    tab.run(EMBED, world.bus())
    assert tab.run(FINISH) == {"fulfilled": SIGNED_IN}


@pytest.mark.engines("chromium")
@pytest.mark.parametrize(
    "other",
    [
        "/pages/signin.html?tenant=8",
        "/pages/signin.html?tenant=7&tenant=8",
        "/pages/signin.html",
        "/pages/other.html?tenant=7",
    ],
)
def test_an_answer_at_another_page(open_tab: Opener, world: World, other: str) -> None:
    """RFC 9700, 4.4: the address at which an answer arrives shows which provider it is from."""
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    tab.run(
        """(other) => {
            const { searchParams } = new URL(location.href);
            searchParams.delete("tenant");
            history.replaceState(null, "", `${other}${other.includes("?") ? "&" : "?"}${searchParams}`);
        }""",
        other,
    )
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert tab.run("() => sent") == []
    assert tab.run("() => location.pathname + location.search") == other
    assert tab.run(KEPT) == USED


@pytest.mark.engines("chromium")
@pytest.mark.parametrize(
    "answer",
    [
        "?code=ac_1&state=foreign",
        "?code=ac_1&state=popup.abc",
        "?error=access_denied",
        "?error=access_denied&state=foreign",
        "?code=a&code=b&state=foreign",
        "#code=ac_1&state=foreign",
    ],
)
def test_another_flows_answer_is_left_alone(open_tab: Opener, world: World, answer: str) -> None:
    """Also while a sign-in is under way, unless it comes to the redirect URL of that."""
    tab = open_tab().goto(page(world) + answer)
    tab.run(PRETEND)
    assert tab.run(FINISH) is None
    tab.run("(options) => { start(options); }", options(world, stay="1"))
    tab.wait_for_line("at the provider")
    tab.goto(page(world) + answer)
    tab.run(PRETEND)
    assert tab.run(FINISH) is None
    assert tab.run("() => location.search + location.hash") == answer
    # A journey that is too old is under way no more.
    tab.goto(f"{page(world)}?tenant=7&{answer[1:]}")
    tab.run("() => { pretend(); const { now } = Date; Date.now = () => now() + 7_200_000; }")
    assert tab.run(FINISH) is None


@pytest.mark.engines("chromium")
def test_what_another_program_keeps_under_that_name_is_no_journey(
    open_tab: Opener, world: World
) -> None:
    tab = open_tab().goto(f"{page(world)}?code=x&state=y")
    for text in ("{}", "1", "null", "{"):
        tab.run("(text) => { pretend(); sessionStorage.setItem('sso-bus.journey', text); }", text)
        assert tab.run(FINISH) is None


def test_an_error_without_a_state(open_tab: Opener, world: World) -> None:
    """Some providers leave it out. It proves nothing, so the sign-in under way is left as it is."""
    tab = open_tab()
    asked = options(world, error="access_denied", state="") | {"issuer": "https://id.example"}
    tab.goto(page(world))
    tab.run("(options) => { start(options); }", asked)
    tab.wait_for_line("an error in the tab")
    tab.run(PRETEND)
    got = tab.run("() => Promise.all([finish({ bus }), finish({ bus })])")
    denied = ("PROVIDER_ERROR", {"error": "access_denied"})
    assert [(each["code"], each["error"]) for each in got] == [denied, denied]
    assert tab.run("() => location.search") == "?tenant=7"
    assert tab.run(KEPT) == ["sso-bus.journey"]
    tab.run("() => history.replaceState(null, '', '?tenant=7&error=access_denied')")
    assert tab.run("() => location.search") == "?tenant=7"
    assert tab.run(FINISH) is None


# -- the address ----------------------------------------------------------------------------------


def test_the_address_stays_clean(open_tab: Opener, world: World) -> None:
    """Routers keep the address that a page began with, and write it back, now or much later."""
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    got = tab.run(
        """async () => {
            const { href } = location;
            const path = location.pathname + location.search;
            const seen = [];
            const look = () => {
                seen.push(location.search + location.hash);
                for (const word of ["code", "state"])
                    if (JSON.stringify(history.state ?? "").includes(`${word}=`)) seen.push(history.state);
            };
            const gone = (name) => new Promise((done) => addEventListener(name, () => done(), { once: true }));
            history.replaceState({ current: path, at: [0], on: new Date(0) }, "", href);
            history.pushState({ current: path }, "", `${href}#again`);
            finish({ bus });
            look();
            const back = gone("popstate");
            history.back();
            await back;
            look();
            seen.push(history.state.on instanceof Date);
            history.replaceState({ current: path, within: [{ path }] }, "", href);
            look();
            history.pushState(null, "", new URL(href));
            look();
            History.prototype.pushState.call(history, null, "", `${href}#x`);
            const hash = gone("hashchange");
            location.hash = `#/callback${new URL(href).search}`;
            await hash;
            look();
            history.pushState({ n: 1 }, "", "?code=discount&state=Ohio#kept");
            look();
            history.pushState({ n: 1 }, "");
            look();
            return [seen, await Promise.race([finish({ bus }).then(() => "joined"), "under way"]), sent.length];
        }"""
    )
    clean = "?tenant=7"
    hashed = f"{clean}#/callback?tenant=7"
    foreign = "?code=discount&state=Ohio#kept"
    assert got == [
        [f"{clean}#again", clean, True, clean, clean, hashed, foreign, foreign],
        "under way",
        1,
    ]


def test_the_history_takes_and_refuses_what_it_did_before(open_tab: Opener, world: World) -> None:
    """A router must not notice that it is watched: not in what is kept, returned or thrown."""
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    got = tab.run(
        """() => {
            const around = { list: [, "a?b=1"], map: new Map([["state", 1]]), code: "code=1" };
            Object.assign(around, { around, same: around.list });
            const { pushState } = history;
            const calls = [
                () => history.pushState(),
                () => history.pushState({}),
                () => history.pushState({ call() {} }, ""),
                () => history.replaceState(new Proxy({ a: 1 }, {}), ""),
                () => history.replaceState({}, "", "http://["),
                () => history.replaceState({}, "", "https://elsewhere.example/"),
                () => history.replaceState({}, "", { toString() { throw new RangeError("mine"); } }),
                () => history.replaceState({}, "", Symbol("x")),
                () => history.pushState.call({}, {}, ""),
                () => history.replaceState("text", "", ""),
                () => history.replaceState(undefined, "", null),
                () => history.replaceState(around, "", "?tenant=7&state=Ohio&scope=all#a?hd=1"),
            ];
            const outcomes = () => calls.map((call) => {
                try {
                    const returned = String(call());
                    const { state } = history;
                    const kept = state?.around === state && state?.same === state?.list && [...(state?.map ?? [])].length;
                    return [returned, kept, 0 in (state?.list ?? []), state?.list?.length, state?.list?.[1], location.href];
                } catch (error) {
                    return [error.name, location.href];
                }
            });
            const { href } = location;
            history.replaceState(null, "", "?tenant=7");
            const before = JSON.stringify(outcomes());
            history.replaceState(null, "", href);
            finish({ bus });
            if (history.pushState === pushState) return ["nobody watches"];
            history.replaceState(null, "", href);
            const clean = location.search;
            return [clean, before, JSON.stringify(outcomes())];
        }"""
    )
    clean, before, after = got
    assert clean == "?tenant=7"
    assert after == before
    assert "SecurityError" in before


def test_a_state_that_holds_the_answer_loses_only_that(open_tab: Opener, world: World) -> None:
    """Also one that holds itself again and again, and one that no walk could get through."""
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    got = tab.run(
        """() => {
            const { href } = location;
            finish({ bus });
            const state = { at: href, bytes: new Uint8Array(3), on: new Date(7), set: new Set([1]) };
            state.all = Array.from({ length: 30 }, () => state); // as many ways through it as stars
            state.toString = "mine";
            const given = JSON.stringify(Object.keys(state));
            history.replaceState(state, "", href);
            const kept = history.state;
            let deep = { at: href };
            for (let n = 0; n < 500; n++) deep = { deep };
            history.replaceState(deep, "");
            return [
                kept.at.replace(location.origin, ""),
                kept.all.every((one) => one === kept),
                [kept.bytes.length, kept.on.getTime(), kept.set.has(1)],
                state.at === href,
                given === JSON.stringify(Object.keys(state)),
                location.search,
                JSON.stringify(history.state).includes("code="),
            ];
        }"""
    )
    assert got == [
        "/pages/signin.html?tenant=7",
        True,
        [3, 7, True],
        True,
        True,
        "?tenant=7",
        False,
    ]


@pytest.mark.engines("chromium")
def test_a_history_that_cannot_be_watched_or_written_ends_no_sign_in(
    open_tab: Opener, world: World
) -> None:
    """Others freeze it, and browsers allow so many changes in a time."""
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    got = tab.run(
        """async () => {
            for (const name of ["pushState", "replaceState"])
                Object.defineProperty(history, name, { value() { throw new DOMException("Too many", "SecurityError"); } });
            const asked = finish({ bus });
            while (!sent.length) await null;
            answer("session");
            return [await asked, sent[0].payload.code];
        }"""
    )
    assert got == [{"fulfilled": "session"}, "x"]


@pytest.mark.engines("chromium")
def test_states_that_begin_alike_are_told_apart(open_tab: Opener, world: World) -> None:
    """As those of other flows do that are signed tokens: only this tab's own may be cut."""
    tab = open_tab().goto(page(world))
    tab.run("(options) => { start(options); }", options(world, stay="1"))
    tab.wait_for_line("at the provider")
    alike = "eyJhbGciOiJIUzI1NiJ9eyJhbGci"
    tab.goto(f"{page(world)}?tenant=7&code=a&state={alike}.1")
    tab.run(PRETEND)
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert tab.run("() => location.search") == "?tenant=7"
    for number, left in ((1, ""), (2, f"?code=a&state={alike}.2")):
        tab.run(
            "(query) => history.replaceState(null, '', location.pathname + query)",
            f"?code=a&state={alike}.{number}",
        )
        assert tab.run("() => location.search") == left


def test_a_used_address_that_is_loaded_again(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    address = tab.run("() => location.href")
    tab.run("async () => { finish({ bus }); while (!sent.length) await null; answer({}); }")
    tab.goto("about:blank")
    tab.goto(address)
    tab.run(PRETEND)
    assert tab.run(FINISH) is None
    assert tab.run("() => location.search") == "?tenant=7"
    assert tab.run("() => sent") == []
    # Only as much of the state is kept as identifies it.
    state = world.provider.seen[-1]["state"]
    assert tab.run("() => sessionStorage['sso-bus.used']") == f'["{state[:20]}"]'


@pytest.mark.engines("chromium")
def test_what_providers_add_goes_with_the_answer(open_tab: Opener, world: World) -> None:
    """And all else stays, character for character."""
    tab = open_tab()
    more = {
        "scope": "openid email",
        "authuser": "0",
        "prompt": "consent",
        "hd": "example.com",
        "session_state": "s",
        "client_info": "c",
    }
    go_and_return(tab, world, options(world, code="x", **more), bus=False)
    tab.run("() => history.replaceState(null, '', `${location.href}&q=a%20b+c'#/r?scope=mine`)")
    tab.run("() => { finish({ bus }); }")
    assert (
        tab.run("() => location.search + location.hash") == "?tenant=7&q=a%20b+c%27#/r?scope=mine"
    )


@pytest.mark.engines("chromium")
@pytest.mark.parametrize(
    ("form", "left"), [("#{}", ""), ("#/{}", "#/"), ("#/callback?{}", "#/callback")]
)
def test_an_answer_in_the_fragment(open_tab: Opener, world: World, form: str, left: str) -> None:
    tab = open_tab()
    asked = options(world, code="x", scope="openid") | {"params": {"response_mode": "fragment"}}
    go_and_return(tab, world, asked, bus=False)
    tab.run("(form) => { location.hash = form.replace('{}', location.hash.slice(1)); }", form)
    got = tab.run("() => { const asked = finish({ bus }); return Promise.race([asked, null]); }")
    assert got is None
    assert tab.run("() => sent[0].payload.code") == "x"
    assert tab.run("() => location.search + location.hash") == f"?tenant=7{left}"


def test_an_answer_counts_once(open_tab: Opener, world: World) -> None:
    """Whatever brings it back, and however: here around all that keeps it away."""
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    address = tab.run("() => location.href")
    assert tab.run(FINISH) == {"fulfilled": SIGNED_IN}
    tab.run(
        """(address) => {
            History.prototype.replaceState.call(history, null, "", address);
        }""",
        address,
    )
    assert tab.run(FINISH) is None
    assert tab.run("() => location.search") == "?tenant=7"
    assert len(world.backend.of(code)) == 1


def test_an_answer_with_a_parameter_twice_is_nobodys(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    tab.run("() => history.replaceState(null, '', `${location.href}&code=injected`)")
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert tab.run("() => location.search") == "?tenant=7"
    assert not world.backend.of(code)


def test_an_answer_that_comes_hours_later(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    tab.run("() => { const { now } = Date; Date.now = () => now() + 7_200_000; }")
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert not world.backend.of(code)


def test_a_code_that_was_sent_is_not_sent_again(open_tab: Opener, world: World) -> None:
    """A caller that cancels and calls again gets nothing: the code may be used up."""
    code = world.backend.hangs()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    tab.run(
        """() => {
            window.control = new AbortController();
            window.asked = finish({ bus, signal: control.signal });
        }"""
    )
    world.backend.wait_for(code)
    got = tab.run(
        """async () => {
            control.abort();
            return [(await asked).code, await finish({ bus })];
        }"""
    )
    assert got == ["ABORTED", None]
    assert len(world.backend.of(code)) == 1


def test_no_secret_stays_or_is_said(open_tab: Opener, world: World) -> None:
    """Code, state, nonce and verifier: not in the console, the storage, the history or another frame."""
    code = world.backend.answers({"why": "no"}, 403)
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    tab.run("(src) => { embed({ src, debug: true }); }", world.bus())
    tab.run(
        "(src) => { const other = document.createElement('iframe'); other.src = src; document.body.append(other); }",
        world.page,
    )
    assert tab.run(FINISH)["code"] == "REJECTED"
    verifier = world.backend.of(code)[0].body["codeVerifier"]
    everything = "\n".join(
        [
            *tab.lines,
            tab.run(
                "() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, history.state])"
            ),
            tab.run(
                "() => location.href + document.documentElement.outerHTML + JSON.stringify(heard)"
            ),
            tab.run_in(world.page, "() => JSON.stringify([window.heard, document.referrer])"),
        ]
    )
    assert "-> AUTH.SSO" in everything
    for secret in (code, verifier, world.provider.seen[-1]["state"]):
        assert secret not in everything


def test_no_answer_is_nothing_to_finish(open_tab: Opener, world: World) -> None:
    for query in ("", "?code=a-discount", "?state=Ohio"):
        tab = open_tab().goto(page(world) + query)
        tab.run(EMBED, world.bus())
        assert tab.run(FINISH) is None
        assert tab.run("() => location.search") == query


def test_effects_that_run_twice_share_one_exchange(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    assert (
        tab.run("() => Promise.all([finish({ bus }), finish({ bus })])")
        == [{"fulfilled": SIGNED_IN}] * 2
    )
    assert len(world.backend.of(code)) == 1


def test_effects_that_run_twice_with_a_bus_each(open_tab: Opener, world: World) -> None:
    """As React's strict mode does: mount, clean up, mount again, all at once."""
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    got = tab.run(
        """async (src) => {
            const first = finish({ bus });
            bus.destroy();
            embed({ src });
            const second = finish({ bus });
            return [(await first).code, await second];
        }""",
        world.bus(),
    )
    assert got == ["DESTROYED", {"fulfilled": SIGNED_IN}]
    assert len(world.backend.of(code)) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_who_cleans_up_before_the_code_was_sent_loses_nothing(
    open_tab: Opener, world: World, *, at_once: bool
) -> None:
    """As an effect with an AbortController does: mount, clean up, mount again."""
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code), bus=False)
    got = tab.run(
        """async (src, atOnce) => {
            embed({ src });
            const control = new AbortController();
            const first = finish({ bus, signal: control.signal });
            control.abort();
            if (!atOnce) await first;
            const third = finish({ bus, signal: control.signal });
            const second = finish({ bus, signal: new AbortController().signal });
            return [(await first).code, (await third).code, await second];
        }""",
        world.bus(),
        at_once,
    )
    assert got == ["ABORTED", "ABORTED", {"fulfilled": SIGNED_IN}]
    assert len(world.backend.of(code)) == 1


@pytest.mark.engines("chromium")
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        # Each caller has its own time limit and signal, no matter who came first.
        (
            """const first = finish({ bus, timeout: 50 });
            const second = finish({ bus });
            const results = [(await first).code];
            answer("session");
            return [...results, await second, sent.length];""",
            ["TIMEOUT", {"fulfilled": "session"}, 1],
        ),
        (
            """const first = finish({ bus });
            const second = finish({ bus, timeout: 50 });
            const results = [(await second).code];
            answer("session");
            return [...results, await first, sent.length];""",
            ["TIMEOUT", {"fulfilled": "session"}, 1],
        ),
        (
            """const control = new AbortController();
            const first = finish({ bus, signal: control.signal });
            const second = finish({ bus });
            await null;
            await null;
            control.abort();
            const results = [(await first).code];
            answer("session");
            return [...results, await second, sent.length];""",
            ["ABORTED", {"fulfilled": "session"}, 1],
        ),
        # A caller without a limit gets the bus's own; Infinity is a limit too.
        (
            """bus.timeout = 50;
            const first = finish({ bus });
            const second = finish({ bus, timeout: Infinity });
            const results = [(await first).code];
            answer("session");
            return [...results, await second, sent.length];""",
            ["TIMEOUT", {"fulfilled": "session"}, 1],
        ),
        # The last one to go cancels it, and as it was sent, that is the end.
        (
            """const first = finish({ bus, timeout: 20 });
            const second = finish({ bus, timeout: 50 });
            const results = [(await first).code, sent.length, (await second).code];
            return [...results, sent.slice(1), await finish({ bus })];""",
            ["TIMEOUT", 1, "TIMEOUT", ["cancelled"], None],
        ),
        # Invalid options are reported before anything is taken.
        (
            """const results = [];
            for (const wrong of [{}, { bus, timeout: NaN }, { bus, timeout: "5" }, { bus, timeout: -1 }])
                results.push((await finish(wrong)).thrown.split(":")[0]);
            const asked = finish({ bus });
            await null;
            await null;
            answer("session");
            return [...results, await asked];""",
            [*["TypeError"] * 4, {"fulfilled": "session"}],
        ),
    ],
)
def test_one_exchange_and_limits_of_each_ones_own(
    open_tab: Opener, world: World, script: str, outcome: list[Any]
) -> None:
    tab = open_tab()
    go_and_return(tab, world, options(world, code="x"), bus=False)
    assert tab.run(f"async () => {{ {script} }}") == outcome


def test_an_error_of_the_bus_passes_through(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    go_and_return(tab, world, options(world, code=world.backend.answers({"why": "no"}, 403)))
    got = tab.run(FINISH)
    assert (got["code"], got["error"]) == ("REJECTED", {"why": "no"})


def test_options_that_cannot_work(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(page(world))
    good = options(world, stay="1")
    for wrong in (
        {"redirectUrl": f"{world.other}/pages/signin.html"},
        {"redirectUrl": f"{page(world)}#/route"},
        {"redirectUrl": f"{page(world)}#"},
        {"redirectUrl": page(world).replace("//", "//user@")},
        {"redirectUrl": page(world).replace("//", "//:secret@")},
        {"redirectUrl": f"{page(world)}?{'x' * 2048}"},
        {"redirectUrl": f"{page(world)}?a=é"},
        {"redirectUrl": f"{page(world)}?a= b"},
        {"redirectUrl": f"{world.host}\\a"},
        {"redirectUrl": f"{page(world)}?state=CA"},
        {"authorizeUrl": "https://user@id.example.com/authorize"},
        {"authorizeUrl": "https://id.example.com/authorize#"},
        {"authorizeUrl": "javascript:alert(1)"},
        {"authorizeUrl": "http://id.example.com/authorize"},
        {"clientId": ""},
        {"authorizeUrl": ""},
        {"popup": True},
    ):
        assert "TypeError" in tab.run("(options) => start(options)", good | wrong)["thrown"], wrong
    tab.run(PRETEND)
    for limit in ("NaN", "-1", "'5'"):
        got = tab.run(
            f"(options) => start({{ ...options, popup: true, bus, timeout: {limit} }})", good
        )
        assert "TypeError" in got["thrown"]
    assert tab.run("() => window.popup") is None
    assert tab.run(KEPT) == []


@pytest.mark.engines("chromium")
def test_parameters_that_are_left_out_and_spaces(open_tab: Opener, world: World) -> None:
    """Spaces are %20: not every provider reads + as one."""
    tab = open_tab().goto(page(world))
    asked = options(world, code="x") | {"scope": "openid a+b", "redirectUrl": "/pages/signin.html"}
    tab.run(
        """(options) => {
            start({ ...options, params: { login_hint: undefined, hd: null, ui_locales: "de en", state: "mine" } });
        }""",
        asked,
    )
    tab.wait_for_line("back in the tab")
    seen, raw = world.provider.seen[-1], world.provider.raw[-1]
    assert seen.keys() == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "ui_locales"),
        *("code_challenge", "code_challenge_method"),
    }
    assert (seen["scope"], seen["ui_locales"]) == ("openid a+b", "de en")
    assert seen["state"] != "mine"
    assert seen["redirect_uri"] == page(world)
    assert "scope=openid%20a%2Bb" in raw
    assert "ui_locales=de%20en" in raw


# -- with what the bus knows -----------------------------------------------------------------------

ISSUER = "https://id.example"


def knows(world: World, plan: dict[str, str], **more: Any) -> dict[str, Any]:
    """What BUS.READY says of a provider that answers by a plan."""
    return {
        "authorizeUrl": world.provider.url(**plan),
        "clientId": "crm",
        "scope": "openid profile",
        "issuer": ISSUER,
        "issRequired": True,
        "params": {},
    } | more


def short(
    tab: Tab, world: World, authorization: Any, asked: dict[str, Any] | None = None, *, by: str
) -> None:
    """Begin a sign-in with a bus that says where, and go as far as its answer; `asked` is its outcome."""
    tab.goto(page(world))
    tab.run(
        """(authorization, options, by) => {
            pretend(authorization);
            window.asked = start({ bus, redirectUrl: location.pathname, ...options, popup: by === "popup" });
        }""",
        authorization,
        asked or {},
        by,
    )
    if by == "redirect":
        tab.wait_for_line("back in the tab")
        tab.run("() => { pretend(); window.asked = finish({ bus }); }")


SENT = """async () => {
    const first = await Promise.race([asked, (async () => {
        while (!sent.length) await new Promise((done) => setTimeout(done, 20));
        return sent[0];
    })()]);
    window.answer?.("session");
    return [first, await asked];
}"""
BOTH_WAYS = pytest.mark.parametrize("by", ["redirect", "popup"])


@pytest.mark.engines("chromium")
@BOTH_WAYS
def test_the_bus_says_where_and_how(open_tab: Opener, world: World, by: str) -> None:
    tab = open_tab()
    params = {"prompt": "consent", "resource": ["https://a.example", "https://b.example"]}
    short(tab, world, knows(world, {"code": "x", "iss": ISSUER}, params=params), by=by)
    first, outcome = tab.run(SENT)
    assert outcome == {"fulfilled": "session"}
    asked, raw = world.provider.seen[-1], world.provider.raw[-1]
    assert (asked["client_id"], asked["scope"], asked["prompt"]) == (
        "crm",
        "openid profile",
        "consent",
    )
    assert asked["code_challenge_method"] == "S256"
    assert "resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example" in raw
    assert first["type"] == "AUTH.SSO"
    assert first["payload"].keys() == {"code", "redirectUrl", "codeVerifier", "nonce"}
    assert first["payload"]["nonce"] == asked["nonce"]
    assert first["payload"]["redirectUrl"] == asked["redirect_uri"] == page(world)


EVIL = "https://evil.example"


def answered(world: World, iss: str | None, required: bool) -> dict[str, Any]:
    """What BUS.READY says of a provider whose answer has this `iss`, or none."""
    plan = {"code": "x"} | ({"iss": iss} if iss else {})
    return knows(world, plan, issRequired=required)


@pytest.mark.engines("chromium")
@BOTH_WAYS
@pytest.mark.parametrize(
    ("iss", "required"), [(None, True), (EVIL, True), (EVIL, False), (f"{ISSUER}/", False)]
)
def test_a_mix_up(open_tab: Opener, world: World, by: str, iss: str | None, required: bool) -> None:
    """RFC 9207: with no option of the host's, the answer of another provider is refused."""
    tab = open_tab()
    short(tab, world, answered(world, iss, required), by=by)
    assert tab.run(ASKED_OR_SENT) == "ISSUER_MISMATCH"
    assert tab.run("() => sent") == []


@pytest.mark.engines("chromium")
@BOTH_WAYS
@pytest.mark.parametrize(("iss", "required"), [(ISSUER, True), (ISSUER, False), (None, False)])
def test_no_mix_up(
    open_tab: Opener, world: World, by: str, iss: str | None, required: bool
) -> None:
    tab = open_tab()
    short(tab, world, answered(world, iss, required), by=by)
    first, outcome = tab.run(SENT)
    assert first["payload"]["code"] == "x"
    assert outcome == {"fulfilled": "session"}


@pytest.mark.engines("chromium")
def test_what_the_host_says_counts(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    known = knows(world, {"code": "x"}, params={"prompt": "consent", "hd": "a", "max_age": "60"})
    asked = {
        "scope": "openid",
        "clientId": "other",
        "nonce": False,
        "params": {"prompt": None, "hd": "b", "login_hint": "ada"},
    }
    short(tab, world, known | {"issRequired": False}, asked, by="popup")
    first, _ = tab.run(SENT)
    assert "nonce" not in first["payload"]
    seen = world.provider.seen[-1]
    assert {
        name: seen.get(name) for name in ("client_id", "scope", "prompt", "hd", "login_hint")
    } == {
        "client_id": "other",
        "scope": "openid",
        "prompt": None,
        "hd": "b",
        "login_hint": "ada",
    }
    assert "nonce" not in seen
    assert seen["max_age"] == "60"
    # An issuer of its own must be named in the answer, as anywhere.
    for issuer in ("https://mine.example", ISSUER):
        short(tab, world, known | {"issRequired": False}, {"issuer": issuer}, by="popup")
        assert tab.run("() => asked")["code"] == "ISSUER_MISMATCH"
    # What is empty says nothing.
    empty = {"scope": "", "clientId": "", "authorizeUrl": "", "issuer": "", "nonce": None}
    short(tab, world, knows(world, {"code": "x", "iss": ISSUER}), empty, by="popup")
    assert tab.run(SENT)[1] == {"fulfilled": "session"}
    assert world.provider.seen[-1]["scope"] == "openid profile"
    assert "nonce" in world.provider.seen[-1]


@pytest.mark.engines("chromium")
def test_a_host_that_says_all_waits_for_no_bus(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(page(world))
    got = tab.run(
        """async (options) => {
            pretend();
            bus.ready = new Promise(() => {});
            window.asked = start({ ...options, popup: true, bus });
            while (!sent.length) await new Promise((done) => setTimeout(done, 20));
            answer("session");
            return asked;
        }""",
        options(world, code="x"),
    )
    assert got == {"fulfilled": "session"}


@pytest.mark.engines("chromium")
@pytest.mark.parametrize("popup", [False, True])
def test_a_bus_that_does_not_say_where(open_tab: Opener, world: World, popup: bool) -> None:
    tab = open_tab().goto(page(world))
    got = tab.run(
        """async (popup) => {
            pretend();
            const asked = { bus, redirectUrl: location.pathname, popup };
            const results = [await start(asked)];
            bus.ready = Promise.reject(new Error("gone"));
            bus.ready.catch(() => {});
            results.push(await start(asked));
            bus.ready = Promise.resolve({ authorization: { authorizeUrl: "http://id.example/" } });
            results.push(await start(asked));
            return [...results.map(({ code, thrown }) => code ?? thrown), window.popup?.closed, sent];
        }""",
        popup,
    )
    assert got[:2] == ["MISCONFIGURED", "Error: gone"]
    assert got[2].startswith("TypeError: authorizeUrl must be https:")
    assert got[3:] == [True if popup else None, []]
    assert tab.run(KEPT) == []


@pytest.mark.engines("chromium")
def test_while_the_bus_is_waited_for(open_tab: Opener, world: World) -> None:
    """The window is there at once, which only a click allows; its user and the host may give up."""
    tab = open_tab().goto(page(world))
    got = tab.run(
        """async (authorization) => {
            pretend();
            let ready;
            bus.ready = new Promise((resolve) => { ready = resolve; });
            const control = new AbortController();
            const options = { bus, redirectUrl: location.pathname, popup: true };
            const aborted = start({ ...options, signal: control.signal });
            const first = popup;
            const closed = start(options);
            const second = popup;
            const good = start(options);
            control.abort();
            second.close();
            const codes = [(await aborted).code, (await closed).code, first.closed, popup.closed];
            ready({ authorization });
            while (!sent.length) await new Promise((done) => setTimeout(done, 20));
            answer("session");
            return [...codes, await good, sent.length];
        }""",
        knows(world, {"code": "x", "iss": ISSUER}),
    )
    assert got == ["ABORTED", "POPUP_CLOSED", True, False, {"fulfilled": "session"}, 1]


@pytest.mark.engines("chromium")
def test_parameters_of_open_id_connect(open_tab: Opener, world: World) -> None:
    """OpenID Connect Core 1.0, 3.1.2.1: they go out as they are, whoever names them."""
    of_the_host = {
        "response_mode": "fragment",
        "display": "page",
        "prompt": "login consent",
        "ui_locales": "de en",
        "login_hint": "ada@example.com",
    }
    of_the_bus = {"max_age": "0", "acr_values": "urn:example:mfa 2"}
    tab = open_tab()
    for by in ("redirect", "popup"):
        known = knows(world, {"code": "x", "iss": ISSUER}, params=of_the_bus)
        short(tab, world, known, {"params": of_the_host}, by=by)
        assert tab.run(SENT)[1] == {"fulfilled": "session"}
        assert (world.provider.seen[-1].items()) >= (of_the_host | of_the_bus).items()


# -- by redirect, once more ------------------------------------------------------------------------


def test_who_comes_back_without_an_answer_is_told(playwright: Playwright, world: World) -> None:
    with launch(playwright, "chromium", **BACK_FORWARD_CACHE["chromium"]) as browser:
        tab = Tab(browser)
        tab.goto(page(world))
        tab.run("(options) => { window.asked = start(options); }", options(world, stay="1"))
        tab.page.wait_for_url(f"{world.provider.origin}/**")
        tab.page.go_back(wait_until="commit")
        assert tab.run("() => asked")["code"] == "ABORTED"
        assert tab.close() == []


# -- by popup --------------------------------------------------------------------------------------


def test_by_popup(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    popup(tab, world, options(world, code=code))
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    (seen,) = world.backend.of(code)
    assert seen.body["redirectUrl"] == f"{page(world)}?tenant=7"
    assert tab.run(POPUP_CLOSES)
    assert tab.run(KEPT) == []
    assert tab.run("() => heard.filter(({ data }) => data.payload?.code)") == []


def test_a_popup_that_the_user_closes(open_tab: Opener, world: World) -> None:
    tab = open_tab()
    popup(tab, world, options(world, stay="1"))
    tab.run("() => popup.close()")
    assert tab.run("() => asked")["code"] == "POPUP_CLOSED"


def test_a_popup_that_is_blocked(open_tab: Opener, world: World) -> None:
    """Seen where every engine blocks it: in a frame whose sandbox does not allow popups."""
    tab = open_tab().goto(world.page)
    tab.run(
        """(src) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts allow-same-origin";
            frame.src = src;
            frame.onload = done;
            document.body.append(frame);
        })""",
        page(world),
    )
    got = tab.run_in(
        page(world),
        """async (src, options) => {
            embed({ src });
            return start({ ...options, popup: true, bus });
        }""",
        world.bus(),
        options(world, stay="1"),
    )
    assert got.get("code") == "POPUP_BLOCKED", got


def test_a_popup_is_aborted(open_tab: Opener, world: World) -> None:
    tab = open_tab().goto(page(world))
    tab.run(EMBED, world.bus())
    got = tab.run(
        """async (options) => {
            const control = new AbortController();
            const asked = start({ ...options, popup: true, bus, signal: control.signal });
            control.abort();
            return [(await asked).code, popup.closed];
        }""",
        options(world, stay="1"),
    )
    assert got == ["ABORTED", True]


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"error": "login_required", "iss": "https://id.example"}, "PROVIDER_ERROR"),
        ({"code": "x", "state": "forged"}, "STATE_MISMATCH"),
        ({"code": "x", "iss": "https://evil.example"}, "ISSUER_MISMATCH"),
    ],
)
def test_a_popup_with_a_bad_answer(
    open_tab: Opener, world: World, plan: dict[str, str], code: str
) -> None:
    tab = open_tab()
    popup(tab, world, options(world, **plan) | {"issuer": "https://id.example"})
    assert tab.run("() => asked")["code"] == code
    assert tab.run(POPUP_CLOSES)


def test_an_answer_in_a_popup_that_nobody_here_asked_for(open_tab: Opener, world: World) -> None:
    """It is left alone, as anywhere else, even if its opener waits for another popup."""
    tab = open_tab().goto(page(world))
    got = tab.run(
        """(options, address) => new Promise((done) => {
            pretend();
            start({ ...options, popup: true, bus });
            const waiting = popup;
            const tab = open(address);
            const look = () => tab.finish && tab.loaded
                ? done(tab.finish({}).then((got) => [got, tab.location.search]).finally(() => { tab.close(); waiting.close(); }))
                : setTimeout(look, 20);
            look();
        })""",
        options(world, stay="1"),
        f"{page(world)}?tenant=7&code=x&state=popup.abc",
    )
    assert got == [None, "?tenant=7&code=x&state=popup.abc"]


def test_by_popup_with_a_redirect_page_that_finishes(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    asked = options(world, code=code)
    asked["redirectUrl"] += "&finish=1"
    popup(tab, world, asked)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert len(world.backend.of(code)) == 1
    assert tab.run(POPUP_CLOSES)


def test_a_redirect_page_that_finishes_and_goes_on_at_once(open_tab: Opener, world: World) -> None:
    """The answer is with the opener before it does, also where timers are slow or stand still."""
    tab = open_tab().goto(page(world))
    asked = options(world, code="x")
    asked["redirectUrl"] += "&finish=1&go-on=1"
    got = tab.run(
        """async (options) => {
            pretend();
            const plain = window.setTimeout;
            window.setTimeout = (callback, time) => time === 50 || plain(callback, time);
            const asked = start({ ...options, popup: true, bus });
            while (!sent.length) await new Promise((done) => plain(done, 20));
            answer("session");
            return [await asked, sent[0].payload.code, popup.closed];
        }""",
        asked,
    )
    assert got == [{"fulfilled": "session"}, "x", True]


@pytest.mark.parametrize("silent", ["", "?silent=1"])
def test_a_redirect_page_that_knows_nothing_and_goes_on_at_once(
    open_tab: Opener, world: World, silent: str
) -> None:
    """If the next page reveals its referrer, that is the answer; otherwise there is an error."""
    tab = open_tab()
    asked = options(world, code="x") | {"redirectUrl": f"{world.host}/pages/goes-on.html{silent}"}
    tab.goto(page(world))
    got = tab.run(
        """async (options) => {
            pretend();
            const plain = window.setTimeout;
            window.setTimeout = (callback, time) => {
                // It does not look before that page has gone on.
                const look = () => (window.arrived ? plain(callback, time) : plain(look, 5));
                return time === 50 ? look() : plain(callback, time);
            };
            const asked = start({ ...options, popup: true, bus });
            while (!sent.length && !popup.closed) await new Promise((done) => setTimeout(done, 20));
            window.answer?.("session");
            return [await asked, Date.now() - arrived];
        }""",
        asked,
    )
    assert got[0].get("code") == "NO_ANSWER" if silent else got[0] == {"fulfilled": "session"}
    assert got[1] < 2500  # 550, but timers come once a second in a page out of sight
    assert tab.run(POPUP_CLOSES)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"error": "access_denied", "state": ""}, "PROVIDER_ERROR"),
        ({"code": "x", "state": ""}, "NO_ANSWER"),
        ({"state": ""}, "NO_ANSWER"),
    ],
)
def test_a_popup_with_half_an_answer(
    open_tab: Opener, world: World, plan: dict[str, str], code: str
) -> None:
    tab = open_tab()
    popup(tab, world, options(world, **plan), bus=False)
    assert tab.run("() => asked")["code"] == code
    assert tab.run(POPUP_CLOSES)


@pytest.mark.engines("chromium")
def test_a_popup_with_a_parameter_twice(open_tab: Opener, world: World) -> None:
    """Also where the redirect page finishes: it is the opener that refuses."""
    for more in ("", "&finish=1"):
        tab = open_tab()
        asked = options(world, stay="1")
        asked["redirectUrl"] += more
        popup(tab, world, asked, bus=False)
        tab.wait_for_line("at the provider")
        state = world.provider.seen[-1]["state"]
        tab.run(
            "(address) => { popup.location = address; }",
            f"{asked['redirectUrl']}&code=a&code=b&state={state}",
        )
        assert tab.run("() => asked")["code"] == "STATE_MISMATCH"
        assert tab.run(POPUP_CLOSES)


@pytest.mark.engines("chromium")
def test_a_popup_may_pass_through_pages_of_the_app(open_tab: Opener, world: World) -> None:
    """Where the provider is at the app's own origin, its pages are no return without an answer."""
    tab = open_tab().goto(page(world))
    got = tab.run(
        """async (options) => {
            pretend();
            const asked = start({ ...options, authorizeUrl: `${location.origin}/pages/host.html`, popup: true, bus });
            const early = await Promise.race([asked, new Promise((done) => setTimeout(done, 1200, "waits"))]);
            popup.close();
            return [early, (await asked).code];
        }""",
        options(world),
    )
    assert got == ["waits", "POPUP_CLOSED"]
