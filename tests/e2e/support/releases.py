"""Two releases of a bus, whose snapshots differ a little."""

from hashlib import sha256
from pathlib import Path

from tests.e2e.support.damage import find
from tests.e2e.support.world import World, without_hashes


def releases(world: World) -> tuple[Path, Path]:
    """Return the folders of the last release, and of the next, which has the difference from it."""
    world.bus("last", change=_make_last_release)
    last = world.buses.folders["last"]
    world.bus("next", previous=[last])
    return last, world.buses.folders["next"]


def _make_last_release(folder: Path) -> None:
    """Turn a built bus into one with another snapshot, which starts as well, in another folder."""
    without_hashes(folder)
    for path in (*folder.glob("*/snapshot.bin.*"), *folder.glob("*/parts.mjs.*")):
        path.unlink()
    snapshot, parts = find(folder, "snapshot.bin"), find(folder, "parts.mjs")
    before = snapshot.read_bytes()
    after = before.replace(b"Python Software Foundation", b"PYTHON SOFTWARE FOUNDATION")
    assert before != after
    snapshot.write_bytes(after)
    text = parts.read_text().replace(sha256(before).hexdigest(), sha256(after).hexdigest())
    parts.write_text(text)
    old = snapshot.parent
    new = old.rename(old.with_name(f"bus-{old.name[:3:-1]}"))
    for path in (*folder.glob("*.html"), folder / "_headers", folder / "nginx.conf"):
        path.write_text(path.read_text().replace(old.name, new.name))
        for packed in folder.glob(f"{path.name}.*"):
            packed.unlink()
