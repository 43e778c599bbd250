"""The exchange with an OpenID Connect provider: authorization code with PKCE, public client."""

from dataclasses import dataclass

from ...deadline import within
from ...errors import BusError, invalid_field, misconfigured
from ...messages import Answer, MigratedCredentials, SignedIn, SsoPayload
from ...ports import Body, Fetch, FetchFailed, Key, Log, Now, Verify
from ...settings.oidc import OidcSso
from ..reply import Reply, ask, status_of
from .company import company_in
from .discovery import Discovery, Endpoints
from .dpop import Proofs
from .id_token import Claims, Expected, verified_claims
from .jwks import Keys
from .token_endpoint import TokenEndpoint, Tokens, good_answer, tokens_in


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
    proofs: Proofs | None = None
    """Set if the settings have `dpop`."""
    uses_nonce: bool = True

    def __post_init__(self) -> None:
        self._discovery = Discovery(self.sso, self.fetch)
        self._keys = Keys(self.fetch, self.now, look_seconds=self.timeout_seconds / 3)
        self._token_endpoint = TokenEndpoint(self.sso, self.fetch, self.proofs)

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
        # Find every problem that can be found before the code is used up.
        endpoints = await self._discovery()
        await self._keys.load(endpoints.jwks)
        key = await self.proofs.new_key() if self.proofs else None
        grant = {
            "grant_type": "authorization_code",
            "code": asked.code,
            "redirect_uri": asked.redirectUrl,
            "code_verifier": asked.codeVerifier,
        }
        reply = await self._token_endpoint(endpoints, grant, heads, key)
        arrival = self.now()
        tokens = tokens_in(good_answer(reply), self.sso)
        if not tokens.id_token:
            raise misconfigured(
                "The provider gave no ID token: begin the sign-in with openid in its scope."
            )
        if not tokens.refresh_token and self.sso.refresh_token == "required":  # noqa: S105 - it is no token
            raise misconfigured(
                "The provider gave no refresh token: allow this client the refresh_token grant, "
                "and begin the sign-in with what asks for one, mostly offline_access in its scope. "
                'Or set bus.sso.refresh_token = "optional": sessions then end with their tokens.'
            )
        access_token, expires_at = tokens.for_host(self.sso, arrival)
        if access_token and not expires_at:
            self.log("the provider does not say how long its access token lives (expires_in)")
        claims = await self._claims(endpoints, tokens, asked.nonce)
        if self.proofs:
            self.proofs.learn(claims["iat"])
        user = await self._user(endpoints, tokens, claims, key)
        credentials = MigratedCredentials.model_construct(
            idToken=tokens.id_token,
            refreshToken=tokens.refresh_token,
            accessToken=access_token,
            accessTokenExpiresAt=expires_at,
        )
        company = company_in(self.sso.company_claim, claims, user)
        signed_in = SignedIn(credentials=credentials, currentUser=user, company=company)
        return Answer(signed_in, reply.status, key=key)

    async def _claims(self, endpoints: Endpoints, tokens: Tokens, nonce: str) -> Claims:
        expected = Expected(
            issuer=self.sso.issuer,
            client_id=self.sso.client_id,
            now=self.now(),
            skew=self.sso.clock_skew_seconds,
            access_token=tokens.access_token,
            nonce=nonce,
            max_age=self.sso.max_age_seconds,
            acr_values=self.sso.acr_values,
        )
        return await verified_claims(
            tokens.id_token, expected, keys=self._keys, jwks=endpoints.jwks, verify=self.verify
        )

    async def _user(
        self, endpoints: Endpoints, tokens: Tokens, claims: Claims, key: Key | None
    ) -> Claims:
        """Return the userinfo endpoint's answer about the user, or else the ID token's claims.

        The code is used up by now, and the ID token identifies the user too: so an unusable endpoint
        is no error. Raises BusError BACKEND_INVALID if the answer is about another user.
        """
        if endpoints.userinfo is None:
            return claims
        bound = key if tokens.dpop else None
        # RFC 6749, 7.1: a client must not use a token of a type it does not know
        if not (tokens.bearer or bound):
            self.log("the access token is not of type Bearer: the userinfo endpoint is not asked")
            return claims
        try:
            reply = await self._ask_userinfo(endpoints.userinfo, tokens.access_token, bound)
            user = reply.json_object() if reply.good else {}
            if bound and reply.status == 401:
                self.log(
                    "the userinfo endpoint refused a DPoP proof; if that was for want of a nonce, it "
                    "must send Access-Control-Expose-Headers: DPoP-Nonce, WWW-Authenticate"
                )
        except BusError as error:  # a nonce that cannot be read
            self.log(error.message)
            user = {}
        except (FetchFailed, ValueError):
            user = {}
        subject = user.get("sub")
        if subject in (
            None,
            "",
        ):  # required (OpenID Connect Core 1.0, 5.3.2): without it, the user is unknown
            self.log("no usable answer from the userinfo endpoint: the ID token's claims stand in")
            return claims
        if subject != claims["sub"]:  # the same section
            raise BusError(
                "BACKEND_INVALID",
                "The provider's userinfo endpoint answered with another subject (sub) than that of "
                "the ID token.",
            )
        # Some providers answer with sub only (AD FS); name and e-mail are in the ID token.
        says_more = any(value is not None for name, value in user.items() if name != "sub")
        return user if says_more else claims

    async def _ask_userinfo(self, url: str, access_token: str, key: Key | None) -> Reply:
        """Ask with an access token, which is bound to `key` if there is one (RFC 9449, 7.1)."""
        scheme = "DPoP" if key else "Bearer"
        authorization = {"Authorization": f"{scheme} {access_token}"}
        headers = {"Accept": "application/json"} | authorization | self.sso.extra_headers
        if self.proofs is None or key is None:
            return await ask(self.fetch, url, headers=headers, body=None, heads=[])
        return await self.proofs.ask(
            self.fetch,
            key,
            url,
            headers=headers,
            body=None,
            heads=[],
            access_token=access_token,
        )
