"""Fills in `index.html`: settings, policy, and where its parts are."""

import json
from html import escape
from typing import Final

from bus.messages import SERVED
from bus.settings import Settings
from host.build.policy import content_security_policy

SETTINGS_BLOCK: Final = '<script type="application/json" id="bus-settings">{}</script>'
PRELOAD_MARK: Final = "<!-- preload: the build names here what is fetched next -->"
POLICY_MARK: Final = "<!-- policy: the build puts the content security policy here -->"


def settings_block(settings: Settings) -> str:
    """Return the JSON data block that the early listener and Python read."""
    data = {"settings": settings.model_dump(mode="json"), "types": SERVED}
    # "<" as an escape, so that no setting can end the script element.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return SETTINGS_BLOCK.replace("{}", text)


def policy_meta(settings: Settings) -> str:
    """Return the policy as a meta element, for servers that send no headers of their own."""
    policy = escape(content_security_policy(settings, in_page=True))
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def fill_page(page: str, settings: Settings, replacements: dict[str, str]) -> str:
    """Return `index.html` with the settings in place and every string of `replacements` replaced.

    Raises ValueError if one of them is not there exactly once: the page and the build must agree.
    """
    changes = {
        SETTINGS_BLOCK: settings_block(settings),
        POLICY_MARK: policy_meta(settings),
        **replacements,
    }
    for old, new in changes.items():
        if page.count(old) != 1:
            raise ValueError(f"index.html does not hold this exactly once: {old}")
        page = page.replace(old, new)
    return page
