"""What the session asks of a backend or provider, one implementation for each kind."""

from dataclasses import dataclass, field
from typing import Protocol

from ..errors import BusError, Rejected
from ..messages import JsonObject
from .record import Maker


@dataclass(frozen=True)
class Fresh:
    """What a refresh brought: an answer of success whose refresh token can be read.

    What the answer did not have stays as it was.
    """

    refresh_token: str = field(default="", repr=False)
    """Empty: the old one stays."""
    id_token: str = field(default="", repr=False)
    """Empty: the old one stays, and `error` says why."""
    user: JsonObject | None = field(default=None, repr=False)
    company: JsonObject | None = field(default=None, repr=False)
    error: BusError | None = None
    """What is wrong with the rest of the answer; it goes to who waits."""
    other_user: bool = False
    """The answer is for another subject or from another issuer: the session ends."""


@dataclass(frozen=True)
class Failed:
    """A refresh that brought nothing."""

    error: BusError | Rejected
    refused: bool = False
    """Whether it was a definite refusal, which ends the session."""
    retry_after_seconds: float = 0
    """What `Retry-After` asked for; 0 where it did not."""


class Backend(Protocol):
    """A kind of backend, as far as sessions go."""

    @property
    def maker(self) -> Maker:
        """What sessions of this bus are made by; those of another are no sessions here."""

    async def refresh(self, refresh_token: str, *, id_token: str) -> Fresh | Failed:
        """Ask for new tokens, once, within the time limit; `id_token` is the one before.

        Never raises but for a defect.
        """

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke, within the time limit; whether it is done. True where there is nowhere to.

        Never raises but for a defect.
        """

    async def logout_url(self) -> str:
        """Return where the provider's own session ends (RP-Initiated Logout 1.0, 2), or "".

        Never raises but for a defect.
        """
