"""The packages' metadata, all from pyproject.toml."""

import tomllib
from typing import Any, Final

from host.tools.paths import ROOT

PROJECT: Final[dict[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["project"]
