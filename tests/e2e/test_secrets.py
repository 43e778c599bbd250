"""No code, token or verifier shows anywhere but where it belongs."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

CODES = {
    "refused": "REJECTED",
    "invalid": "BACKEND_INVALID",
    "unreachable": "BACKEND_UNREACHABLE",
    "payload": "INVALID_PAYLOAD",
}


@pytest.mark.parametrize("ending", ["fulfilled", *CODES])
def test_secrets_stay_where_they_belong(open_tab: Opener, world: World, ending: str) -> None:
    marks = {name: f"{name}-{uuid4().hex}" for name in ("id", "refresh", "verifier", "state")}
    good = SIGNED_IN | {"credentials": {"idToken": marks["id"], "refreshToken": marks["refresh"]}}
    plans: dict[str, Any] = {
        "fulfilled": lambda: world.backend.answers(good),
        "refused": lambda: world.backend.answers({"no": 1}, 403),
        "invalid": lambda: world.backend.answers(good | {"company": marks["id"]}),
        "unreachable": world.backend.resets,
        "payload": lambda: "c" * 4096 + uuid4().hex,
    }
    code = plans[ending]()
    marks["code"] = code
    tab = open_tab()
    tab.goto(world.page)
    # A window beside the bus that listens to everything, and one more listener in the host's.
    tab.run(
        """() => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.srcdoc = "<script>window.heard = []; onmessage = (e) => heard.push(JSON.stringify(e.data))</" + "script>";
            frame.onload = done;
            document.body.append(frame);
        })"""
    )
    payload = {
        "code": code,
        "redirectUrl": REDIRECT + "?" + marks["state"],
        "codeVerifier": marks["verifier"] + "v" * 43
        if ending != "payload"
        else marks["verifier"][:42],
    }
    got = tab.run(
        "async (src, payload) => { embed({ src }); return ask(payload); }", world.bus(), payload
    )
    if ending == "fulfilled":
        assert got == {"fulfilled": good}
    else:
        assert got["code"] == CODES[ending]
        assert not [mark for mark in marks.values() if mark in str(got)]
    everywhere = tab.run(
        """async () => JSON.stringify([
            heard, frames[0].heard, location.href, document.cookie, { ...localStorage }, { ...sessionStorage },
            document.documentElement.outerHTML,
        ])"""
    )
    everywhere += tab.run_in(
        world.bus(),
        """() => {
            const stored = ["localStorage", "sessionStorage"].map((kind) => {
                try { return { ...window[kind] }; } catch { return "refused"; } // as browsers do to third parties
            });
            return JSON.stringify([location.href, document.cookie, stored, document.documentElement.outerHTML]);
        }""",
    )
    everywhere += "\n".join(tab.lines + tab.errors + world.buses.asked)
    assert not [name for name, mark in marks.items() if mark in everywhere]
