"""Looks for what shuts people out of a page, with axe-core."""

from functools import cache

from playwright.sync_api import Page

from tests.e2e.support.node_tools import node_tools

_RUN = """async () => {
    // Frames have their own pages, which are checked separately.
    const { violations } = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
    return violations.map(({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}"""


@cache
def _source() -> str:
    folder = node_tools() / "node_modules/axe-core"
    return (folder / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """Return what breaks one of axe-core's rules in a page as it is, in light and in dark colours."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_source())
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {line}" for line in page.evaluate(_RUN)]
    return found
