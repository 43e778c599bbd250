"""The demo's inspector, as somebody uses it: what the timeline shows, and what the composer sends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from bus.settings import Settings
from host.demo.pages.presets import PRESETS
from host.tools.site import build
from tests.e2e.support.demo import Demo, free_ports, running, sign_in
from tests.e2e.support.tab import Opener, Tab

pytestmark = pytest.mark.engines("chromium", "firefox")


def without_tracebacks(opener: Opener) -> Iterator[Opener]:
    """The page's Python has no defect: MicroPython's errors show in the console alone."""
    tabs = []

    def open_tab(**context: Any) -> Tab:
        tabs.append(opener(**context))
        return tabs[-1]

    yield open_tab
    assert not [line for tab in tabs for line in tab.lines if "Traceback" in line]


@pytest.fixture
def open_tab(open_tab: Opener) -> Iterator[Opener]:
    yield from without_tracebacks(open_tab)


@pytest.fixture(scope="module")
def open_module_tab(open_module_tab: Opener) -> Iterator[Opener]:
    yield from without_tracebacks(open_module_tab)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running() as demo:
        yield demo
    assert "Traceback" not in "".join(demo.output)


@pytest.fixture(scope="module")
def page(open_module_tab: Opener, demo: Demo) -> Page:
    """A page whose bus is ready; nobody has signed in."""
    page: Page = open_module_tab().page
    page.goto(demo.host)
    # The last of what the page asks by itself.
    expect(row(page, "BUS.INIT_FULFILLED", "fulfilled")).to_be_visible(timeout=30_000)
    return page


def row(page: Page, what: str, outcome: str) -> Locator:
    return page.locator(".row").filter(has_text=what).filter(has_text=outcome)


def sign_in_and_wait(open_tab: Opener, demo: Demo, person: str = "migrated") -> Page:
    page = sign_in(open_tab, demo, person)
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    return page


def last_group(page: Page) -> list[str]:
    """The rows of what happened last, in their order, each in one line without its times."""
    texts = page.locator(".group").first.locator("summary").all_inner_texts()
    lines = [" ".join(text.split()) for text in texts]
    # What the embed module asks by itself, where Python takes long to start.
    lines = [line for line in lines if "BUS.PROBE" not in line]
    took = r"(?:< )?[\d.]+ m?s"
    return [re.sub(rf"^(?:0|\+{took}) | {took}$", "", line) for line in lines]


# -- a sign-in ------------------------------------------------------------------------------------


def test_a_sign_in_is_shown_message_by_message(open_tab: Opener, demo: Demo) -> None:
    page = sign_in_and_wait(open_tab, demo)
    expect(row(page, "AUTH.SSO_FULFILLED", "fulfilled")).to_be_visible()
    expect(row(page, "POST /sso/exchange", "status 200")).to_be_visible()
    expect(row(page, "BUS.INIT_FULFILLED", "fulfilled")).to_be_visible()
    expect(row(page, "AUTH.CREDENTIALS_FULFILLED", "fulfilled")).to_be_visible()
    lines = last_group(page)
    assert sorted(lines) == [
        "bus to backend POST /sso/exchange status 200",
        "bus to page AUTH.CREDENTIALS_FULFILLED fulfilled",
        "bus to page AUTH.SSO_FULFILLED fulfilled",
        "bus to page BUS.INIT_FULFILLED fulfilled",
        "bus to page BUS.LISTENING received",
        "bus to page BUS.READY received",
        "bus to page BUS.REGISTER_FULFILLED fulfilled",
        "page to bus AUTH.CREDENTIALS accepted",
        "page to bus AUTH.SSO accepted",
        "page to bus BUS.INIT accepted",
        "page to bus BUS.REGISTER accepted",
    ]
    assert lines.index("page to bus AUTH.SSO accepted") < lines.index(
        "bus to backend POST /sso/exchange status 200"
    )
    # Durations are bars on one axis: the call lies inside the request that it was made for.
    request, call = (
        page.locator(".group").first.locator(f".row:has(.what:text-is('{what}')) .fill")
        for what in ("AUTH.SSO", "POST /sso/exchange")
    )
    outer, inner = request.bounding_box(), call.bounding_box()
    assert outer
    assert inner
    assert outer["width"] > inner["width"] > 0
    assert outer["x"] <= inner["x"]
    # The way to the provider and back is a separate group.
    expect(page.locator(".group").last).to_contain_text("redirect and back")
    expect(page.locator("#no-reports")).to_be_hidden()
    expect(page.locator("#decoy-total")).to_have_text("0")


def test_the_id_token_is_taken_apart(open_tab: Opener, demo: Demo) -> None:
    page = sign_in_and_wait(open_tab, demo)
    page.locator("#id-token summary").click()
    expect(page.locator("#id-token")).to_contain_text("Decoded for display, not verified")
    expect(page.locator("#id-token-header")).to_contain_text("ES256")
    claims = page.locator("#id-token-claims")
    expect(claims.locator("tr").filter(has_text="issuer")).to_contain_text("http://localhost:")
    expires = claims.locator("tr").filter(has_text="expires")
    expect(expires).to_contain_text(
        re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 1[45] minutes\)")
    )
    page.locator("#sign-out").click()
    expect(page.locator("#id-token-claims")).to_be_empty()


def test_a_legacy_user_has_no_id_token(open_tab: Opener, demo: Demo) -> None:
    page = sign_in_and_wait(open_tab, demo, "legacy")
    expect(page.locator("#id-token")).to_be_hidden()


def test_nothing_secret_is_shown_until_it_is_asked_for(open_tab: Opener, demo: Demo) -> None:
    page = sign_in_and_wait(open_tab, demo)
    expect(row(page, "AUTH.CREDENTIALS_FULFILLED", "fulfilled")).to_be_visible()
    for each in page.locator(".row summary").all():
        each.click()
    contents = page.locator(".content").filter(has_text=re.compile('"(code|credentials)"'))
    expect(contents).to_have_count(3)
    expect(contents.first).to_contain_text("••••••••")
    masked = page.content()
    assert not re.search(r"eyJ[\w-]{8}", masked)  # a JWT

    # What there is to hide is known from where it may be shown.
    page.locator("#unmask").click()
    expect(page.locator("#unmask")).to_have_attribute("aria-pressed", "true")
    asked, answer, held = (json.loads(text) for text in contents.all_inner_texts())
    assert held["credentials"] == answer["credentials"]
    secrets = {name: asked[name] for name in ("code", "codeVerifier")} | answer["credentials"]
    assert set(secrets) == {"code", "codeVerifier", "idToken", "refreshToken"}
    assert not [name for name, value in secrets.items() if value in masked]

    def shown() -> set[str]:
        return {name for name, value in secrets.items() if value in page.content()}

    assert shown() == set(secrets)
    page.locator("#unmask").click()
    assert shown() == set()
    # Signed out, there is nothing left that could be shown.
    page.locator("#sign-out").click()
    page.locator("#unmask").click()
    assert shown() == set()


def test_a_sign_in_that_is_cancelled(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "hanging")
    expect(row(page, "POST /sso/exchange", "under way")).to_be_visible(timeout=30_000)
    page.locator("#cancel").click()
    expect(page.locator("body")).to_have_attribute("data-state", "failed")
    expect(row(page, "AUTH.SSO_REJECTED", "rejected: CANCELLED")).to_be_visible()
    expect(row(page, "BUS.CANCEL", "accepted")).to_be_visible()
    expect(row(page, "POST /sso/exchange", "aborted")).to_be_visible()


# -- the composer ---------------------------------------------------------------------------------

ACCEPTED = "page to bus AUTH.SSO accepted"
REFUSED = "bus to page AUTH.SSO_REJECTED rejected: "
ASKED = ["bus to backend POST /sso/exchange status 400", f"{REFUSED[:-2]} by the backend"]
STRANGE = "dropped: not from the window that embeds the bus"

OUTCOMES = {
    "valid": [ACCEPTED, *ASKED],
    "cancel": [ACCEPTED, "page to bus BUS.CANCEL accepted", f"{REFUSED}CANCELLED"],
    "twice": [ACCEPTED, "page to bus AUTH.SSO dropped: a second delivery", *ASKED],
    "credentials": [
        "page to bus AUTH.CREDENTIALS accepted",
        "bus to page AUTH.CREDENTIALS_REJECTED rejected: NO_SESSION",
    ],
    "redirect": [ACCEPTED, f"{REFUSED}INVALID_PAYLOAD"],
    "unknown-key": [ACCEPTED, f"{REFUSED}INVALID_PAYLOAD"],
    "proto": [ACCEPTED, f"{REFUSED}INVALID_PAYLOAD"],
    "no-payload": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "date": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "cycle": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "deep": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "large": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "ports": [ACCEPTED, f"{REFUSED}INVALID_MESSAGE"],
    "unknown-type": [
        "page to bus CRM.OPEN accepted",
        "bus to page CRM.OPEN_REJECTED rejected: UNKNOWN_TYPE",
    ],
    "not-a-request": ["page to bus no type dropped: not a request"],
    "decoy": [f"decoy to bus AUTH.SSO {STRANGE}"],
    "flood": [f"decoy to bus AUTH.SSO {STRANGE}"],
}
DETAILS = {
    "redirect": "redirectUrl",
    "unknown-key": "remember",
    "proto": "__proto__",
    "date": "payload.code",
    "deep": "64 levels",
    "large": "65536 bytes",
    "ports": "one port",
}
"""What the reply says besides, once it is opened."""


def test_each_preset_has_its_outcome_here() -> None:
    assert list(OUTCOMES) == [preset.key for preset in PRESETS]


# Wait until the rows stand for that many messages: some rows show a count.
COUNTED = """(all) => new Promise((done) => {
    const look = () => {
        const told = [...document.querySelectorAll(".row[data-state=dropped] .what")].map((what) => what.textContent);
        const count = told.reduce((sum, text) => sum + (text.endsWith(" more messages") ? parseInt(text) : 1), 0);
        if (count >= all) done([count, told.length]);
    };
    new MutationObserver(look).observe(document.getElementById("groups"), { childList: true, subtree: true });
    look();
})"""


def send(page: Page, preset: str) -> None:
    page.locator("#clear").click()
    expect(page.locator(".row")).to_have_count(0)
    page.locator("#preset").select_option(preset)
    page.locator("#send").click()


@pytest.mark.parametrize(("preset", "lines"), OUTCOMES.items(), ids=OUTCOMES.keys())
def test_what_the_bus_makes_of_a_preset(page: Page, preset: str, lines: list[str]) -> None:
    send(page, preset)
    said = {"cancel": "No reply is due", "twice": "in flight already"}.get(preset)
    ended = re.split(" (?=dropped|rejected)", lines[-1])[-1]
    expect(page.locator("#sent")).to_contain_text(
        said or ("There is no reply" if ended.startswith("dropped") else f"then {ended} (")
    )
    if preset == "flood":
        count, rows = page.evaluate(COUNTED, 200)
        assert count == 200
        assert rows < 100
    elif preset == "cancel":
        # The reply and the bus's reports travel apart; that on the reply is the last but one, and the
        # call to the backend, where there was one, ends after it.
        replied = row(page, "AUTH.SSO_REJECTED", "CANCELLED").filter(has_text="Answered by")
        expect(replied).to_have_count(1)
        expect(page.locator(".row").filter(has_text="under way")).to_have_count(0)
        got = [line for line in last_group(page) if "backend" not in line]
        assert sorted(got) == sorted(lines)
    else:
        expect(page.locator(".row")).to_have_count(len(lines))
        for line in lines:
            [outcome] = re.findall("(?:accepted|dropped|rejected|status).*", line)
            expect(page.locator(".row").filter(has_text=outcome).first).to_be_visible()
        assert sorted(last_group(page)) == sorted(lines)
    if preset in DETAILS:
        reply = page.locator(".row").filter(has_text="_REJECTED")
        reply.locator("summary").click()
        expect(reply.locator(".content")).to_contain_text(DETAILS[preset])
    expect(page.locator("#decoy-total")).to_have_text("0")


def test_what_was_dropped_is_explained(page: Page) -> None:
    send(page, "decoy")
    dropped = page.locator(".row").first
    dropped.locator("summary").click()
    expect(dropped.locator(".facts")).to_contain_text(
        "it came from a window that does not embed the bus"
    )


def test_a_message_of_ones_own(page: Page) -> None:
    page.locator("#clear").click()
    page.locator("#preset").select_option("valid")
    page.locator("#message").fill('{"type": "AUTH.SSO", "id": "mine", "payload": {"code": 7}}')
    expect(page.locator("#preset")).to_have_value("own")
    for port, by in ((True, "the port"), (False, "the page’s window")):  # noqa: RUF001
        page.locator("#with-port").set_checked(port)
        page.locator("#send").click()
        expect(page.locator("#sent")).to_contain_text("INVALID_PAYLOAD")
        reply = page.locator(".group").first.locator(".row").filter(has_text="_REJECTED")
        expect(reply).to_have_count(1)
        reply.locator("summary").click()
        facts = reply.locator(".facts div")
        expect(facts.filter(has_text="Came by")).to_contain_text(by)
        expect(facts.filter(has_text="Id")).to_contain_text("mine")
        page.locator("#clear").click()
    page.locator("#with-port").check()


def test_bad_json_is_an_error_that_loses_nothing(page: Page) -> None:
    page.locator("#clear").click()
    written = '{"type": "AUTH.SSO", oops}'
    page.locator("#preset").select_option("valid")
    page.locator("#message").fill(written)
    page.locator("#send").click()
    expect(page.locator("#bad-json")).to_contain_text("not JSON, so nothing was sent")
    expect(page.locator("#message")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator("#message")).to_have_value(written)
    assert page.locator(".row").count() == 0
    # Switching presets keeps what the user wrote.
    page.locator("#preset").select_option("large")
    expect(page.locator("#bad-json")).to_be_hidden()
    expect(page.locator("#message")).not_to_have_value(written)
    page.locator("#preset").select_option("own")
    expect(page.locator("#message")).to_have_value(written)


def test_a_broadcast_reaches_the_decoy_and_is_counted(open_tab: Opener, demo: Demo) -> None:
    page: Page = open_tab().page
    page.goto(demo.host)
    expect(page.locator("#broadcast")).to_be_enabled(timeout=30_000)
    page.locator("#broadcast").click()
    expect(page.locator("#decoy-total")).to_have_text("1")
    expect(row(page, "AUTH.SSO", "heard")).to_contain_text("decoy")
    expect(row(page, "AUTH.SSO_REJECTED", "INVALID_PAYLOAD")).to_be_visible(timeout=30_000)


def test_what_others_post_to_the_page_is_shown_as_ignored(page: Page) -> None:
    page.locator("#clear").click()
    page.evaluate("postMessage({ type: 'AUTH.SSO_FULFILLED', payload: { code: 's3cret' } }, '*')")
    ignored = row(page, "AUTH.SSO_FULFILLED", "ignored")
    expect(ignored).to_be_visible()
    ignored.locator("summary").click()
    assert "s3cret" not in page.content()


# -- for everybody --------------------------------------------------------------------------------


def test_no_sideways_scrolling_on_a_phone(open_tab: Opener, demo: Demo) -> None:
    tab = open_tab(viewport={"width": 360, "height": 740})
    page: Page = tab.page
    page.goto(demo.host)
    page.locator("#sign-in").click()
    page.locator("#person-migrated").click()
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    page.locator("#id-token summary").click()
    for preset in ("valid", "deep", "flood"):
        page.locator("#preset").select_option(preset)
        page.locator("#send").click()
    expect(row(page, "more messages", STRANGE).first).to_be_visible()
    for each in page.locator(".row summary").all()[::4]:
        each.click()
    page.locator("#unmask").click()
    width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(width) <= 360


def test_rows_open_by_keyboard_and_are_a_list(page: Page) -> None:
    send(page, "unknown-type")
    expect(page.locator(".row")).to_have_count(2)
    summary = page.locator(".row summary").first
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".row .facts").first).to_be_visible()
    assert page.get_by_role("listitem").filter(has_text="CRM.OPEN_REJECTED").count() == 1


def test_what_came_of_it_is_said_in_words(page: Page) -> None:
    """No information is conveyed by colour or by bars alone."""
    send(page, "not-a-request")
    only = page.locator(".row")
    expect(only).to_have_count(1)
    expect(only).to_contain_text("dropped: not a request")
    for decoration in (".track", ".axis"):
        hidden: Any = page.locator(decoration).first.get_attribute("aria-hidden")
        assert hidden == "true"


def test_a_bus_that_is_no_debug_build_reports_nothing(open_tab: Opener, tmp_path: Path) -> None:
    ports = free_ports(3)
    host, _, provider = (f"http://localhost:{port}" for port in ports)
    sso = {"exchange_url": f"{provider}/sso/exchange"}
    settings = Settings.model_validate({"allowed_origins": [host], "sso": sso})
    build(settings, tmp_path / "bus", say=lambda _: None)
    with running("--bus-dir", str(tmp_path / "bus"), ports=ports) as demo:
        page = sign_in_and_wait(open_tab, demo)
        expect(page.locator("#no-reports")).to_be_visible()
        assert last_group(page) == [
            "bus to page BUS.LISTENING received",
            "page to bus AUTH.SSO accepted",
            "bus to page BUS.READY received",
            "bus to page AUTH.SSO_FULFILLED fulfilled",
        ]
