"""Asks a provider's token endpoint (RFC 6749, 4.1.3 and 5), as a public client."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from ...errors import BusError, Rejected, misconfigured
from ...ports import Body, Fetch, FetchFailed, Key
from ...settings.oidc import OidcSso
from ..reply import Reply, ask, refused
from .discovery import Endpoints, get_json
from .dpop import Proofs

HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_SECRET = re.compile(r"client[ _-]?(secret|credential|assertion|authentication)", re.IGNORECASE)
_GRANTS = {
    "authorization_code": "code (wrong, used, expired, or another verifier or redirect URL)",
    "refresh_token": "refresh token (used, expired or revoked)",
}
"""What may be wrong with what a grant presents."""
LONGEST_SECONDS: Final = 1e11
"""An access token with an odd life cannot make a time too large to store."""
_TOKENS = ("access_token", "id_token", "refresh_token")


@dataclass(frozen=True)
class Tokens:
    """What a grant was exchanged for; a token that was not given is the empty string."""

    access_token: str = field(repr=False)
    bearer: bool
    """Whether the access token may be sent as `Bearer` (RFC 6749, 7.1)."""
    dpop: bool
    """Whether it is bound to the key of the request's proof (RFC 9449, 5)."""
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lives_seconds: float
    """How long the access token lives; 0 if the provider does not say."""

    def for_host(self, sso: OidcSso, arrival: float) -> tuple[str, int]:
        """Return the access token that the host gets, and when it expires.

        `arrival` is in seconds since the epoch, the result in milliseconds; 0 if the provider does not
        say. Returns "" and 0 if the settings keep access tokens from hosts.
        Raises BusError PROVIDER_MISCONFIGURED if the host could not use the token.
        """
        if not sso.access_token:
            return "", 0
        if not self.bearer:
            raise misconfigured(
                "The provider's access token is not of type Bearer, so a host page could not use it: "
                "let the provider issue Bearer tokens to this client, or set "
                "bus.sso.access_token = false."
            )
        expires = round((arrival + self.lives_seconds) * 1000) if self.lives_seconds else 0
        return self.access_token, expires


@dataclass(frozen=True)
class TokenEndpoint:
    """Sends grants to the token endpoint; each is sent once."""

    sso: OidcSso
    fetch: Fetch
    proofs: Proofs | None = None
    """Set if the settings have `dpop`; then each request has a key."""

    async def __call__(
        self,
        endpoints: Endpoints,
        grant: Mapping[str, str],
        heads: list[Body],
        key: Key | None = None,
    ) -> Reply:
        """POST `grant`, whose `grant_type` says what it is, and return the answer as it came.

        The answer's head is added to `heads` as soon as it arrives. With a `key`, the request has a
        proof of its possession.
        Raises BusError BACKEND_UNREACHABLE, or PROVIDER_MISCONFIGURED if CORS seems to be missing.
        """
        try:
            return await self._post(endpoints.token, grant, heads, key)
        except FetchFailed:
            if heads:
                raise BusError(
                    "BACKEND_UNREACHABLE", "The answer of the provider's token endpoint broke off."
                ) from None
            raise await self._why_not(endpoints, grant["grant_type"], key) from None

    async def _post(
        self, url: str, grant: Mapping[str, str], heads: list[Body], key: Key | None
    ) -> Reply:
        headers = HEADERS | self.sso.extra_headers
        body = token_form(self.sso, grant)
        if self.proofs is None or key is None:
            return await ask(self.fetch, url, headers=headers, body=body, heads=heads)
        return await self.proofs.ask(self.fetch, key, url, headers=headers, body=body, heads=heads)

    async def _why_not(self, endpoints: Endpoints, grant_type: str, key: Key | None) -> BusError:
        """Find out why the browser let no answer of the token endpoint through.

        A browser does not tell a missing CORS header from a broken connection. So the endpoint gets
        one more request, without the grant. If even its refusal cannot be read, but the provider's
        key set can, the cause is CORS (or a redirect). Some providers send the CORS headers with
        tokens only, never with an error: then the grant was refused, and no page can read why. If
        only a request without a proof is answered, the cause is the proof's header.
        """
        if await self._answers(endpoints, grant_type, key):
            return BusError(
                "BACKEND_UNREACHABLE",
                "The connection to the provider's token endpoint broke before an answer came.",
            )
        if key is not None and await self._answers(endpoints, grant_type, None):
            return misconfigured(
                "The provider's token endpoint does not let the bus's origin send DPoP proofs "
                "(CORS), so nothing was sent: it must answer a preflight with "
                "Access-Control-Allow-Headers: dpop. Or set bus.sso.dpop to off."
            )
        try:
            await get_json(self.fetch, endpoints.jwks, "key set", "jwks_uri")
        except BusError:
            return BusError(
                "BACKEND_UNREACHABLE",
                "The provider cannot be reached, nor its keys. If it stays so, check CORS there.",
            )
        return misconfigured(
            "The provider can be reached, but no answer of its token endpoint can be read: most "
            "likely it does not allow the bus's origin there (CORS). If no sign-in succeeds, add "
            "that origin to this client, and register it as a single-page app where there is such "
            "a kind. If others succeed, the provider allows the origin on its good answers only: "
            f"it has refused this {_GRANTS[grant_type]}, and must send the CORS headers with "
            "errors as well. Or the endpoint is down, or redirects: a browser does not tell which."
        )

    async def _answers(self, endpoints: Endpoints, grant_type: str, key: Key | None) -> bool:
        try:
            await self._post(endpoints.token, {"grant_type": grant_type}, [], key)
        except FetchFailed:
            return False
        return True


