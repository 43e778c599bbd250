"""Finds a user's company among claims."""

from collections.abc import Mapping
from typing import Any


def company_in(path: str, *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value under `path` in the first source that has it; {} if none has it.

    `path` is a claim's name, which may contain dots, or a dotted path into objects. A value that is
    not an object becomes one, under the last part of the path: `org = "acme"` is {"org": "acme"}.
    """
    for source in sources if path else ():
        value = source.get(path)
        name = path
        if value is None:
            *_, name = path.split(".")
            value = _along(path.split("."), source)
        if value is not None:
            return value if isinstance(value, dict) else {name: value}
    return {}


def _along(parts: list[str], value: Any) -> Any:
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value
