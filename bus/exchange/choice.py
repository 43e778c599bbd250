"""Makes the exchange that the settings ask for."""

from ..ports import Fetch, Log, Now, Verify
from ..settings import Settings
from ..settings.oidc import OidcSso
from . import Exchange
from .json_backend import JsonExchange
from .oidc import OidcExchange


def exchange_for(
    settings: Settings, *, fetch: Fetch, verify: Verify, now: Now, log: Log
) -> Exchange:
    """Return the exchange with the provider or backend that `settings` name."""
    seconds = settings.request_timeout_seconds
    if isinstance(settings.sso, OidcSso):
        return OidcExchange(settings.sso, seconds, fetch=fetch, verify=verify, now=now, log=log)
    return JsonExchange(settings.sso.exchange_url, seconds, fetch=fetch, now=now)
