"""Writes the text of the generated documents."""

import json
import re
from typing import Any


def json_text(value: dict[str, Any]) -> str:
    """Return JSON for people to read, with the keys in their original order."""
    return json.dumps(value, indent=2) + "\n"


def first_paragraph(docstring: str | None) -> str:
    """Return a docstring's first paragraph in one line; the rest concerns the code, not the message.

    References to the protocol's page are left out: a schema must stand alone.
    """
    paragraph = " ".join((docstring or "").strip().split("\n\n")[0].split())
    return re.sub(r" \(protocol\.md[^)]*\)", "", paragraph)
