"""Built buses that are damaged on purpose."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.support.world import without_hashes

FILE = "A file of the bus is missing, blocked, or not the one that was built."


def boot_failed(why: str) -> dict[str, str]:
    """Return the error that the host gets: no more than a fixed sentence says why."""
    return {"code": "BOOT_FAILED", "message": f"The Python runtime could not start. {why}"}


def find(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"*/{name}")
    return path


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in (find(folder, name), *folder.glob(f"*/{name}.*")):
            path.unlink()

    return change


def damaged(name: str, data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        without_hashes(folder)  # tests/e2e/test_integrity.py is about those
        find(folder, name).write_bytes(data)
        for path in folder.glob(f"*/{name}.*"):
            path.unlink()

    return change
