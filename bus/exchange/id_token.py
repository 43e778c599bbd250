"""Validates an ID token (OpenID Connect Core 1.0, 3.1.3.7)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Any

from bus.errors import BusError
from bus.exchange.discovery import misconfigured
from bus.exchange.jwks import ALGORITHMS, Algorithm, Keys
from bus.json_text import parse_json
from bus.ports import NoSuchAlgorithm, Verify

Claims = dict[str, Any]

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")


@dataclass(frozen=True)
class Expected:
    """What an ID token must agree with. Times are seconds since the epoch, the skew seconds."""

    issuer: str
    client_id: str
    now: float
    skew: float
    access_token: str
    nonce: str
    """The nonce that the sign-in began with; any will do if it is empty."""


async def verified_claims(
    token: str, expected: Expected, *, keys: Keys, jwks: str, verify: Verify
) -> Claims:
    """Return the claims of a token that passes every check; `jwks` is where its keys are.

    Raises BusError ID_TOKEN_INVALID, which names the check and nothing of the token, and
    PROVIDER_MISCONFIGURED for an algorithm that this browser lacks.
    """
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise _refused("it is not a signed JWT")
    header, claims, signature = _json(parts[1]), _json(parts[2]), _bytes(parts[3])
    algorithm = _algorithm(header)
    signed = f"{parts[1]}.{parts[2]}".encode()
    await _check_signature(
        algorithm, header, signed, signature, keys=keys, jwks=jwks, verify=verify
    )
    _check_claims(claims, expected)
    _check_bindings(claims, expected, algorithm)
    return claims


def _algorithm(header: Claims) -> Algorithm:
    if "crit" in header:  # RFC 7515, 4.1.11: to be refused by who does not know what it names
        raise _refused("its header has critical parameters that the bus does not know")
    for algorithm in ALGORITHMS:
        if header.get("alg") == algorithm:
            return algorithm
    if header.get("alg") == "Ed25519":  # EdDSA's newer name (RFC 9864)
        return "EdDSA"
    raise _refused(f"it is not signed with one of {', '.join(ALGORITHMS)}; set one for this client")


async def _check_signature(  # noqa: PLR0913 - two ports, and what they work on
    algorithm: Algorithm,
    header: Claims,
    signed: bytes,
    signature: bytes,
    *,
    keys: Keys,
    jwks: str,
    verify: Verify,
) -> None:
    kid = header.get("kid")
    if not (kid is None or isinstance(kid, str)):
        raise _refused("its kid is not a string")

    async def right() -> bool:
        for jwk in keys.fitting(algorithm, kid):
            if await verify(algorithm, jwk=jwk, signed=signed, signature=signature):
                return True
        return False

    try:
        if await right():
            return
        if kid is None or not keys.fitting(algorithm, kid):
            await keys.renew(jwks)
            if await right():
                return
    except NoSuchAlgorithm:
        raise misconfigured(
            f"The provider signs ID tokens with {algorithm}, which this browser cannot check: "
            "set RS256 or ES256 for this client there."
        ) from None
    if kid is None or keys.fitting(algorithm, kid):
        raise _refused("its signature is wrong")
    raise _refused("it is signed with a key that the provider does not publish")


def _check_claims(claims: Claims, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise _refused("its issuer (iss) is another")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise _refused("its audience (aud) is another client")
    # Audiences beside this client are trusted only if the token was issued to this client.
    if claims.get("azp", expected.client_id if len(audiences) == 1 else None) != expected.client_id:
        raise _refused("it was issued to another client (azp)")
    if not (isinstance(claims.get("sub"), str) and claims["sub"]):
        raise _refused("it has no subject (sub)")
    if _time(claims, "exp") <= expected.now - expected.skew:
        raise _refused("it has expired (exp), if this machine's clock is right")
    latest = expected.now + expected.skew
    if _time(claims, "iat") > latest or ("nbf" in claims and _time(claims, "nbf") > latest):
        raise _refused("it is from the future (iat, nbf), if this machine's clock is right")


def _check_bindings(claims: Claims, expected: Expected, algorithm: Algorithm) -> None:
    if expected.nonce and not _same(claims.get("nonce"), expected.nonce):
        raise _refused("its nonce is not the one that the sign-in began with")
    if "at_hash" in claims:
        digest = (sha512 if algorithm == "EdDSA" else sha256)(
            expected.access_token.encode()
        ).digest()
        half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        if not _same(claims["at_hash"], half):
            raise _refused("it belongs to another access token (at_hash)")


def _same(claim: object, text: str) -> bool:
    return isinstance(claim, str) and compare_digest(claim.encode(), text.encode())


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"it has no time under {name}")
    return value


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _refused("it is not base64url") from None


def _json(text: str) -> Claims:
    try:
        value = parse_json(_bytes(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _refused("it does not hold JSON objects")
    return value


def _refused(check: str) -> BusError:
    return BusError("ID_TOKEN_INVALID", f"The ID token is refused: {check}.")
