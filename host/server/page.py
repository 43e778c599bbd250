"""Fills in `index.html`: its settings, its policy, and the addresses of its parts."""

import json
from html import escape
from typing import Final

from .integrity import import_map, script_source
from .policy import content_security_policy
from .shared import FROM_BUS, Settings, served

SETTINGS_BLOCK: Final = '<script type="application/json" id="bus-settings">{}</script>'
PARTS_MARK: Final = 'data-parts=""'
PRELOAD_MARK: Final = 'data-preload=""'
POLICY_MARK: Final = "<!-- policy: the build puts the content security policy here -->"
INTEGRITY_MARK: Final = "<!-- integrity: the build puts the hashes of all files here -->"


def settings_block(settings: Settings, *, debug: bool = False) -> str:
    """Return the JSON data block that the early listener and Python read.

    `debug`: the bus tells its host what it decides (protocol.md, "Debug builds").
    """
    data: dict[str, object] = {
        "settings": settings.model_dump(mode="json"),
        "types": served(settings),
        "fromBus": sorted(FROM_BUS),
    }
    if debug:
        data["debug"] = True
    # "<" is escaped, so that no setting can end the script element.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return SETTINGS_BLOCK.replace("{}", text)


def policy_meta(settings: Settings, inline: str | None = None) -> str:
    """Return the policy as a meta element, for servers that do not send headers."""
    policy = escape(content_security_policy(settings, inline, in_page=True))
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def fill_page(
    page: str,
    settings: Settings,
    replacements: dict[str, str],
    integrity: dict[str, str] | None = None,
    *,
    debug: bool = False,
) -> str:
    """Return `index.html` with the settings in place and every string of `replacements` replaced.

    `integrity` holds the hashes of what the page loads (host/server/integrity.py), if known.
    Raises ValueError if a string is not there exactly once: the page and the build must agree.
    """
    hashes = import_map(integrity) if integrity else None
    changes = {
        SETTINGS_BLOCK: settings_block(settings, debug=debug),
        POLICY_MARK: policy_meta(settings, script_source(hashes) if hashes else None),
        INTEGRITY_MARK: f'<script type="importmap">{hashes}</script>' if hashes else "",
        **replacements,
    }
    for old, new in changes.items():
        if page.count(old) != 1:
            raise ValueError(f"index.html does not hold this exactly once: {old}")
        page = page.replace(old, new)
    return page
