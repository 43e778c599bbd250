"""A built bus for web apps in Python: `app.mount("/bus", bus_app(settings))`.

In the wheel this is `sso_bus.asgi`. It needs neither Node nor the network there: the wheel contains all
parts of a bus except those that depend on the settings, and these are made here.
"""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from .config import ConfigError, check_settings, load_settings
from .integrity import import_map, script_source
from .page import fill_page
from .policy import headers
from .serve import BusFiles
from .shared import OidcSso, Settings

__all__ = ["ConfigError", "Settings", "bus_app"]

BUILT: Final = Path(__file__).parent / "built"
"""The data in the wheel: `static/`, which is served, and the parts of the page."""

_ASK: Final = """\
bus.sso.connect_origins: is missing: list the origin of {url}, and those of the token_endpoint, \
jwks_uri and userinfo_endpoint that it names, with [bus.session] of the revocation_endpoint as well. \
`make build` asks for them; a web app that starts does not."""


def bus_app(
    settings: Settings | Mapping[str, object] | str | PathLike[str], *, built: Path = BUILT
) -> BusFiles:
    """Return an ASGI application that serves a bus with these settings, to be mounted at any path.

    `settings`: the path of a TOML file with a `[bus]` table, or the contents of such a table.
    Raises ConfigError; each of its lines names a setting and what is wrong with it.
    """
    checked = _with_connect_origins(_settings(settings))
    parts = json.loads((built / "parts.json").read_text(encoding="utf-8"))
    page = fill_page(
        (built / "page.html").read_text(encoding="utf-8"),
        checked,
        parts["replacements"],
        parts["integrity"],
    )
    inline = script_source(import_map(parts["integrity"]))
    rules = headers(checked, parts["folders"], inline)
    return BusFiles(built / "static", rules, page.encode())


def _settings(settings: Settings | Mapping[str, object] | str | PathLike[str]) -> Settings:
    if isinstance(settings, Settings):
        return settings
    if isinstance(settings, Mapping):
        return check_settings(dict(settings))
    return load_settings(Path(settings))


def _with_connect_origins(settings: Settings) -> Settings:
    """Fill in the origins that the policy needs, if the settings name them."""
    sso = settings.sso
    if not isinstance(sso, OidcSso) or sso.connect_origins is not None:
        return settings
    if sso.discovery is not None:
        # A build asks the provider. An app must be able to start while the provider is down.
        raise ConfigError(_ASK.format(url=sso.discovery))
    filled = sso.model_copy(update={"connect_origins": sso.origins})
    return settings.model_copy(update={"sso": filled})
