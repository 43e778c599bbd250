"""Validates an ID token (OpenID Connect Core 1.0, 3.1.3.7)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from ...errors import BusError, misconfigured
from ...json_text import parse_json
from ...ports import NoSuchAlgorithm, UnusableKey, Verify
from .algorithms import ALGORITHMS, Algorithm, algorithm_named, hash_of
from .jwks import Fitting, Keys

Claims = dict[str, Any]

MAX_SUB: Final = 255
"""UTF-16 code units; OpenID Connect Core 1.0, 2 lets a `sub` have no more."""
MILLISECONDS: Final = 100_000_000_000
"""A time this large is in milliseconds: in seconds, it would be in the year 5138."""

_TYPES = ("jwt", "jose")
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")


@dataclass(frozen=True)
class Expected:
    """The values that an ID token must match. `now` is seconds since the epoch, `skew` seconds."""

    issuer: str
    client_id: str
    now: float
    skew: float
    access_token: str
    nonce: str | None
    """The nonce of the sign-in; if it is empty, the token must have none.

    None for a refreshed token: `bus.exchange.oidc.renewal` compares it with the one before.
    """
    max_age: float | None = None
    """How long ago the user may have authenticated, in seconds; None: it is not checked.

    Not checked for a refreshed token either, which names the time of the sign-in.
    """
    acr_values: tuple[str, ...] = ()
    """The accepted authentication context classes; if empty, any."""


@dataclass(frozen=True)
class Signed:
    """What a token holds whose signature is the provider's; no claim of it has been checked."""

    claims: Claims
    algorithm: Algorithm


async def verified_claims(
    token: str, expected: Expected, *, keys: Keys, jwks: str, verify: Verify
) -> Claims:
    """Return the claims of a token that passes every check; `jwks` is where its keys are.

    Raises as `signed_claims` and `check_claims` do.
    """
    signed = await signed_claims(token, keys=keys, jwks=jwks, verify=verify)
    check_claims(signed, expected)
    return signed.claims


async def signed_claims(token: str, *, keys: Keys, jwks: str, verify: Verify) -> Signed:
    """Return what a token holds, once its signature has been verified; `jwks` is where its keys are.

    Raises BusError ID_TOKEN_INVALID, which names the check and nothing of the token, or
    PROVIDER_MISCONFIGURED for an algorithm that this browser lacks; or what keeps the keys from
    being fetched again.
    """
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise refused("it is not a signed JWT")
    header, claims, signature = _json(parts[1]), _json(parts[2]), _bytes(parts[3])
    algorithm = _algorithm(header)
    signed = f"{parts[1]}.{parts[2]}".encode()
    await _check_signature(
        algorithm, header, signed, signature, keys=keys, jwks=jwks, verify=verify
    )
    return Signed(claims, algorithm)


def check_claims(signed: Signed, expected: Expected) -> None:
    """Check all that a token says.

    Raises BusError ID_TOKEN_INVALID, which names the check and nothing of the token.
    """
    _check_claims(signed.claims, expected)
    _check_authentication(signed.claims, expected)
    _check_bindings(signed.claims, expected, signed.algorithm)


def _algorithm(header: Claims) -> Algorithm:
    if "crit" in header:  # RFC 7515, 4.1.11: to be refused by who does not know what it names
        raise refused("its header has critical parameters that the bus does not know")
    # RFC 8725, 3.11: another kind of token by the same provider must not pass for an ID token.
    type_ = present(header, "typ", "JWT")
    if not isinstance(type_, str) or type_.lower().removeprefix("application/") not in _TYPES:
        raise refused("its type (typ) says that it is another kind of token")
    algorithm = algorithm_named(header.get("alg"))
    if algorithm is None:
        raise refused(
            f"it is not signed with one of {', '.join(ALGORITHMS)}; set one for this client"
        )
    return algorithm


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
    kid = present(header, "kid")
    if not (kid is None or isinstance(kid, str)):
        raise refused("its kid is not a string")

    async def problem_with(fitting: Fitting) -> BusError | None:
        problem, checked = fitting.problem, False
        for jwk in fitting.usable:
            try:
                if await verify(algorithm, jwk=jwk, signed=signed, signature=signature):
                    return None
                checked = True
            except UnusableKey:
                problem = "this browser cannot import it"
        return _signature_problem(problem, algorithm, checked=checked)

    try:
        found = keys.fitting(algorithm, kid)
        problem = await problem_with(found)
        if problem:
            # Keys may have been rotated, or put right, under a kid that is known.
            await keys.renew(jwks)
            anew = keys.fitting(algorithm, kid)
            problem = await problem_with(anew) if anew != found else problem
    except NoSuchAlgorithm:
        raise misconfigured(
            f"The provider signs ID tokens with {algorithm}, which this browser cannot check: "
            "set RS256 or ES256 for this client there."
        ) from None
    if problem:
        raise problem


