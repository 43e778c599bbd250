"""`[bus.session]` and `[bus.password]` (protocol.md, "The session")."""

from typing import Annotated, Literal

from pydantic import Field

from ..urls import origin_of
from .types import FetchedUrl, RedirectUrl, Table


class SessionSettings(Table):
    """`[bus.session]`: the bus keeps the user signed in."""

    persist: Literal["partition", "memory"] = "partition"
    """Where it is kept: in the browser's partition for this bus under this host's site, or in memory."""
    refresh_url: FetchedUrl | None = None
    """Where a `json` backend refreshes; OpenID Connect uses its token endpoint."""
    revoke_url: FetchedUrl | None = None
    """Where a `json` backend revokes, if it does; OpenID Connect uses its revocation endpoint."""
    refresh_margin_seconds: Annotated[float, Field(ge=61, le=600)] = 90
    """How many seconds before it expires an ID token is refreshed."""
    max_age_days: Annotated[float, Field(ge=1, le=365)] = 90
    """How many days after its sign-in a session ends. A refresh does not prolong it."""
    idle_minutes: Annotated[float, Field(ge=0, le=525_600)] = 0
    """How many minutes after the last accepted request in any tab a session ends; 0: no such limit."""
    post_logout_redirect_uri: RedirectUrl | None = None
    """Where an OpenID Connect provider sends the browser back to when its own session has ended."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from because of these settings."""
        return tuple(origin_of(url) for url in (self.refresh_url, self.revoke_url) if url)


class PasswordSettings(Table):
    """`[bus.password]`: users can sign in with an e-mail address and a password."""

    sign_in_url: FetchedUrl
    """Where a `json` backend signs users in: an absolute URL, https or loopback."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from because of these settings."""
        return (origin_of(self.sign_in_url),)
