"""The exchange with an OpenID Connect provider: authorization code with PKCE, public client."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bus.deadline import within
from bus.errors import BusError, Rejected, invalid_field
from bus.exchange.company import company_in
from bus.exchange.discovery import Discovery, Endpoints, get_json, misconfigured
from bus.exchange.id_token import Claims, Expected, verified_claims
from bus.exchange.json_backend import refused
from bus.exchange.jwks import Keys
from bus.exchange.reply import Reply, ask, status_of
from bus.messages import Answer, MigratedCredentials, SignedIn, SsoPayload
from bus.oidc_settings import OidcSso
from bus.ports import Body, Fetch, FetchFailed, Log, Now, Verify

_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_SECRET = re.compile(r"client[ _-]?(secret|credential|assertion|authentication)", re.IGNORECASE)


@dataclass
class OidcExchange:
    """Redeems codes at the provider's token endpoint; each is sent once."""

    sso: OidcSso
    timeout_seconds: float
    """The limit for the whole exchange, discovery and keys included."""
    fetch: Fetch
    verify: Verify
    now: Now
    log: Log
    uses_nonce: bool = True

    def __post_init__(self) -> None:
        self._discovery = Discovery(self.sso, self.fetch)
        self._keys = Keys(self.fetch, self.now)

    async def __call__(self, asked: SsoPayload) -> Answer:
        """Exchange the code.

        Raises BusError INVALID_PAYLOAD, PROVIDER_MISCONFIGURED, ID_TOKEN_INVALID or one of
        BACKEND_*, or Rejected with the provider's own error (RFC 6749, 5.2).
        """
        if not asked.codeVerifier:
            raise invalid_field("codeVerifier", "is missing: with this provider, PKCE is required")
        heads: list[Body] = []  # of the token endpoint, for the status in errors that come after it
        try:
            return await within(self.timeout_seconds, self._exchange(asked, heads), now=self.now)
        except BusError as error:
            if error.status is None:
                error.status = status_of(heads)
            raise

    async def _exchange(self, asked: SsoPayload, heads: list[Body]) -> Answer:
        # Whatever keeps a sign-in from ending well is found before the code is used up.
        endpoints = await self._discovery()
        await self._keys.load(endpoints.jwks)
        reply = await self._redeem(endpoints, asked, heads)
        tokens = _tokens(reply)
        id_token, refresh_token, access_token = (
            _token(tokens, name) for name in ("id_token", "refresh_token", "access_token")
        )
        if not id_token:
            raise misconfigured(
                "The provider gave no ID token: begin the sign-in with openid in its scope."
            )
        if not refresh_token:
            raise misconfigured(
                "The provider gave no refresh token: allow this client the refresh_token grant, "
                "and begin the sign-in with what asks for one, mostly offline_access in its scope."
            )
        expected = Expected(
            issuer=self.sso.issuer,
            client_id=self.sso.client_id,
            now=self.now(),
            skew=self.sso.clock_skew_seconds,
            access_token=access_token,
            nonce=asked.nonce,
        )
        claims = await verified_claims(
            id_token, expected, keys=self._keys, jwks=endpoints.jwks, verify=self.verify
        )
        user = await self._user(endpoints, access_token, claims)
        credentials = MigratedCredentials(idToken=id_token, refreshToken=refresh_token)
        company = company_in(self.sso.company_claim, claims, user)
        signed_in = SignedIn(credentials=credentials, currentUser=user, company=company)
        return Answer(signed_in, reply.status)

    async def _redeem(self, endpoints: Endpoints, asked: SsoPayload, heads: list[Body]) -> Reply:
        form = {
            "grant_type": "authorization_code",
            "code": asked.code,
            "redirect_uri": asked.redirectUrl,
            "client_id": self.sso.client_id,
            "code_verifier": asked.codeVerifier,
        }
        try:
            return await self._post(endpoints.token, form, heads)
        except FetchFailed:
            if heads:
                raise BusError(
                    "BACKEND_UNREACHABLE", "The answer of the provider's token endpoint broke off."
                ) from None
            raise await self._why_not(endpoints) from None

    async def _post(self, url: str, form: dict[str, str], heads: list[Body]) -> Reply:
        body = urlencode(form | self.sso.extra_params)
        headers = _HEADERS | self.sso.extra_headers
        return await ask(self.fetch, url, headers=headers, body=body, heads=heads)

    async def _why_not(self, endpoints: Endpoints) -> BusError:
        """Find out why the token endpoint gave nothing that the browser let through.

        A browser does not tell a missing CORS header from a broken connection. So the endpoint is
        asked once more, without the code: if even its refusal cannot be read, while the provider's
        key set can, it is CORS (or a redirect).
        """
        form = {"grant_type": "authorization_code", "client_id": self.sso.client_id}
        try:
            await self._post(endpoints.token, form, [])
        except FetchFailed:
            pass
        else:
            return BusError(
                "BACKEND_UNREACHABLE",
                "The connection to the provider's token endpoint broke before an answer came.",
            )
        try:
            await get_json(self.fetch, endpoints.jwks, "key set", "jwks_uri")
        except BusError:
            return BusError(
                "BACKEND_UNREACHABLE",
                "The provider cannot be reached, nor its keys. If it stays so, check CORS there.",
            )
        return misconfigured(
            "The provider can be reached, but not its token endpoint: most likely it does not "
            "allow the bus's origin there (CORS). Add that origin to this client, and register it "
            "as a single-page app where there is such a kind. Or the endpoint is down, or "
            "redirects: a browser does not tell which."
        )

    async def _user(self, endpoints: Endpoints, access_token: str, claims: Claims) -> Claims:
        if endpoints.userinfo is None or not access_token:
            return claims
        headers = {"Accept": "application/json", "Authorization": f"Bearer {access_token}"}
        try:
            reply = await ask(
                self.fetch,
                endpoints.userinfo,
                headers=headers | self.sso.extra_headers,
                body=None,
                heads=[],
            )
            user = reply.json_object() if reply.good else None
        except (FetchFailed, ValueError):
            user = None
        if user is None:
            # The code is used up by now, and the ID token says who it is as well.
            self.log("no usable answer from the userinfo endpoint: the ID token's claims stand in")
            return claims
        if user.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0, 5.3.2
            raise BusError(
                "BACKEND_INVALID",
                "The provider's userinfo endpoint answered with another subject (sub) than that of "
                "the ID token.",
            )
        return user


