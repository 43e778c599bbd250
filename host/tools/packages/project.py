"""What the packages say about the project: pyproject.toml is the one place for it."""

import tomllib
from typing import Any, Final

from host.tools.paths import ROOT

PROJECT: Final[dict[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["project"]
