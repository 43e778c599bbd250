"""What the session needs from a backend or provider; each kind has one implementation."""

from dataclasses import dataclass, field
from typing import Protocol

from ..errors import BusError, Rejected
from ..messages import JsonObject
from ..ports import Key
from .record import Maker


@dataclass(frozen=True)
class Fresh:
    """The result of a refresh: a successful answer whose refresh token can be read.

    Fields that the answer did not have stay as they were.
    """

    refresh_token: str = field(default="", repr=False)
    """Empty: the old one stays."""
    id_token: str = field(default="", repr=False)
    """Empty: the old one stays, and `error` says why."""
    access_token: str = field(default="", repr=False)
    """What hosts get beside the ID token, if `Backend.access_tokens`."""
    access_token_expires_at: int = 0
    """In milliseconds since the epoch; 0 if the provider does not say."""
    user: JsonObject | None = field(default=None, repr=False)
    company: JsonObject | None = field(default=None, repr=False)
    error: BusError | None = None
    """What is wrong with the rest of the answer; waiting requests get it."""
    other_user: bool = False
    """The answer is for another subject or from another issuer: the session ends."""


@dataclass(frozen=True)
class Bound:
    """What a session's refresh token is bound to (RFC 9449, 5)."""

    key: Key
    ahead_seconds: float
    """By how much the provider's clock is ahead of this one, by the last ID token."""


@dataclass(frozen=True)
class Failed:
    """A refresh that failed."""

    error: BusError | Rejected
    refused: bool = False
    """Whether it was a definite refusal, which ends the session."""
    retry_after_seconds: float = 0
    """The delay that `Retry-After` asked for; 0 without that header."""


class Backend(Protocol):
    """A kind of backend, as sessions see it."""

    @property
    def maker(self) -> Maker:
        """What the sessions of this bus are made by; a record with another maker is not valid here."""

    @property
    def access_tokens(self) -> bool:
        """Whether hosts get access tokens."""

    async def refresh(
        self, refresh_token: str, *, id_token: str, bound: Bound | None = None
    ) -> Fresh | Failed:
        """Ask for new tokens, once, within the time limit; `id_token` is the previous one.

        `bound` says what the refresh token is bound to, if it is bound.

        Raises only for a defect.
        """

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke within the time limit, and return whether that succeeded. True if there is no endpoint.

        Raises only for a defect.
        """

    async def logout_url(self) -> str:
        """Return the URL that ends the provider's own session (RP-Initiated Logout 1.0, 2), or "".

        Raises only for a defect.
        """
