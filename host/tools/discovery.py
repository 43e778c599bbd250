"""Finds out, at build time, what a bus must know about its provider.

That is the origins to reach, the scope to request, and how a sign-in begins.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, NamedTuple

import httpx
from pydantic import JsonValue

from bus.errors import BusError
from bus.exchange import MAX_BODY_BYTES
from bus.exchange.oidc.discovery import end_session_in, endpoints_in, revocation_in
from bus.json_text import parse_json
from bus.settings import Settings
from bus.settings.oidc import OidcSso
from bus.urls import is_loopback, origin_of, policy_problem, url_problem
from host.server.config import ConfigError

TIME_LIMIT = 20.0
"""For the provider's whole answer, in seconds."""
OFFLINE: Final = "offline_access"


class Discovered(NamedTuple):
    """Settings with what the provider has told."""

    settings: Settings
    jwks_uri: str | None
    """Where the provider has its keys, if it was asked: a hint for the page. The bus asks it again."""


def with_discovery(
    settings: Settings, *, say: Callable[[str], None], time_limit: float = TIME_LIMIT
) -> Discovered:
    """Return the settings with `connect_origins` filled in, by discovery if necessary.

    So are `authorization_endpoint` and `iss_required`, as far as the provider tells. The default
    `scope` loses `offline_access` if the provider does not list it; `say` gets a line about that.
    Raises ConfigError, which says what to do.
    """
    sso = settings.sso
    if not isinstance(sso, OidcSso) or sso.connect_origins is not None:
        return Discovered(settings, None)
    url = sso.discovery
    document = _document(url, time_limit) if url else {}
    try:
        endpoints = endpoints_in(document, sso)
        revocation = None
        if settings.session:
            revocation = revocation_in(document, sso)
            end_session_in(document, sso)  # nothing is fetched from there, but it must be usable
    except BusError as error:
        raise ConfigError(f"bus.sso.issuer: {error.message}") from None
    also = {origin_of(each) for each in (url, revocation) if each}
    origins = sorted(endpoints.origins | also)
    for origin in origins:
        if problem := policy_problem(origin):
            raise ConfigError(f"bus.sso.issuer: the provider's {origin} {problem}.")
    scope = scope_for(document, sso, say)
    found = {
        "connect_origins": tuple(origins),
        "scope": scope,
        "authorization_endpoint": sso.authorization_endpoint or _authorization(document, say),
        "iss_required": _iss_required(document) if sso.iss_required is None else sso.iss_required,
    }
    filled = sso.model_copy(update=found)
    return Discovered(settings.model_copy(update={"sso": filled}), endpoints.jwks)


def scope_for(document: Mapping[str, object], sso: OidcSso, say: Callable[[str], None]) -> str:
    """Return the scope that host pages request.

    A provider need not list all that it has (OpenID Connect Discovery 1.0, 3, `scopes_supported`),
    so a scope that the settings name stays. The default does not: who refuses a scope (RFC 6749,
    4.1.2.1, `invalid_scope`) refuses the whole sign-in.
    """
    listed, scopes = document.get("scopes_supported"), sso.scope.split(" ")
    if not isinstance(listed, list) or OFFLINE in listed or OFFLINE not in scopes:
        return sso.scope
    if "scope" in sso.model_fields_set:
        say(
            f"the provider does not list {OFFLINE} among its scopes (scopes_supported), and "
            "bus.sso.scope has it: if sign-ins end with invalid_scope, remove it from the setting"
        )
        return sso.scope
    scope = " ".join(name for name in scopes if name != OFFLINE)
    say(
        f"the provider does not list {OFFLINE} among its scopes (scopes_supported), so bus.sso.scope "
        f'is "{scope}": ask for that in host pages'
    )
    return scope


def _authorization(document: Mapping[str, object], say: Callable[[str], None]) -> str | None:
    """Return where a sign-in begins; None if host pages must name it themselves."""
    url = document.get("authorization_endpoint")
    if url is None:
        return None
    problem = url_problem(url) if isinstance(url, str) else "is not a string"
    if problem:
        say(
            f"the authorization_endpoint in the provider's discovery document {problem}, so host "
            "pages must name it themselves; or set bus.sso.authorization_endpoint"
        )
        return None
    return str(url)


def _iss_required(document: Mapping[str, object]) -> bool:
    """Whether the provider says that each of its answers names it (RFC 9207, 3)."""
    return document.get("authorization_response_iss_parameter_supported") is True


def _document(url: str, time_limit: float) -> dict[str, JsonValue]:
    try:
        value = parse_json(_get(url, time_limit))
    except httpx.HTTPError as error:
        problem = str(error) or type(error).__name__
    except ValueError as error:
        problem = f"it is not JSON ({error})"
    else:
        if isinstance(value, dict):
            return value
        problem = "it is not a JSON object"
    raise ConfigError(
        f"bus.sso.issuer: the discovery document at {url} could not be read: {problem}. Check the "
        "issuer; or set bus.sso.connect_origins, and the build does not request it."
    )


def _get(url: str, time_limit: float) -> bytes:
    """Return the body at a URL. Raises httpx.HTTPError, also for an error status and a timeout."""
    end = monotonic() + time_limit
    own = is_loopback(httpx.URL(url).host)  # a proxy cannot reach this machine
    body = b""
    with (
        httpx.Client(timeout=time_limit, trust_env=not own) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise httpx.HTTPError(f"it came with status {response.status_code}")
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise httpx.HTTPError("it is larger than 1 MiB")
            if monotonic() > end:
                raise httpx.HTTPError(f"it did not end within {time_limit:g} seconds")
    return body
