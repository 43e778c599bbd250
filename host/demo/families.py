"""Refresh tokens: each works once and brings the next one; who presents an old one ends them all."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

GRACE = 30.0
"""Seconds in which the last token is accepted again: the answer to a rotation may have been lost."""

LIFETIME = 90 * 86_400.0
"""Seconds from the sign-in to the end of its tokens. No rotation prolongs them."""

LIMIT = 10_000
"""Families kept at once; one more drops the oldest, so that memory is bounded."""

Reason = Literal["refresh_token_unknown", "refresh_token_reused", "refresh_token_expired"]


class TokenError(Exception):
    """A refresh token that is not accepted: `reason` says why, `hint` what to do about it."""

    def __init__(self, reason: Reason, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass
class _Family:
    person: str
    client_id: str
    expires_at: float
    secret: str
    """Of the token that holds."""
    before: str = ""
    """Of the one that it replaced."""
    rotated_at: float = 0.0


@dataclass(frozen=True)
class Rotated:
    """What a refresh token stands for, and the token to use from now on."""

    person: str
    client_id: str
    token: str


class Families:
    """All tokens that came of one sign-in are a family. `clock` gives seconds since the epoch.

    A token is the family's id and a secret, both random. So an old token is told from one that was
    never issued, and old secrets need not be kept.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._families: dict[str, _Family] = {}

    def __len__(self) -> int:
        return len(self._families)

    def begin(self, person: str, client_id: str) -> str:
        """Return the first token of a sign-in."""
        family = _Family(person, client_id, self._clock() + LIFETIME, secrets.token_urlsafe(32))
        key = secrets.token_urlsafe(16)
        self._families[key] = family
        if len(self._families) > LIMIT:
            del self._families[next(iter(self._families))]
        return f"{key}.{family.secret}"

    def rotate(self, token: str) -> Rotated:
        """Accept a token once.

        Raises TokenError. The token before is answered like the first time, for GRACE seconds. Any
        other ends the family: two have it, and one of them is a thief (RFC 9700, 4.14.2).
        """
        key, _, secret = token.partition(".")
        family = self._families.get(key)
        if family is None:
            raise TokenError(
                "refresh_token_unknown", "It was revoked, or never issued. Sign in again."
            )
        now = self._clock()
        if now >= family.expires_at:
            del self._families[key]
            raise TokenError("refresh_token_expired", "90 days have passed. Sign in again.")
        if _same(secret, family.secret):
            family.before, family.secret = family.secret, secrets.token_urlsafe(32)
            family.rotated_at = now
        elif not (_same(secret, family.before) and now - family.rotated_at <= GRACE):
            del self._families[key]
            raise TokenError(
                "refresh_token_reused",
                "It was used before, so all tokens of this sign-in are revoked. Sign in again.",
            )
        return Rotated(family.person, family.client_id, f"{key}.{family.secret}")

    def revoke(self, token: str) -> None:
        """End a token's family; nothing happens for a token that is unknown (RFC 7009, 2.2)."""
        self._families.pop(token.partition(".")[0], None)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
