"""Refresh, revocation and logout with an OpenID Connect provider (protocol.md, "The session")."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from ...deadline import within
from ...errors import BusError, Rejected, misconfigured
from ...ports import Body, Fetch, FetchFailed, Log, Now, Verify
from ...session.backend import Bound, Failed, Fresh
from ...session.record import Maker
from ...session.schedule import retry_after_seconds
from ...settings.oidc import OidcSso
from ..reply import Reply, ask, status_of
from .discovery import Discovery, Endpoints, end_session_in, get_json, revocation_in
from .dpop import Proofs
from .id_token import Expected, check_claims, claims_before, signed_claims
from .jwks import Keys
from .renewal import check_renewed, is_of_another
from .token_endpoint import HEADERS, TokenEndpoint, good_answer, tokens_in


@dataclass
class OidcSession:
    """What `bus.session.backend.Backend` says, at the provider's own endpoints."""

    sso: OidcSso
    post_logout_redirect_uri: str | None
    timeout_seconds: float
    """The limit for a refresh, a revocation, or a look for the logout URL, discovery included."""
    fetch: Fetch
    verify: Verify
    now: Now
    log: Log
    proofs: Proofs | None = None
    """Set if the settings have `dpop`."""

    def __post_init__(self) -> None:
        self._discovery = Discovery(self.sso, self.fetch)
        self._keys = Keys(self.fetch, self.now, look_seconds=self.timeout_seconds / 3)
        self._token_endpoint = TokenEndpoint(self.sso, self.fetch, self.proofs)
        self._said: set[str] = set()

    @property
    def maker(self) -> Maker:
        """What sessions are made by."""
        provider: Literal["oidc", "oidc-dpop"] = "oidc" if self.proofs is None else "oidc-dpop"
        return Maker(provider=provider, issuer=self.sso.issuer, client_id=self.sso.client_id)

    @property
    def access_tokens(self) -> bool:
        """Whether hosts get access tokens."""
        return self.sso.access_token

    # -- refresh -----------------------------------------------------------------------------------

    async def refresh(
        self, refresh_token: str, *, id_token: str, bound: Bound | None = None
    ) -> Fresh | Failed:
        """Ask for new tokens (OpenID Connect Core 1.0, 12; RFC 6749, 6)."""
        heads: list[Body] = []
        replies: list[Reply] = []  # kept outside: the time may be up when the answer is there
        if self.proofs is not None and bound is not None:
            self.proofs.ahead_seconds = bound.ahead_seconds
        asking = self._refresh(refresh_token, id_token, bound, heads, replies)
        try:
            return await within(self.timeout_seconds, asking, now=self.now)
        except Rejected as error:
            return Failed(
                error, refused=_is_refusal(error), retry_after_seconds=self._wait(replies)
            )
        except BusError as error:
            if error.status is None:
                error.status = status_of(heads)
            # The old token may be spent by now: whatever else is wrong, the new one is kept.
            if token := _refresh_token_in(replies):
                return Fresh(refresh_token=token, error=error)
            return Failed(error, retry_after_seconds=self._wait(replies))

    async def _refresh(
        self,
        refresh_token: str,
        id_token: str,
        bound: Bound | None,
        heads: list[Body],
        replies: list[Reply],
    ) -> Fresh:
        # Whatever keeps a refresh from ending well is found before the token is used up.
        endpoints = await self._discovery()
        await self._keys.load(endpoints.jwks)
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        key = bound.key if bound else None
        replies.append(await self._token_endpoint(endpoints, grant, heads, key))
        arrival = self.now()
        tokens = tokens_in(good_answer(replies[0]), self.sso)
        if not tokens.id_token:
            raise misconfigured(
                "The provider's answer to a refresh has no ID token, so the session ends when the "
                "present one expires: let the provider issue ID tokens with the refresh_token grant."
            )
        signed = await signed_claims(
            tokens.id_token, keys=self._keys, jwks=endpoints.jwks, verify=self.verify
        )
        before = claims_before(id_token)
        if is_of_another(signed.claims, before):
            return Fresh(refresh_token=tokens.refresh_token, other_user=True)
        expected = Expected(
            issuer=self.sso.issuer,
            client_id=self.sso.client_id,
            now=self.now(),
            skew=self.sso.clock_skew_seconds,
            access_token=tokens.access_token,
            nonce=None,
        )
        check_claims(signed, expected)
        check_renewed(signed.claims, before, self.sso.clock_skew_seconds)
        access_token, expires_at = tokens.for_host(self.sso, arrival)
        return Fresh(
            refresh_token=tokens.refresh_token,
            id_token=tokens.id_token,
            access_token=access_token,
            access_token_expires_at=expires_at,
        )

    def _wait(self, replies: list[Reply]) -> float:
        return max(
            (retry_after_seconds(each.retry_after, self.now()) for each in replies), default=0
        )

    # -- the end -----------------------------------------------------------------------------------

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke (RFC 7009, 2.1), where the provider has an address for it."""
        try:
            return await within(self.timeout_seconds, self._revoke(refresh_token), now=self.now)
        except BusError as error:
            self._say_once(error.message)
            return False

    async def _revoke(self, refresh_token: str) -> bool:
        endpoints = await self._discovery()
        url = revocation_in(endpoints.document, self.sso)
        if url is None:
            return True
        form = {
            "client_id": self.sso.client_id,
            "token": refresh_token,
            "token_type_hint": "refresh_token",
        }
        headers = HEADERS | self.sso.extra_headers
        heads: list[Body] = []
        try:
            reply = await ask(self.fetch, url, headers=headers, body=urlencode(form), heads=heads)
        except FetchFailed:
            if heads:
                return heads[0].status == 200  # only its body, which says nothing, is missing
            raise await self._why_not(endpoints) from None
        return reply.good

    async def _why_not(self, endpoints: Endpoints) -> BusError:
        """Say why the revocation endpoint gave nothing that the browser let through.

        A browser does not tell a missing CORS header from a broken connection, but the provider's
        keys can be read where only CORS is missing.
        """
        await get_json(self.fetch, endpoints.jwks, "key set", "jwks_uri")
        return misconfigured(
            "The provider can be reached, but no answer of its revocation endpoint can be read: "
            "most likely it does not allow the bus's origin there (CORS). It may have revoked the "
            "refresh token all the same."
        )

    async def logout_url(self) -> str:
        """Return where the provider's own session ends (RP-Initiated Logout 1.0, 2), or ""."""
        try:
            endpoints = await within(self.timeout_seconds, self._discovery(), now=self.now)
            url = end_session_in(endpoints.document, self.sso)
        except BusError as error:
            self._say_once(error.message)
            return ""
        if url is None:
            return ""
        query = {"client_id": self.sso.client_id}
        if self.post_logout_redirect_uri:
            query["post_logout_redirect_uri"] = self.post_logout_redirect_uri
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.log(f"session: {message}")


def _is_refusal(error: Rejected) -> bool:
    """Whether the provider says that the refresh token is good no more (RFC 6749, 5.2)."""
    return isinstance(error.error, dict) and error.error.get("error") == "invalid_grant"


def _refresh_token_in(replies: list[Reply]) -> str:
    """Return the refresh token in an answer of success, whatever else is wrong with that; or ""."""
    try:
        found = [reply.json_object().get("refresh_token") for reply in replies if reply.good]
    except ValueError:
        return ""
    return next((token for token in found if isinstance(token, str)), "")
