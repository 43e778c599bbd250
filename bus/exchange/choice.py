"""Makes the exchange that the settings name."""

from collections.abc import Callable

from ..ports import Fetch, Log, MakeKey, Now, Verify
from ..session.backend import Backend
from ..settings import Settings
from ..settings.oidc import OidcSso
from . import Exchange
from .json_backend import JsonExchange, JsonPost
from .json_session import JsonSession
from .oidc import OidcExchange
from .oidc.dpop import Proofs
from .oidc.session import OidcSession


def proofs_for(
    settings: Settings, *, make: MakeKey, now: Now, new_id: Callable[[], str]
) -> Proofs | None:
    """Return what makes DPoP proofs; None if the settings do not want them."""
    if isinstance(settings.sso, OidcSso) and settings.sso.dpop != "off":
        return Proofs(make, now, new_id)
    return None


def exchange_for(  # noqa: PLR0913 - each is a port
    settings: Settings,
    *,
    fetch: Fetch,
    verify: Verify,
    now: Now,
    log: Log,
    proofs: Proofs | None = None,
) -> Exchange:
    """Return the exchange with the provider or backend that `settings` name.

    `proofs` is what `proofs_for` returns.
    """
    seconds = settings.request_timeout_seconds
    if isinstance(settings.sso, OidcSso):
        return OidcExchange(
            settings.sso, seconds, fetch=fetch, verify=verify, now=now, log=log, proofs=proofs
        )
    return JsonExchange(settings.sso.exchange_url, seconds, fetch=fetch, now=now)


def backend_for(  # noqa: PLR0913 - each is a port
    settings: Settings,
    *,
    fetch: Fetch,
    verify: Verify,
    now: Now,
    log: Log,
    proofs: Proofs | None = None,
) -> Backend:
    """Return the backend that refreshes and revokes the sessions of a bus with `[bus.session]`.

    `proofs` is what `proofs_for` returns.
    Raises ValueError for settings without that table.
    """
    session, seconds = settings.session, settings.request_timeout_seconds
    if session is not None and isinstance(settings.sso, OidcSso):
        return OidcSession(
            settings.sso,
            session.post_logout_redirect_uri,
            seconds,
            fetch=fetch,
            verify=verify,
            now=now,
            log=log,
            proofs=proofs,
        )
    if session is None or session.refresh_url is None:
        raise ValueError("no session that the bus knows how to refresh")
    post = JsonPost(seconds, fetch=fetch, now=now)
    return JsonSession(session.refresh_url, session.revoke_url, post, now)
