"""Makes the exchange that the settings name."""

from ..ports import Fetch, Log, Now, Verify
from ..session.backend import Backend
from ..settings import Settings
from ..settings.oidc import OidcSso
from . import Exchange
from .json_backend import JsonExchange, JsonPost
from .json_session import JsonSession
from .oidc import OidcExchange
from .oidc.session import OidcSession


def exchange_for(
    settings: Settings, *, fetch: Fetch, verify: Verify, now: Now, log: Log
) -> Exchange:
    """Return the exchange with the provider or backend that `settings` name."""
    seconds = settings.request_timeout_seconds
    if isinstance(settings.sso, OidcSso):
        return OidcExchange(settings.sso, seconds, fetch=fetch, verify=verify, now=now, log=log)
    return JsonExchange(settings.sso.exchange_url, seconds, fetch=fetch, now=now)


def backend_for(settings: Settings, *, fetch: Fetch, verify: Verify, now: Now, log: Log) -> Backend:
    """Return the backend that refreshes and revokes the sessions of a bus with `[bus.session]`.

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
        )
    if session is None or session.refresh_url is None:
        raise ValueError("no session that the bus knows how to refresh")
    post = JsonPost(seconds, fetch=fetch, now=now)
    return JsonSession(session.refresh_url, session.revoke_url, post, now)
