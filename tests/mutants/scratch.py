"""A copy of the tree to break: nothing in the tree itself is ever changed."""

import shutil
import subprocess
from pathlib import Path

from host.tools.paths import ROOT, RUNTIME

LINKED = (".venv", "node_modules")
"""What the tests only read, and git does not know."""
CACHES = ("compressed", "snapshot")
"""The folders in .runtime that a build writes to: the copy has its own, with the current content."""


def copy_tree(to: Path) -> None:
    """Copy what git knows or would add, as it is now; link to what was set up or downloaded."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():  # a file may be deleted and not yet committed
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for name in LINKED:
        if (ROOT / name).exists() and not (to / name).exists():
            (to / name).symlink_to((ROOT / name).resolve())
    runtime = to / RUNTIME.relative_to(ROOT)
    runtime.mkdir()
    for part in RUNTIME.iterdir():
        if part.name in CACHES:
            (runtime / part.name).mkdir()
            for kept in part.iterdir():
                (runtime / part.name / kept.name).symlink_to(kept)
        elif part.is_dir():
            (runtime / part.name).symlink_to(part)
        else:
            shutil.copy2(part, runtime / part.name)
