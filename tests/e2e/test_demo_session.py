"""`make demo ARGS="--fast"`, as somebody sees it who watches a session: in two tabs, and broken."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Playwright, Response, expect

from tests.e2e.support.axe import violations
from tests.e2e.support.browsers import tabs as opened
from tests.e2e.support.demo import Demo, running
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.unhelped import partitioning
from tests.e2e.support.world import World

# What a session needs of each engine is shown in test_session.py; this is about the demo's page.
pytestmark = pytest.mark.engines("chromium")

REFRESHED = re.compile(r"AUTH\.TOKEN_REFRESHED\s.*refreshed by (this|another) tab", re.DOTALL)

BAR = """() => {
    const { style } = document.getElementById("life");
    const [left, mark] = ["--left", "--mark"].map((name) => Number.parseFloat(style.getPropertyValue(name)));
    return mark > 0 && left > mark && left <= 100;
}"""
"""Whether the bar shows a token that has some of its life left, and a mark where it is refreshed."""

SLACK = 30_000
"""Milliseconds in which a refresh has come that is due in ten seconds, on a busy machine."""


@pytest.fixture(scope="module")
def browser(engine: str, world: World, playwright: Playwright) -> Iterator[Opener]:
    """A browser that gives third-party frames their storage, as users' browsers do."""
    with opened(playwright, engine, world.reports, **partitioning(playwright, engine)) as open_tab:
        yield open_tab


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running("--fast") as demo:
        yield demo
    output = "".join(demo.output)
    assert demo.process.returncode == 0, output
    assert "Traceback" not in output
    # Passwords and addresses of people reach no log.
    assert "blavand" not in output


@pytest.fixture
def tab(open_tab: Opener, demo: Demo) -> Iterator[Tab]:
    """A tab with the demo in it, whose bus is ready and knows no session."""
    tab = open_tab(fresh=True)
    tab.page.goto(demo.host)
    expect(row(tab.page, "BUS.INIT_FULFILLED", "fulfilled")).to_be_visible(timeout=SLACK)
    yield tab
    assert not [line for line in tab.lines if "Traceback" in line or "defect" in line]


def row(page: Page, what: str, outcome: str) -> Locator:
    return page.locator(".row").filter(has_text=what).filter(has_text=outcome)


def with_password(page: Page, password: str = "demo") -> None:
    """Sign in by keyboard alone."""
    expect(page.locator("#password-sign-in")).to_be_enabled(timeout=SLACK)
    page.locator("#with-password summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#password-email")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def switch(page: Page, name: str, value: str) -> None:
    """Set one of the backend's switches; it is set when this returns."""
    with page.expect_response(is_set):
        page.locator(f"#{name}").select_option(value)


def is_set(response: Response) -> bool:
    return response.url.endswith("/trouble") and response.request.method == "POST"


def signed_in(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=SLACK)


