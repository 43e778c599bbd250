"""Proves the possession of a key, which the provider binds tokens to (DPoP, RFC 9449)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from ...errors import misconfigured
from ...ports import Body, Fetch, Key, MakeKey, NoSuchAlgorithm, Now
from ...urls import origin_of
from ..reply import Reply, ask
from .algorithms import PROOFS

WANTS_NONCE: Final = "use_dpop_nonce"
BAD_PROOF: Final = "invalid_dpop_proof"
NONCE: Final = "DPoP-Nonce"
_CHALLENGE: Final = "WWW-Authenticate"


@dataclass
class Proofs:
    """Sends requests with proofs, and knows what their servers want in a proof.

    Exchange and session share one: both ask the same servers.
    """

    make: MakeKey
    now: Now
    new_id: Callable[[], str]
    """Returns a new unguessable string each time, of at least 96 bits (RFC 9449, 4.2)."""
    ahead_seconds: float = 0
    """By how much the provider's clock is ahead of this one, as far as that is known."""
    _trusts: bool = True  # whether proofs go by that, and not by this machine's clock alone
    _nonces: dict[str, str] = field(default_factory=dict)
    """The last nonce of each origin (RFC 9449, 8.2)."""

    async def new_key(self) -> Key:
        """Return a new key. Raises BusError PROVIDER_MISCONFIGURED if this browser makes none."""
        try:
            return await self.make()
        except NoSuchAlgorithm:
            raise misconfigured(
                "This browser makes no keys for DPoP here (WebCrypto, ES256): the host page must be "
                "a secure context. Or set bus.sso.dpop to off."
            ) from None

    def learn(self, issued: float) -> None:
        """Note the provider's clock: it has just issued something at this time (`iat`, seconds)."""
        self.ahead_seconds, self._trusts = issued - self.now(), True

    async def ask(  # noqa: PLR0913 - what `ask` takes, a key, and a token
        self,
        fetch: Fetch,
        key: Key,
        url: str,
        *,
        headers: dict[str, str],
        body: str | None,
        heads: list[Body],
        access_token: str = "",
    ) -> Reply:
        """Send a request with a proof; once more if the server wants a nonce in it, or refuses the proof.

        Such a refusal has changed nothing (RFC 9449, 5, 8 and 9), so even a code is sent again. A proof
        is refused if this machine's clock was corrected after the provider's time was learnt: the second
        one goes by this clock alone, or by the provider's time again.
        `access_token` is the one that the request carries, if it carries one.
        Raises FetchFailed, or BusError PROVIDER_MISCONFIGURED if the nonce cannot be read.
        """
        origin = origin_of(url)

        async def send() -> Reply:
            proof = await self._proof(key, url, body, access_token)
            reply = await ask(fetch, url, headers=headers | {"DPoP": proof}, body=body, heads=heads)
            if nonce := heads[-1].header(NONCE):
                self._nonces[origin] = nonce
            return reply

        sent = self._nonces.get(origin)
        reply = await send()
        if reply.good:
            return reply
        error, nonce = _error_in(reply), heads[-1].header(NONCE)
        if error == BAD_PROOF and self.ahead_seconds:
            self._trusts = not self._trusts
        elif not _wants_nonce(error, reply, heads[-1], news=nonce not in (None, sent)):
            return reply
        elif not nonce:
            raise misconfigured(
                f"The provider's {origin[:256]} wants a nonce in DPoP proofs, and does not let the "
                "bus's origin read it (CORS): send Access-Control-Expose-Headers: DPoP-Nonce, "
                "WWW-Authenticate there, whatever the status.",
                status=reply.status,
            )
        heads.clear()
        return await send()

    async def _proof(self, key: Key, url: str, body: str | None, access_token: str) -> str:
        """Return a proof for one request (RFC 9449, 4.2)."""
        header = {"typ": "dpop+jwt", "alg": PROOFS, "jwk": json.loads(key.jwk)}
        claims: dict[str, Any] = {
            "jti": self.new_id(),
            "htm": "GET" if body is None else "POST",
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self.now() + (self.ahead_seconds if self._trusts else 0)),
        }
        if access_token:
            claims["ath"] = _base64url(sha256(access_token.encode()).digest())
        if nonce := self._nonces.get(origin_of(url)):
            claims["nonce"] = nonce
        parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
        signed = ".".join(map(_base64url, parts))
        return f"{signed}.{await key.sign(signed)}"


def _wants_nonce(error: object, reply: Reply, head: Body, *, news: bool) -> bool:
    """Whether a server refuses a proof for want of a nonce (RFC 9449, 8 and 9).

    `error` is what its body names, if it names one. `news`: it has named a nonce that the proof did
    not have.
    """
    if error is not None:
        return error == WANTS_NONCE
    # A resource server says it in a header.
    challenge = head.header(_CHALLENGE)
    return reply.status == 401 and (WANTS_NONCE in challenge if challenge else news)


def _error_in(reply: Reply) -> object:
    try:
        return reply.json_object().get("error")
    except ValueError:
        return None


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
