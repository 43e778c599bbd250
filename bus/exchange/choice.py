"""Makes the exchange that the settings ask for."""

from bus.exchange import Exchange
from bus.exchange.json_backend import JsonExchange
from bus.exchange.oidc import OidcExchange
from bus.oidc_settings import OidcSso
from bus.ports import Fetch, Log, Now, Verify
from bus.settings import Settings


def exchange_for(
    settings: Settings, *, fetch: Fetch, verify: Verify, now: Now, log: Log
) -> Exchange:
    """Return the exchange with the provider or backend that `settings` name."""
    seconds = settings.request_timeout_seconds
    if isinstance(settings.sso, OidcSso):
        return OidcExchange(settings.sso, seconds, fetch=fetch, verify=verify, now=now, log=log)
    return JsonExchange(settings.sso.exchange_url, seconds, fetch=fetch, now=now)
