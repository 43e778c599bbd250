"""`[bus.session]` and `[bus.password]` (protocol.md, "The session")."""

from typing import Annotated, Literal

from pydantic import Field

from ..urls import origin_of
from .types import FetchedUrl, RedirectUrl, Table


class SessionSettings(Table):
    """`[bus.session]`: the bus keeps the user signed in."""

    persist: Literal["partition", "memory"] = "partition"
    """Where: in the browser's partition for this bus under this host's site, or in memory."""
    refresh_url: FetchedUrl | None = None
    """Where a `json` backend refreshes; OpenID Connect uses its token endpoint."""
    revoke_url: FetchedUrl | None = None
    """Where a `json` backend revokes, if it does; OpenID Connect uses its revocation endpoint."""
    refresh_margin_seconds: Annotated[float, Field(ge=61, le=600)] = 90
    """An ID token is refreshed so many seconds before it expires."""
    max_age_days: Annotated[float, Field(ge=1, le=365)] = 90
    """A session ends so many days after its sign-in, whatever happens."""
    idle_minutes: Annotated[float, Field(ge=0, le=525_600)] = 0
    """A session ends so many minutes after the last accepted request in any tab; 0: never so."""
    post_logout_redirect_uri: RedirectUrl | None = None
    """Where an OpenID Connect provider sends the browser back to when its own session has ended."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from on account of these settings."""
        return tuple(origin_of(url) for url in (self.refresh_url, self.revoke_url) if url)


class PasswordSettings(Table):
    """`[bus.password]`: users can sign in with an e-mail address and a password."""

    sign_in_url: FetchedUrl
    """Where a `json` backend signs users in: an absolute URL, https or loopback."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from on account of these settings."""
        return (origin_of(self.sign_in_url),)