def _signature_problem(problem: str, algorithm: Algorithm, *, checked: bool) -> BusError:
    """Say why no key verified a signature: one that fits was `checked`, or has a `problem`."""
    if checked and problem:
        return refused(f"its signature is wrong, or is of a key that cannot be used: {problem}")
    if checked:
        return refused("its signature is wrong")
    if problem:
        return refused(
            "it is signed with a key that the provider does not publish in a form that can be "
            f"used: {problem}"
        )
    return refused(f"it is signed with a key that the provider does not publish for {algorithm}")


def _check_claims(claims: Claims, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise refused("its issuer (iss) is another")
    _check_audience(claims, expected.client_id)
    subject = present(claims, "sub")
    if subject is None:
        raise refused("it has no subject (sub)")
    if not isinstance(subject, str):
        raise refused("its subject (sub) is not a string")
    if len(subject) + sum(character > "\uffff" for character in subject) > MAX_SUB:
        raise refused(f"its subject (sub) has more than {MAX_SUB} characters")
    if _time(claims, "exp") <= expected.now - expected.skew:
        raise refused("it has expired (exp), if this machine's clock is right")
    latest = expected.now + expected.skew
    if _time(claims, "iat") > latest or ("nbf" in claims and _time(claims, "nbf") > latest):
        raise refused("it is from the future (iat, nbf), if this machine's clock is right")


def _check_audience(claims: Claims, client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise refused("its audience (aud) is another client")
    # Audiences beside this client are trusted only if the token was issued to this client.
    if "azp" not in claims and len(audiences) > 1:
        raise refused("it has several audiences (aud) and does not say whose it is (azp)")
    if claims.get("azp", client_id) != client_id:
        raise refused("it was issued to another client (azp)")


def _check_authentication(claims: Claims, expected: Expected) -> None:
    """Check when and how the user authenticated (OpenID Connect Core 1.0, 3.1.3.7, 12 and 13)."""
    if expected.max_age is not None:
        ago = expected.now - _time(claims, "auth_time")
        if not -expected.skew <= ago <= expected.max_age + expected.skew:
            raise refused(
                "the user authenticated (auth_time) longer ago than bus.sso.max_age_seconds allows, "
                "if this machine's clock is right: send max_age when a sign-in begins"
            )
    if expected.acr_values and claims.get("acr") not in expected.acr_values:
        raise refused(
            "the user authenticated in another way (acr) than bus.sso.acr_values allows: send "
            "acr_values when a sign-in begins"
        )


def _check_bindings(claims: Claims, expected: Expected, algorithm: Algorithm) -> None:
    nonce = present(claims, "nonce")
    # OpenID Connect Core 1.0, 2: it must be the one that was sent. Where none was, this token is of
    # a sign-in that somebody else began, or the host keeps the nonce to itself.
    if nonce is not None and expected.nonce == "":
        raise refused(
            "it has a nonce, and AUTH.SSO named none: name the one that the sign-in began with"
        )
    if expected.nonce and not _same(nonce, expected.nonce):
        raise refused("its nonce is not the one that the sign-in began with")
    if "at_hash" in claims:
        digest = hash_of(algorithm)(expected.access_token.encode()).digest()
        half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        if not _same(claims["at_hash"], half):
            raise refused("it belongs to another access token (at_hash)")


def present(values: Claims, name: str, default: object = None) -> Any:
    """Return a member, or `default`: serializers write absent ones as null or ""."""
    value = values.get(name)
    return default if value in (None, "") else value


def claims_before(token: str) -> Claims:
    """Return the claims of a token that was checked when it came; none if it holds none any more."""
    parts = _COMPACT.fullmatch(token)
    try:
        return _json(parts[2]) if parts else {}
    except BusError:
        return {}


def _same(claim: object, text: str) -> bool:
    return isinstance(claim, str) and compare_digest(claim.encode(), text.encode())


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(f"it has no time under {name}")
    if value >= MILLISECONDS:
        raise refused(f"its {name} is in milliseconds, or thousands of years away; seconds count")
    return value


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise refused("it is not base64url") from None


def _json(text: str) -> Claims:
    try:
        value = parse_json(_bytes(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise refused("it does not hold JSON objects")
    return value


def refused(check: str) -> BusError:
    """Return a BusError ID_TOKEN_INVALID; `check` says what is wrong, without a value."""
    return BusError("ID_TOKEN_INVALID", f"The ID token is refused: {check}.")
