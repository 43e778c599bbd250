"""Finds a user's company among claims."""

from collections.abc import Mapping, Sequence
from typing import Any


def company_in(path: str | Sequence[str], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value under `path` in the first source that has it; {} if none has it.

    `path` is a claim's name, which may contain dots, or a dotted path into objects. It may also be a
    sequence of names, each used as it is. A value that is not an object becomes one, under the last
    name of the path: `org = "acme"` is {"org": "acme"}.
    """
    paths = ([path], path.split(".")) if isinstance(path, str) else (path,)
    for source in sources if path else ():
        for parts in paths:
            value = _along(parts, source)
            if value is not None:
                return value if isinstance(value, dict) else {parts[-1]: value}
    return {}


def _along(parts: Sequence[str], value: Any) -> Any:
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value
