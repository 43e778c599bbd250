"""How the documents are written."""

import json
import re
from typing import Any


def json_text(value: dict[str, Any]) -> str:
    """Return JSON for people to read, in the order of the keys as they were made."""
    return json.dumps(value, indent=2) + "\n"


def first_paragraph(docstring: str | None) -> str:
    """Return what a docstring says first, in one line; the rest is about the code, not the message.

    References to the protocol's page are left out: whoever reads a schema has the schema.
    """
    paragraph = " ".join((docstring or "").strip().split("\n\n")[0].split())
    return re.sub(r" \(protocol\.md[^)]*\)", "", paragraph)
