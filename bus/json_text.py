"""Reads JSON from a backend so that its content cannot crash the interpreter."""

from math import isfinite

from pydantic import JsonValue
from pydantic_core import from_json

_BOM = b"\xef\xbb\xbf"


def parse_json(body: bytes) -> JsonValue:
    """Return the JSON value in `body`, which is UTF-8 (RFC 8259).

    pydantic's parser stops cleanly at 200 levels of nesting, where `json.loads` would crash the
    interpreter. A byte order mark is skipped, as `Response.json()` does (Fetch).
    Raises ValueError for anything else: NaN, Infinity, numbers beyond double precision's range,
    lone surrogates, invalid UTF-8, an empty body.
    """
    # Values are not cached: tokens would stay in memory for thousands of refreshes.
    value: JsonValue = from_json(body.removeprefix(_BOM), allow_inf_nan=False, cache_strings="keys")
    if not _is_finite(value):
        raise ValueError("a number is out of range")
    return value


def _is_finite(value: JsonValue) -> bool:
    match value:
        case dict():
            return all(_is_finite(item) for item in value.values())
        case list():
            return all(_is_finite(item) for item in value)
        case bool():
            return True
        case int() | float():
            try:
                return isfinite(value)
            except OverflowError:  # an int that no double can hold
                return False
        case _:
            return True
