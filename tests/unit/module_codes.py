"""The error codes that the modules for hosts make."""

import re

from host.tools.paths import ROOT

MODULES = [
    (ROOT / "host/client" / name).read_text(encoding="utf-8")
    for name in ("client.js", "signin.js", "session.js")
]


def codes_of_the_modules() -> set[str]:
    """Every code that the host's modules make, from where they make them."""
    made = r'(?:new BusError|conclude)\(\s*"([A-Z_]+)"'
    return {code for text in MODULES for code in re.findall(made, text)}