def _tokens(reply: Reply) -> Mapping[str, Any]:
    if not reply.good:
        try:
            refused(reply)
        except Rejected as rejected:
            if _wants_secret(rejected.error):
                raise misconfigured(
                    "The provider does not accept this client without a secret, or does not know "
                    "it: check client_id, and register it as a public client (a single-page app) "
                    "with PKCE. A page in a browser can keep no secret."
                ) from None
            raise
    try:
        return reply.json_object()
    except ValueError:
        raise BusError(
            "BACKEND_INVALID",
            "The answer of the provider's token endpoint is not a JSON object of at most 1 MiB.",
        ) from None


def _token(tokens: Mapping[str, Any], name: str) -> str:
    token = tokens.get(name)
    if not (token is None or isinstance(token, str)):
        raise BusError(
            "BACKEND_INVALID",
            f"The answer of the provider's token endpoint has a {name} that is not a string.",
        )
    return token or ""


def _wants_secret(error: object) -> bool:
    """Whether an error (RFC 6749, 5.2) says that the client itself is the trouble.

    `invalid_client` always does; some providers say it under other names.
    """
    if not isinstance(error, dict):
        return False
    if error.get("error") == "invalid_client":
        return True
    return error.get("error") in ("unauthorized_client", "invalid_request") and bool(
        _SECRET.search(str(error.get("error_description")))
    )