def signed_out(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-state", "signed-out", timeout=SLACK)


def sees(page: Page, text: str) -> None:
    expect(page.locator("#user-sees")).to_contain_text(text, timeout=SLACK)


def test_two_tabs_share_a_session_and_one_refreshes(tab: Tab) -> None:
    one = tab.page
    with_password(one)
    signed_in(one)
    expect(one.locator("#result")).to_be_focused()
    expect(one.locator("#who")).to_have_text("Mira Łukasiewicz")
    expect(one.locator("#kept-where")).to_contain_text("by the browser")
    expect(one.locator("#countdown")).to_have_text(re.compile(r"00:(1\d|20)"))
    expect(one.locator("#next-refresh")).to_have_text(re.compile(r"in \d s|in 10 s"))
    one.wait_for_function(BAR)
    assert "demo" not in one.locator(".row").first.inner_text()

    with one.context.expect_page() as other:
        one.locator("#second-tab").click()
    two = other.value
    signed_in(two)
    expect(two.locator("#status")).to_have_text("Your session has been restored.")
    expect(two.locator("#company")).to_have_text("Blåvand Logistik ApS")
    expect(two.locator("#countdown")).to_have_text(re.compile(r"00:\d\d"))

    # One tab asks the backend, and both are notified. From the second push on: of the first, a tab that
    # was slow to open may have heard nothing.
    pushes = [page.locator(".row").filter(has_text=REFRESHED) for page in (one, two)]
    expect(pushes[1].first).to_be_visible(timeout=SLACK)
    for page in (one, two):
        page.locator("#clear").click()
    for each in pushes:
        expect(each.first).to_be_visible(timeout=SLACK)
    said = [REFRESHED.search(each.last.inner_text()) for each in pushes]
    assert sorted(match[1] for match in said if match) == ["another", "this"]

    # After a sign-out in one tab, the other is notified, and shows nothing of the session.
    two.locator("#sign-out").click()
    signed_out(two)
    signed_out(one)
    expect(one.locator("#status")).to_have_text("You have signed out in another tab.")
    sees(one, "You have signed out in another tab")
    expect(row(one, "AUTH.SESSION_CHANGED", "another tab has signed out")).to_be_visible()
    assert violations(one) == []
    expect(one.locator("#who")).to_be_empty()
    expect(one.locator("#credentials")).to_be_empty()
    two.close()


def test_what_breaks_and_what_the_user_sees(tab: Tab) -> None:
    page = tab.page
    sees(page, "A button to sign in")
    switch(page, "clock-is", "behind")
    with_password(page)
    signed_in(page)
    # A clock that is an hour wrong changes nothing.
    expect(page.locator("#clocks-differ")).to_contain_text("60 minutes behind")
    expect(page.locator("#countdown")).to_have_text(re.compile(r"00:(1\d|20)"))
    sees(page, "The app, as always.")

    switch(page, "backend-is", "down")
    sees(page, "A refresh has failed")
    expect(page.locator("#next-refresh")).to_have_text("failed, and tried again")
    switch(page, "clock-is", "right")
    sees(page, "We cannot reach our service right now. You are still signed in")
    expect(page.locator("#countdown")).to_have_text("expired")
    expect(page.locator("#life")).to_have_attribute("data-left", "none")
    expect(row(page, "AUTH.CREDENTIALS_REJECTED", "BACKEND_UNREACHABLE")).to_be_visible()
    assert violations(page) == []
    switch(page, "backend-is", "answers")
    # The pause may be long by now. A browser that is online again ends it.
    page.context.set_offline(offline=True)
    page.context.set_offline(offline=False)
    sees(page, "The app, as always.")
    expect(page.locator("#clocks")).to_be_hidden()

    # Not check(): the page shows the switches as it hears of them, which may be old news.
    with page.expect_response(is_set):
        page.locator("#refuse-next").click()
    page.locator("#sign-out").focus()
    signed_out(page)
    sees(page, "Your session has ended")
    assert violations(page) == []
    expect(page.locator("#sign-in")).to_be_focused()  # what had the focus is gone
    expect(page.locator("#refuse-next")).not_to_be_checked()
    expect(row(page, "AUTH.REFRESH_TOKEN_EXPIRED", "the session is over")).to_be_visible()


def test_a_bus_without_storage_forgets_with_its_page(tab: Tab) -> None:
    page = tab.page
    # Not check(): it looks whether the box is checked, and the page that is loaded anew knows that late.
    with page.expect_navigation():
        page.locator("#deny-storage").click()
    expect(row(page, "BUS.INIT_FULFILLED", "fulfilled")).to_be_visible(timeout=SLACK)
    expect(page.locator("#deny-storage")).to_be_checked()
    with_password(page)
    signed_in(page)
    expect(page.locator("#kept-where")).to_contain_text("in memory: it ends with this page (")
    page.reload()
    expect(row(page, "BUS.INIT_FULFILLED", "fulfilled")).to_be_visible(timeout=SLACK)
    signed_out(page)


def test_nobody_is_shut_out_in_any_state(tab: Tab, demo: Demo) -> None:
    """axe-core finds nothing, in light and dark, as wide as a desk and as narrow as a phone."""
    page = tab.page
    _, bus, provider = (f"http://127.0.0.1:{port}/" for port in demo.ports)
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(page)

    look("signed out")
    with_password(page, "wrong")
    expect(page.locator("body")).to_have_attribute("data-state", "failed", timeout=SLACK)
    expect(page.locator("#error-json")).to_contain_text("wrong_email_or_password")
    look("refused")
    page.reload()
    expect(page.locator("#password-sign-in")).to_be_enabled(timeout=SLACK)
    page.locator("#with-password summary").click()
    page.locator("#message").fill("{")
    page.locator("#send").click()
    look("a password to type, and a message that is no JSON")
    switch(page, "backend-is", "overloaded")
    page.locator("#password").fill("demo")
    page.locator("#password-sign-in").click()
    expect(page.locator("#error-json")).to_contain_text("overloaded", timeout=SLACK)
    switch(page, "backend-is", "answers")
    page.reload()
    with_password(page)
    signed_in(page)
    page.locator("#id-token summary").click()
    page.locator("#reveal").click()
    for each in page.locator(".row summary").all():
        each.click()
    look("signed in, and everything open")
    page.set_viewport_size({"width": 360, "height": 740})
    look("a phone")
    width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(width) <= 360
    # The other pages of the demo that a person may see, and those of the bus.
    others = {
        "the decoy": f"{page.url}decoy",
        "the provider by itself": provider,
        "the bus by itself": bus,
        "the errors": f"{bus}errors.html#no_session",
    }
    for state, address in others.items():
        page.goto(address)
        expect(page.locator("main")).to_be_visible()
        look(state)
    page.goto(demo.host)
    signed_in(page)
    page.locator("#sign-out").click()
    signed_out(page)
    look("signed out of a session")
    page.locator("#sign-in").click()
    expect(page.locator("#person-migrated")).to_contain_text("expires after 20 seconds")
    look("the login page")
    page.locator("#person-slow").click()
    expect(page.locator("body")).to_have_attribute("data-state", "waiting", timeout=SLACK)
    look("waiting for the backend")
    assert not [line for lines in found.values() for line in lines], found
