"""A provider's public keys (JWK Set, RFC 7517, 5), and which of them fits a signature."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from bus.exchange.discovery import get_json, misconfigured
from bus.ports import Fetch, Now
from bus.single_flight import SingleFlight

Algorithm = Literal["RS256", "ES256", "EdDSA"]
"""The signature algorithms that the bus accepts; none of them works with a shared secret."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

RENEW_SECONDS: Final = 60
"""Keys are fetched anew at most so often, however many tokens name an unknown one."""

# Of each kind of key: what it must say of itself, and the members that are handed on (RFC 7518, 6;
# RFC 8037, 2). Others, such as key_ops and alg, would only give WebCrypto reasons to refuse it.
_KINDS: Final[dict[str, tuple[dict[str, str], tuple[str, ...]]]] = {
    "RS256": ({"kty": "RSA"}, ("kty", "n", "e")),
    "ES256": ({"kty": "EC", "crv": "P-256"}, ("kty", "crv", "x", "y")),
    "EdDSA": ({"kty": "OKP", "crv": "Ed25519"}, ("kty", "crv", "x")),
}
_NAMES = {"EdDSA": ("EdDSA", "Ed25519")}  # RFC 9864 gives it a second name
_RSA_MODULUS = 342
"""2,048 bits in base64url; RFC 7518, 3.3 wants as many."""


@dataclass
class Keys:
    """The keys, fetched when they are first needed and kept for the page's life."""

    fetch: Fetch
    now: Now
    _keys: list[Mapping[str, Any]] | None = None
    _renewed_at: float = float("-inf")
    _flight: SingleFlight[str, list[Mapping[str, Any]]] = field(default_factory=SingleFlight)

    async def load(self, url: str) -> None:
        """Fetch the keys if they are not there. Raises BusError; a failure is not kept."""
        if self._keys is None:
            await self._fetch(url)

    async def renew(self, url: str) -> None:
        """Fetch the keys anew: they may have been rotated. Does nothing if it was done lately.

        Raises BusError.
        """
        if url not in self._flight and 0 <= self.now() - self._renewed_at < RENEW_SECONDS:
            return
        self._renewed_at = self.now()
        await self._fetch(url)

    def fitting(self, algorithm: Algorithm, kid: str | None) -> list[str]:
        """Return the keys, as JSON, that a signature under `kid` can be of; all without a `kid`."""
        return [
            json.dumps({name: key[name] for name in _KINDS[algorithm][1]})
            for key in self._keys or ()
            if (kid is None or key.get("kid") == kid) and _fits(key, algorithm)
        ]

    async def _fetch(self, url: str) -> None:
        self._keys = await self._flight.join(url, lambda: self._ask(url))

    async def _ask(self, url: str) -> list[Mapping[str, Any]]:
        keys = (await get_json(self.fetch, url, "key set", "jwks_uri")).get("keys")
        if not isinstance(keys, list):
            raise misconfigured("What the provider has at its jwks_uri is not a JWK Set.")
        return [key for key in keys if isinstance(key, dict)]


def _fits(key: Mapping[str, Any], algorithm: Algorithm) -> bool:
    says, members = _KINDS[algorithm]
    return (
        all(key.get(name) == value for name, value in says.items())
        and all(isinstance(key.get(name), str) for name in members)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) in _NAMES.get(algorithm, (algorithm,))
        and (algorithm != "RS256" or len(key["n"]) >= _RSA_MODULUS)
    )
