"""Makes `warm.html` of a built bus: the page that fills a browser's cache before there is a bus."""

from html import escape
from typing import Final

from host.server.integrity import script_element
from host.server.page import POLICY_MARK
from host.server.policy import warm_up_policy
from host.tools.paths import BUS

NAME: Final = "warm.html"
_SCRIPT: Final = '<script src="./warm.js" data-small="" data-large=""'


def warm_up_page(script: str, integrity: dict[str, str], small: list[str], large: list[str]) -> str:
    """Return the page, the same for all settings.

    `script` is the address of bus/warm.js, which is in `integrity`. `small` are the addresses of the
    files to read at once, `large` of those to read one after the other.
    """
    lists = f'data-small="{escape(" ".join(small))}" data-large="{escape(" ".join(large))}"'
    changes = {
        POLICY_MARK: '<meta http-equiv="Content-Security-Policy" '
        f'content="{escape(warm_up_policy())}">',
        _SCRIPT: f"{script_element(script, integrity)} {lists}",
    }
    page = (BUS / NAME).read_text(encoding="utf-8")
    for old, new in changes.items():
        if page.count(old) != 1:
            raise ValueError(f"{NAME} does not hold this exactly once: {old}")
        page = page.replace(old, new)
    return page