def token_form(sso: OidcSso, grant: Mapping[str, str]) -> str:
    """Return a token request's body, with what access is asked for (RFC 8707, 2.2)."""
    wanted = [("resource", each) for each in sso.resource]
    if sso.audience:
        wanted.append(("audience", sso.audience))
    form = {"client_id": sso.client_id, **grant}
    return urlencode([*form.items(), *wanted, *sso.extra_params.items()])


def good_answer(reply: Reply) -> Mapping[str, Any]:
    """Return the JSON object of an answer that is not an error (RFC 6749, 5.1).

    An error (5.2) counts as one with any status: some providers send it with 200.
    Raises Rejected with the provider's own error, or BusError PROVIDER_MISCONFIGURED where it is
    about the client itself, BACKEND_ERROR or BACKEND_INVALID.
    """
    try:
        if not reply.good:
            refused(reply)
        answer = reply.json_object()
        if answer.get("error"):
            # What the host gets unchanged must not hold tokens.
            if any(answer.get(name) for name in _TOKENS):
                raise _invalid("holds an error and tokens at once")
            raise Rejected(answer, status=reply.status)
    except Rejected as rejected:
        if _wants_secret(rejected.error):
            raise misconfigured(
                "The provider does not accept this client without a secret, or does not know "
                "it: check client_id, and register it as a public client (a single-page app) "
                "with PKCE. A page in a browser can keep no secret."
            ) from None
        raise
    except ValueError:
        raise _invalid("is not a JSON object of at most 1 MiB") from None
    return answer


def tokens_in(answer: Mapping[str, Any], sso: OidcSso) -> Tokens:
    """Return the tokens in a good answer (RFC 6749, 5.1; OpenID Connect Core 1.0, 3.1.3.3).

    Raises BusError BACKEND_INVALID if a required member is missing, or a member is not a string; or
    PROVIDER_MISCONFIGURED if the access token is not bound and has to be.
    """
    text = {name: _text(answer, name) for name in (*_TOKENS, "token_type")}
    for name in ("access_token", "token_type"):
        if not text[name]:
            raise _invalid(f"has no {name}, which is required (RFC 6749, 5.1)")
    dpop = text["token_type"].lower() == "dpop"
    if sso.dpop == "all" and not dpop:
        raise misconfigured(
            "The provider has not bound the access token to the bus's key: its token_type is not "
            "DPoP. Switch DPoP on for this client there, or set bus.sso.dpop to refresh-token."
        )
    return Tokens(
        access_token=text["access_token"],
        bearer=text["token_type"].lower() == "bearer",
        dpop=dpop,
        id_token=text["id_token"],
        refresh_token=text["refresh_token"],
        lives_seconds=_lives_seconds(answer.get("expires_in")),
    )


def _lives_seconds(value: object) -> float:
    """Return `expires_in`, or 0 if it cannot be used: it is only recommended (RFC 6749, 5.1)."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])  # Some providers write the number as a string.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return max(min(value, LONGEST_SECONDS), 0)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not (value is None or isinstance(value, str)):
        raise _invalid(f"has a {name} that is not a string")
    return value or ""


def _invalid(problem: str) -> BusError:
    return BusError("BACKEND_INVALID", f"The answer of the provider's token endpoint {problem}.")


def _wants_secret(error: object) -> bool:
    """Whether an error (RFC 6749, 5.2) says that the client itself is the problem.

    `invalid_client` always does; some providers say it under other names.
    """
    if not isinstance(error, dict):
        return False
    if error.get("error") == "invalid_client":
        return True
    return error.get("error") in ("unauthorized_client", "invalid_request") and bool(
        _SECRET.search(str(error.get("error_description")))
    )
