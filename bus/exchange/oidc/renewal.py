"""Compares a refreshed ID token with the one before (OpenID Connect Core 1.0, 12.2)."""

from typing import Any

from .id_token import Claims, present, refused


def is_of_another(claims: Claims, before: Claims) -> bool:
    """Whether a refreshed token names another issuer or subject than the one before."""
    return any(_differ(claims, before, name) for name in ("iss", "sub"))


def check_renewed(claims: Claims, before: Claims, skew: float) -> None:
    """Check that a token which passed all other checks goes on with the sign-in of the one before.

    `skew` is in seconds: two servers of one provider may disagree by as much about the time. That
    `azp` is this client, where it is there, has been checked. Raises BusError ID_TOKEN_INVALID.
    """
    new, old = _audiences(claims), _audiences(before)
    if before and not (all(each in old for each in new) and all(each in new for each in old)):
        raise refused("its audience (aud) is not that of the token before")
    issued = before.get("iat")
    if isinstance(issued, int | float) and claims["iat"] < issued - skew:
        raise refused("it is older than the token before (iat)")
    if _differ(claims, before, "auth_time"):
        raise refused("its time of authentication (auth_time) is not that of the token before")
    nonce = present(claims, "nonce")
    if nonce is not None and nonce != before.get("nonce"):
        raise refused("its nonce is not that of the token before")


def _differ(claims: Claims, before: Claims, name: str) -> bool:
    new, old = present(claims, name), present(before, name)
    return new is not None and old is not None and new != old


def _audiences(claims: Claims) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]
