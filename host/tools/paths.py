"""Where things are in the tree."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUS: Final = ROOT / "bus"
PAGE: Final = ROOT / "index.html"
CLIENT: Final = ROOT / "host/client"
"""What a host app imports, and nothing else."""

RUNTIME: Final = ROOT / ".runtime"
"""What was downloaded or made, and can be again. Version control ignores it."""
WHEELS_LOCK: Final = ROOT / "host/tools/wheels.lock"
PACKAGE_LOCK: Final = ROOT / "package-lock.json"
