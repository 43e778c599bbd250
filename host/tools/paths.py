"""Paths in the tree."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUS: Final = ROOT / "bus"
PAGE: Final = ROOT / "index.html"
CLIENT: Final = ROOT / "host/client"
"""What a host app imports, and nothing else."""

RUNTIME: Final = ROOT / ".runtime"
"""Downloaded and generated files, which can be made again. Version control ignores them."""
WHEELS_LOCK: Final = ROOT / "host/tools/wheels.lock"
PACKAGE_LOCK: Final = ROOT / "package-lock.json"
