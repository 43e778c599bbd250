"""Authorization codes: random, single-use, short-lived, bound to what they were issued for."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LIFETIME = 60.0
"""Seconds from issue in which a code can be redeemed."""

REMEMBERED = 600.0
"""Seconds from issue in which a used or expired code is still told from an unknown one."""

LIMIT = 10_000
"""Codes kept at once; one more drops the oldest, so that memory is bounded."""

Reason = Literal[
    "code_unknown",
    "code_used",
    "code_expired",
    "redirect_url_mismatch",
    "code_verifier_missing",
    "code_verifier_mismatch",
]


class CodeError(Exception):
    """A code that is not redeemed: `reason` says which check failed, `hint` what to do about it."""

    def __init__(self, reason: Reason, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True)
class Grant:
    """What a code stands for: who signed in, for which client, towards which address."""

    person: str
    client_id: str
    redirect_url: str
    challenge: str
    """The client's PKCE challenge, method S256 (RFC 7636, 4.2)."""


@dataclass
class _Issued:
    grant: Grant
    issued_at: float
    expires_at: float
    used: bool = False


def s256(verifier: str) -> str:
    """The S256 challenge of a code verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Codes:
    """The codes issued so far, oldest first. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, _Issued] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, grant: Grant, *, lifetime: float = LIFETIME) -> str:
        """A new code with 256 random bits; `lifetime` in seconds, below zero: it has expired already."""
        now = self._clock()
        self._purge(now)
        code = secrets.token_urlsafe(32)
        self._issued[code] = _Issued(grant, now, now + lifetime)
        if len(self._issued) > LIMIT:
            del self._issued[next(iter(self._issued))]
        return code

    def grant_of(self, code: str) -> Grant | None:
        """What a code was issued for, without using it up; None if it is unknown."""
        self._purge(self._clock())
        issued = self._issued.get(code)
        return issued.grant if issued else None

    def redeem(self, code: str, redirect_url: str, verifier: str | None) -> Grant:
        """Use a code up and return its grant.

        Raises CodeError. A failed attempt uses the code up as well: whoever presents it with the
        wrong verifier is not the client it was issued to, and gets no second guess.
        """
        now = self._clock()
        self._purge(now)
        issued = self._issued.get(code)
        if issued is None:
            raise CodeError("code_unknown", "Sign in again for a new code.")
        if issued.used:
            raise CodeError("code_used", "A code works once. Sign in again for a new one.")
        issued.used = True
        if now >= issued.expires_at:
            raise CodeError("code_expired", f"A code lives {LIFETIME:.0f} seconds. Sign in again.")
        if redirect_url != issued.grant.redirect_url:
            raise CodeError("redirect_url_mismatch", "Send the redirectUrl that the code came to.")
        if verifier is None:
            raise CodeError(
                "code_verifier_missing", "This code was asked for with PKCE: send its codeVerifier."
            )
        if not hmac.compare_digest(s256(verifier), issued.grant.challenge):
            raise CodeError(
                "code_verifier_mismatch",
                "Send the codeVerifier whose challenge began this sign-in.",
            )
        return issued.grant

    def _purge(self, now: float) -> None:
        while self._issued:
            oldest = next(iter(self._issued))
            if now - self._issued[oldest].issued_at < REMEMBERED:
                return
            del self._issued[oldest]
