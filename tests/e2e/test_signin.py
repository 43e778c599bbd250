"""The sign-in helpers: by redirect and by popup, and every answer that is not a good one."""

import base64
import hashlib
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.backend import SIGNED_IN
from tests.e2e.browsers import launch
from tests.e2e.tab import Opener, Tab
from tests.e2e.unhelped import BACK_FORWARD_CACHE
from tests.e2e.world import World

EMBED = "(src) => { embed({ src }); }"
FINISH = "() => finish({ bus })"
NOTHING_KEPT = "() => sessionStorage.length"


def page(world: World) -> str:
    """The host page where sign-ins begin and end."""
    return f"{world.host}/pages/signin.html"


def options(world: World, **plan: str) -> dict[str, Any]:
    return {
        "authorizeUrl": world.provider.url(**plan),
        "clientId": "the-host",
        "redirectUrl": f"{page(world)}?tenant=7",
    }


def go_and_return(tab: Tab, world: World, asked: dict[str, Any]) -> None:
    """Sign in by redirect as far as the return, and embed the bus there."""
    tab.goto(page(world))
    tab.run("(options) => { start(options); }", asked)
    tab.wait_for_line("back in the tab")
    tab.run(EMBED, world.bus())


def popup(tab: Tab, world: World, asked: dict[str, Any]) -> None:
    """Begin a sign-in by popup; `window.asked` becomes its outcome."""
    tab.goto(page(world))
    tab.run(EMBED, world.bus())
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
    assert tab.run(NOTHING_KEPT) == 0
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
    tab.run("(options) => { start(options); }", options(world, stay="1"))
    tab.wait_for_line("at the provider")
    # Somebody sends the tab to the redirect page.
    tab.goto(f"{page(world)}?code={forged}&state=made-up")
    tab.run(EMBED, world.bus())
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
    assert not world.backend.of(forged)
    state = world.provider.seen[-1]["state"]
    tab.goto(f"{page(world)}?code={code}&state={state}")
    tab.run(EMBED, world.bus())
    assert tab.run(FINISH) == {"fulfilled": SIGNED_IN}


def test_an_answer_counts_once(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    go_and_return(tab, world, options(world, code=code))
    address = tab.run("() => location.href")
    assert tab.run(FINISH) == {"fulfilled": SIGNED_IN}
    tab.run("(address) => history.replaceState(null, '', address)", address)
    assert tab.run(FINISH)["code"] == "STATE_MISMATCH"
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
    """Whoever cancels and calls again gets nothing: the code may be used up."""
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
        {"authorizeUrl": "javascript:alert(1)"},
        {"authorizeUrl": "http://id.example.com/authorize"},
        {"clientId": ""},
        {"popup": True},
    ):
        assert "TypeError" in tab.run("(options) => start(options)", good | wrong)["thrown"]
    assert tab.run(NOTHING_KEPT) == 0


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
    assert tab.run("() => popup.closed") is True
    assert tab.run(NOTHING_KEPT) == 0
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
    assert tab.run("() => popup.closed") is True


def test_the_redirect_page_in_a_popup_leaves_the_answer_to_its_opener(
    open_tab: Opener, world: World
) -> None:
    """The page that the popup shows at the end runs the host's own code, which finishes sign-ins."""
    tab = open_tab().goto(page(world))
    got = tab.run(
        """(address) => new Promise((done) => {
            const tab = open(address);
            const look = () => tab.finish && tab.loaded
                ? done(tab.finish({}).then(({ code }) => [code, tab.location.search]).finally(() => tab.close()))
                : setTimeout(look, 20);
            look();
        })""",
        f"{page(world)}?tenant=7&code=x&state=popup.abc",
    )
    # Cleaned at once; and as nobody here asked for it, it is nobody's.
    assert got == ["STATE_MISMATCH", "?tenant=7"]


def test_by_popup_with_a_redirect_page_that_finishes(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab()
    asked = options(world, code=code)
    asked["redirectUrl"] += "&finish=1"
    popup(tab, world, asked)
    assert tab.run("() => asked") == {"fulfilled": SIGNED_IN}
    assert len(world.backend.of(code)) == 1
    assert tab.run("() => popup.closed") is True
