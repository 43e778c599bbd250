"""How a host page begins a sign-in: a part of `BUS.READY`, so that no host has to be told."""

from typing import Any

from .settings import Settings
from .settings.oidc import OidcSso


def authorization_by(settings: Settings) -> dict[str, Any] | None:
    """Return the part, with the names of `startSignIn`'s options; None if the settings do not tell.

    (protocol.md, "The authorization part".) Every host page may read it: it holds no secret.
    """
    sso = settings.sso
    if not isinstance(sso, OidcSso) or sso.authorization_endpoint is None:
        return None
    params: dict[str, str | list[str]] = {**sso.authorization_params}
    if sso.resource:
        params["resource"] = list(sso.resource)
    if sso.audience:
        params["audience"] = sso.audience
    if sso.max_age_seconds is not None:
        params["max_age"] = str(sso.max_age_seconds)
    if sso.acr_values:
        params["acr_values"] = " ".join(sso.acr_values)
    return {
        "authorizeUrl": sso.authorization_endpoint,
        "clientId": sso.client_id,
        "scope": sso.scope,
        "issuer": sso.issuer,
        "issRequired": bool(sso.iss_required),
        "params": params,
    }
