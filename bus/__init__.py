"""The bus: what runs in the iframe, in Python."""

from typing import Final

VERSION: Final = "0.1.0"
"""The version that `BUS.READY` names; pyproject.toml holds the same one."""

PROTOCOL: Final = 1
"""The version of the protocol between host and bus."""
