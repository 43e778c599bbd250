"""Reads the claims of an ID token. It checks nothing: the exchange has done that, where possible."""

from base64 import urlsafe_b64decode
from dataclasses import dataclass

from pydantic import JsonValue

from ..json_text import parse_json


@dataclass(frozen=True)
class Claims:
    """Whom the token is for, and its times. A claim that is missing or malformed is None."""

    iss: str | None = None
    sub: str | None = None
    iat: float | None = None
    exp: float | None = None

    def of_another(self, other: "Claims") -> bool:
        """Whether both name a subject, or both an issuer, and the two differ."""
        return _differ(self.iss, other.iss) or _differ(self.sub, other.sub)


def claims_in(token: str) -> Claims:
    """Return the claims in an ID token; all are None if it is not a JWT (RFC 7519)."""
    parts = token.split(".")
    if len(parts) != 3:
        return Claims()
    try:
        value = parse_json(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return Claims()
    if not isinstance(value, dict):
        return Claims()
    return Claims(
        _text(value.get("iss")),
        _text(value.get("sub")),
        _time(value.get("iat")),
        _time(value.get("exp")),
    )


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
