"""`python -m tests.screenshots`: takes the README's pictures of the inspector; `make screenshots`.

Drives the demo as a person would: signs in, waits for a refresh, sends a few messages. What is measured differs from run
to run, so do the times in the pictures; all else is the same on one machine.
"""

import socket
import sys
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from host.tools.paths import ROOT
from tests.e2e.support.browsers import launch
from tests.e2e.support.demo import Demo, running
from tests.e2e.support.unhelped import partitioning
from tests.png import smaller

MOST_BYTES = 200_000
PORTS = [8000, 8001, 8002]
"""Those that the README names, where they are free, so that the pictures show them."""

PICTURES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 1240}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 1240}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 860}, "color_scheme": "light"},
}


def main() -> int:
    """Take them all. Returns 2 if one is larger than it may be."""
    too_large = False
    with (
        running("--fast", ports=PORTS if all(map(_free, PORTS)) else None) as demo,
        sync_playwright() as playwright,
        # With storage for the bus, as users' browsers have it: the session card shows where it is kept.
        launch(playwright, "chromium", **partitioning(playwright, "chromium")) as browser,
    ):
        for name, context in PICTURES.items():
            out = ROOT / "docs" / f"inspector-{name}.png"
            out.write_bytes(smaller(picture(browser, demo, name, context)))
            size = out.stat().st_size
            print(f"screenshots: {out.relative_to(ROOT)} ({size:,} bytes)", flush=True)
            too_large |= size > MOST_BYTES
    if too_large:
        print(f"screenshots: more than {MOST_BYTES:,} bytes", file=sys.stderr)
    return 2 if too_large else 0


def _free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def picture(browser: Browser, demo: Demo, name: str, context: dict[str, Any]) -> bytes:
    """Sign in, send valid and invalid messages, and take the picture."""
    page = browser.new_context(locale="en", timezone_id="UTC", **context).new_page()
    page.goto(demo.host)
    expect(page.locator(".row").filter(has_text="BUS.INIT_FULFILLED")).to_be_visible(timeout=60_000)
    page.locator("#sign-in").click()
    page.locator("#person-migrated").click()
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=60_000)
    expect(page.locator(".inner").filter(has_text="status 200")).to_be_visible()
    refreshed = page.locator(".row").filter(has_text="refreshed by this tab")
    expect(refreshed).to_be_visible(timeout=60_000)
    expect(page.locator("#next-refresh")).to_have_text("in 9 s")
    for preset, outcome in (
        ("decoy", "dropped"),
        ("proto", "INVALID_PAYLOAD"),
    ):
        page.wait_for_timeout(400)  # so that each is a separate group
        page.locator("#preset").select_option(preset)
        page.locator("#send").click()
        expect(
            page.locator(".group").first.locator(".row").filter(has_text=outcome)
        ).to_be_visible()
    _settle(page, name)
    return page.screenshot(animations="disabled")


def _settle(page: Page, name: str) -> None:
    """Nothing is under way, focused or hovered, and what counts is in view."""
    expect(page.locator("#sent")).to_contain_text("INVALID_PAYLOAD")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    top = (
        "document.getElementById('timeline').getBoundingClientRect().top"
        if name == "phone"
        else "0"
    )
    page.evaluate(f"scrollTo(0, {top} + scrollY)" if name == "phone" else "scrollTo(0, 0)")


if __name__ == "__main__":
    sys.exit(main())
