"""A second page for a built bus, that is refused all storage: what some browsers do to frames."""

from pathlib import Path

DENIED = "denied.html"
"""The page's name, beside the index.html that it is a copy of."""

_SCRIPT = Path(__file__).parent / "denied.js"
_FIRST = '<script src="./bus-'


def without_storage(bus: Path) -> None:
    """Write the page into the folder of a built bus. Raises ValueError if that is not as expected."""
    page = (bus / "index.html").read_text("utf-8")
    before, first, after = page.partition(_FIRST)
    if not first:
        raise ValueError("the bus page has no first script")
    (bus / _SCRIPT.name).write_bytes(_SCRIPT.read_bytes())
    element = f'<script src="./{_SCRIPT.name}"></script>'
    (bus / DENIED).write_text(f"{before}{element}{first}{after}", "utf-8")
