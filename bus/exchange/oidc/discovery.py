"""A provider's endpoints, from its discovery document (OpenID Connect Discovery 1.0, 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import BusError, misconfigured
from ...ports import ASKS_FOR_JSON, Body, Fetch, FetchFailed
from ...settings.oidc import OidcSso
from ...single_flight import SingleFlight
from ...urls import origin_of, url_problem
from ..reply import ask, status_of
from .algorithms import ALGORITHMS, PROOFS, algorithm_named


@dataclass(frozen=True)
class Endpoints:
    """Where a provider is asked for what; `userinfo` is None where it is not asked for."""

    token: str
    jwks: str
    userinfo: str | None
    document: Mapping[str, Any] = field(repr=False)
    """The whole discovery document, for the endpoints that only a session needs."""

    @property
    def origins(self) -> set[str]:
        """The origins of all of them."""
        return {origin_of(url) for url in (self.token, self.jwks, self.userinfo) if url}


@dataclass
class Discovery:
    """The provider's endpoints: asked for when they are first needed, kept for the page's life."""

    sso: OidcSso
    fetch: Fetch
    _found: Endpoints | None = None
    _flight: SingleFlight[str, Endpoints] = field(default_factory=SingleFlight)

    async def __call__(self) -> Endpoints:
        """Return the endpoints. Raises BusError; a failure is not kept."""
        if self._found is None:
            self._found = await self._flight.join("discovery", self._discover)
        return self._found

    async def _discover(self) -> Endpoints:
        url = self.sso.discovery
        document = await get_json(self.fetch, url, "discovery document", "issuer") if url else {}
        return endpoints_in(document, self.sso)


async def get_json(fetch: Fetch, url: str, what: str, setting: str) -> dict[str, Any]:
    """GET a JSON object that a provider publishes. `what` names it; `setting` has its address.

    Raises BusError BACKEND_UNREACHABLE, BACKEND_ERROR or PROVIDER_MISCONFIGURED.
    """
    heads: list[Body] = []
    try:
        reply = await ask(fetch, url, headers=dict(ASKS_FOR_JSON), body=None, heads=heads)
    except FetchFailed:
        raise BusError(
            "BACKEND_UNREACHABLE",
            f"The provider's {what} could not be fetched: the provider cannot be reached, or does "
            "not let the bus's origin read it (CORS). A browser does not tell which.",
            status=status_of(heads),
        ) from None
    if reply.status == 429 or reply.status >= 500:
        raise BusError(
            "BACKEND_ERROR",
            f"The provider's {what} came with status {reply.status}.",
            status=reply.status,
        )
    try:
        if reply.good:
            return reply.json_object()
        problem = f"has no {what} where {setting} says (status {reply.status})"
    except ValueError:
        problem = f"has a {what} that is not a JSON object of at most 1 MiB"
    raise misconfigured(f"The provider {problem}. Check {setting}.", status=reply.status)


def endpoints_in(document: Mapping[str, Any], sso: OidcSso) -> Endpoints:
    """Return the endpoints in a discovery document, except those that the settings have.

    The document may be empty if all are set. Raises BusError PROVIDER_MISCONFIGURED.
    """
    if sso.discovery:
        _check_document(document, sso)
    return Endpoints(
        token=_endpoint("token_endpoint", document, sso),
        jwks=_endpoint("jwks_uri", document, sso),
        userinfo=_endpoint("userinfo_endpoint", document, sso)
        if sso.userinfo and (sso.userinfo_endpoint or document.get("userinfo_endpoint"))
        else None,
        document=document,
    )


def revocation_in(document: Mapping[str, Any], sso: OidcSso) -> str | None:
    """Return where refresh tokens are revoked (RFC 7009, 2), or None where that is nowhere.

    Raises BusError PROVIDER_MISCONFIGURED.
    """
    if sso.revocation_endpoint or document.get("revocation_endpoint"):
        return _endpoint("revocation_endpoint", document, sso)
    return None


def end_session_in(document: Mapping[str, Any], sso: OidcSso) -> str | None:
    """Return where a browser ends the provider's own session, or None where that is nowhere.

    (OpenID Connect RP-Initiated Logout 1.0, 2.1.) The bus itself fetches nothing from there.
    Raises BusError PROVIDER_MISCONFIGURED.
    """
    url = sso.end_session_endpoint or document.get("end_session_endpoint")
    return _url("end_session_endpoint", url) if url else None


def _check_document(document: Mapping[str, Any], sso: OidcSso) -> None:
    issuer = document.get("issuer")
    if issuer != sso.issuer:
        # This is no secret: the document is public, and the deployer has to compare the two.
        named = f"names {issuer[:256]!r}" if isinstance(issuer, str) else "names none"
        raise misconfigured(
            "The issuer in the settings and the one in the provider's discovery document must be "
            f"the same, character for character; the document {named}."
        )
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise misconfigured("The provider does not offer PKCE with S256: switch it on there.")
    if sso.dpop != "off":
        proofs = document.get("dpop_signing_alg_values_supported")
        if not isinstance(proofs, list) or PROOFS not in proofs:
            raise misconfigured(
                f"The provider does not say that it takes DPoP proofs with {PROOFS} "
                "(dpop_signing_alg_values_supported): switch DPoP on there, or set bus.sso.dpop to off."
            )
    signed = document.get("id_token_signing_alg_values_supported")
    if isinstance(signed, list) and signed and not any(map(algorithm_named, signed)):
        named = ", ".join(name for name in signed if isinstance(name, str))[:256]
        raise misconfigured(
            f"The provider signs ID tokens with nothing that the bus can verify ({named}): set one "
            f"of {', '.join(ALGORITHMS)} there."
        )


def _endpoint(name: str, document: Mapping[str, Any], sso: OidcSso) -> str:
    url = getattr(sso, name) or document.get(name)
    if not url:
        raise misconfigured(f"The provider's discovery document has no {name}: set bus.sso.{name}.")
    url = _url(name, url)
    if sso.connect_origins is not None and origin_of(url) not in sso.connect_origins:
        raise misconfigured(
            f"The provider's {name} is at {origin_of(url)[:256]}, which the bus may not reach: "
            "add it to bus.sso.connect_origins and rebuild the bus."
        )
    return url


def _url(name: str, url: object) -> str:
    problem = url_problem(url) if isinstance(url, str) else "is not a string"
    if problem:
        raise misconfigured(f"The {name} in the provider's discovery document {problem}.")
    return str(url)
