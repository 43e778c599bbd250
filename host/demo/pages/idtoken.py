"""An ID token, taken apart to be looked at: nothing is verified. Runs on MicroPython and on CPython."""

import binascii
import json
import time

NAMES = (
    ("alg", "signature algorithm"),
    ("kid", "key that signed it"),
    ("typ", "type"),
    ("iss", "issuer"),
    ("sub", "who signed in"),
    ("aud", "for whom"),
    ("azp", "authorized party"),
    ("iat", "issued"),
    ("nbf", "not before"),
    ("exp", "expires"),
    ("auth_time", "signed in at"),
    ("nonce", "bound to the request"),
    ("at_hash", "hash of the access token"),
    ("sid", "session"),
    ("name", "name"),
    ("email", "e-mail"),
)
"""The usual names and what they stand for (RFC 7515, 4.1; RFC 7519, 4.1; OpenID Connect Core 1.0, 2), in the order to show them."""

DATES = ("iat", "nbf", "exp", "auth_time")


def _part(id_token: str, index: int) -> dict:
    try:
        part = id_token.split(".")[index].replace("-", "+").replace("_", "/")
        padded = part + "=" * (-len(part) % 4)
        read = json.loads(binascii.a2b_base64(padded.encode()).decode())
    except (ValueError, IndexError):
        return {}
    return read if isinstance(read, dict) else {}


def header(id_token: str) -> dict:
    """A JWT's header. Empty if it cannot be read."""
    return _part(id_token, 0)


def claims(id_token: str) -> dict:
    """A JWT's payload. Empty if it cannot be read."""
    return _part(id_token, 1)


def rows(part: dict, now: float) -> list:
    """The fields of one part as (name, meaning, value), the usual ones first. `now`: seconds."""
    known = [(name, meaning) for name, meaning in NAMES if name in part]
    usual = [name for name, _ in known]
    others = [(name, "") for name in sorted(part) if name not in usual]
    return [(name, meaning, _shown(name, part[name], now)) for name, meaning in known + others]


def _shown(name: str, value: object, now: float) -> str:
    if name in DATES and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{date(value)} ({away(value - now)})"
    return value if isinstance(value, str) else json.dumps(value)


def date(seconds: float) -> str:
    """A time as people write it, in UTC."""
    year, month, day, hour, minute, second = time.gmtime(int(seconds))[:6]
    return f"{year}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d} UTC"


def away(seconds: float) -> str:
    """How far off a time is, roughly."""
    size = abs(seconds)
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")):
        if size >= 2 * unit or unit == 1:
            text = f"{int(size / unit + 0.5)} {name}"
            return f"in {text}" if seconds > 0 else f"{text} ago"
    return ""
