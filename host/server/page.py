"""Fills in `index.html`: its settings, its policy, and the addresses of its parts."""

import json
from html import escape
from typing import Final

from .integrity import import_map, script_source
from .policy import content_security_policy
from .shared import ASKS_FOR_JSON, FETCH_OPTIONS, FROM_BUS, OidcSso, Settings, served

SETTINGS_BLOCK: Final = '<script type="application/json" id="bus-settings">{}</script>'
PARTS_MARK: Final = 'data-parts=""'
PRELOAD_MARK: Final = 'data-preload=""'
POLICY_MARK: Final = "<!-- policy: the build puts the content security policy here -->"
INTEGRITY_MARK: Final = "<!-- integrity: the build puts the hashes of all files here -->"


def settings_block(settings: Settings, *, jwks_uri: str | None = None, debug: bool = False) -> str:
    """Return the JSON data block that the early listener and Python read.

    `jwks_uri`: where the provider's keys are likely to be, if the settings do not say it. `debug`: the
    bus tells its host what it decides (protocol.md, "Debug builds").
    """
    data: dict[str, object] = {
        "settings": settings.model_dump(mode="json"),
        "types": served(settings),
        "fromBus": sorted(FROM_BUS),
        "ahead": _ahead(settings, jwks_uri),
    }
    if debug:
        data["debug"] = True
    # "<" is escaped, so that no setting can end the script element.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return SETTINGS_BLOCK.replace("{}", text)


def _ahead(settings: Settings, jwks_uri: str | None) -> dict[str, object]:
    """Return what the early listener connects to and asks for, once a sign-in waits for Python.

    Python takes an answer only if it would ask for that very address, so a wrong one is only in vain.
    """
    sso = settings.sso
    urls = (sso.discovery, sso.jwks_uri or jwks_uri) if isinstance(sso, OidcSso) else ()
    options = {"method": "GET", **FETCH_OPTIONS, "headers": dict(ASKS_FOR_JSON)}
    return {
        "origins": list(settings.origins),
        "urls": [url for url in urls if url],
        "options": options,
    }


def policy_meta(settings: Settings, inline: str | None = None) -> str:
    """Return the policy as a meta element, for servers that do not send headers."""
    policy = escape(content_security_policy(settings, inline, in_page=True))
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def fill_page(  # noqa: PLR0913 - what the page is made of
    page: str,
    settings: Settings,
    replacements: dict[str, str],
    integrity: dict[str, str] | None = None,
    *,
    jwks_uri: str | None = None,
    debug: bool = False,
) -> str:
    """Return `index.html` with the settings in place and every string of `replacements` replaced.

    `integrity` holds the hashes of what the page loads (host/server/integrity.py), if known; for
    `jwks_uri` and `debug` see `settings_block`.
    Raises ValueError if a string is not there exactly once: the page and the build must agree.
    """
    hashes = import_map(integrity) if integrity else None
    changes = {
        SETTINGS_BLOCK: settings_block(settings, jwks_uri=jwks_uri, debug=debug),
        POLICY_MARK: policy_meta(settings, script_source(hashes) if hashes else None),
        INTEGRITY_MARK: f'<script type="importmap">{hashes}</script>' if hashes else "",
        **replacements,
    }
    for old, new in changes.items():
        if page.count(old) != 1:
            raise ValueError(f"index.html does not hold this exactly once: {old}")
        page = page.replace(old, new)
    return page
