"""A provider's public keys (JWK Set, RFC 7517, 5), and which of them fits a signature."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from ...deadline import within
from ...errors import BusError, misconfigured
from ...ports import Fetch, Now
from ...single_flight import SingleFlight
from .algorithms import KEYS, Algorithm, algorithm_named
from .discovery import get_json

RENEW_SECONDS: Final = 60
"""Keys are fetched again at most this often, however many tokens the current keys do not verify."""

KEPT_SECONDS: Final = 86_400
"""Keys that are older are fetched again before the next token is validated: one may be withdrawn."""

MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3 and 3.5 require this size."""

_BYTES: Final = {"P-256": 32, "P-384": 48, "P-521": 66, "Ed25519": 32}
"""How long a coordinate is (RFC 7518, 6.2.1.2; RFC 8032, 5.1.5)."""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Fitting:
    """The keys that may have made a signature."""

    usable: tuple[str, ...]
    """Public keys as JSON, with the members that WebCrypto needs, in the form that it requires."""
    problem: str
    """What is wrong with a key that would fit and cannot be used; empty if there is none."""


@dataclass
class Keys:
    """The keys: fetched when they are first needed, kept for a day, and longer if the next look fails."""

    fetch: Fetch
    now: Now
    look_seconds: float = 5
    """The limit for the daily look: while it lasts, a sign-in or a refresh waits."""
    _keys: list[Mapping[str, Any]] | None = None
    _fetched_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _renewed_at: float = float("-inf")
    _flight: SingleFlight[str, list[Mapping[str, Any]]] = field(default_factory=SingleFlight)

    async def load(self, url: str) -> None:
        """Fetch the keys if they are missing. Raises BusError; a failure is not kept.

        Keys that are a day old are fetched again; if that fails, they stay, and the next call tries
        again, at most once a minute.
        """
        if self._keys is None:
            await self._fetch(url)
        elif not self._is_recent(self._fetched_at, KEPT_SECONDS):
            await self._look(url)

    async def _look(self, url: str) -> None:
        if self._is_recent(self._looked_at, RENEW_SECONDS):
            return
        with suppress(BusError):
            await within(self.look_seconds, self._fetch(url), now=self.now)
        self._looked_at = self.now()  # only now: who comes meanwhile waits for the same look

    async def renew(self, url: str) -> None:
        """Fetch the keys again: they may have been rotated. Does nothing if that was done recently.

        Raises BusError.
        """
        if url not in self._flight and self._is_recent(self._renewed_at, RENEW_SECONDS):
            return
        self._renewed_at = self.now()
        await self._fetch(url)

    def fitting(self, algorithm: Algorithm, kid: str | None) -> Fitting:
        """Return the keys that may have made a signature with this `kid`; without one, all of its kind.

        A key without a `kid` is used if no key has this `kid` and there is only one such key.
        """
        found = [key for key in self._keys or () if _is_for(algorithm, key)]
        if kid is not None:
            nameless = [key for key in found if "kid" not in key]
            found = [key for key in found if key.get("kid") == kid]
            found = found or (nameless if len(_sorted_out(algorithm, nameless).usable) == 1 else [])
        return _sorted_out(algorithm, found)

    async def _fetch(self, url: str) -> None:
        self._keys = await self._flight.join(url, lambda: self._ask(url))
        self._fetched_at = self.now()

    def _is_recent(self, time: float, seconds: float) -> bool:
        """Whether a time is less than so many seconds ago; not if the clock was set back since."""
        return 0 <= self.now() - time < seconds

    async def _ask(self, url: str) -> list[Mapping[str, Any]]:
        keys = (await get_json(self.fetch, url, "key set", "jwks_uri")).get("keys")
        if not isinstance(keys, list):
            raise misconfigured("What the provider has at its jwks_uri is not a JWK Set.")
        return [_present(key) for key in keys if isinstance(key, dict)]


def _present(key: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the members that are present: serializers write absent ones as null, "" or []."""
    return {name: value for name, value in key.items() if value not in (None, "", [])}


def _is_for(algorithm: Algorithm, key: Mapping[str, Any]) -> bool:
    """Whether a key says that it is for verifying signatures of this kind (RFC 7517, 4)."""
    operations = key.get("key_ops", ["verify"])
    return (
        all(key.get(name) == value for name, value in KEYS[algorithm].items())
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and algorithm_named(key.get("alg", algorithm)) == algorithm
    )


def _sorted_out(algorithm: Algorithm, keys: list[Mapping[str, Any]]) -> Fitting:
    usable: list[str] = []
    problem = ""
    for key in keys:
        try:
            usable.append(json.dumps({**KEYS[algorithm], **_material(key)}))
        except _Unusable as error:
            problem = str(error)
    return Fitting(tuple(dict.fromkeys(usable)), problem)


class _Unusable(Exception):
    """A key that cannot be used; the text says why, and shows nothing of the key."""


def _material(key: Mapping[str, Any]) -> dict[str, str]:
    """Return a key's own members in the form that WebCrypto requires (RFC 7518, 6; RFC 8037, 2).

    Other members, such as key_ops and alg, would only give WebCrypto reasons to refuse it.
    Raises _Unusable.
    """
    if key["kty"] == "RSA":
        modulus, exponent = _integer(key, "n"), _integer(key, "e")
        if modulus.bit_length() < MIN_RSA_BITS:
            raise _Unusable(
                f"its modulus has {modulus.bit_length()} bits, at least {MIN_RSA_BITS} are needed"
            )
        if exponent == 1 or exponent % 2 == 0:  # 1 would make the signature its own message
            raise _Unusable("its exponent (e) is 1 or even, which protects nothing")
        return {
            name: _base64url(value.to_bytes((value.bit_length() + 7) // 8))
            for name, value in (("n", modulus), ("e", exponent))
        }
    size = _BYTES[key["crv"]]
    if key["kty"] == "OKP":
        octets = _octets(key, "x")
        if len(octets) != size:
            raise _Unusable(f"its x does not have {size} bytes")
        return {"x": _base64url(octets)}
    try:
        return {name: _base64url(_integer(key, name).to_bytes(size)) for name in ("x", "y")}
    except OverflowError:
        raise _Unusable(f"its x or y has more than {size} bytes") from None


def _integer(key: Mapping[str, Any], name: str) -> int:
    """Return a number; extra or missing leading zeros do not matter."""
    return int.from_bytes(_octets(key, name))


def _octets(key: Mapping[str, Any], name: str) -> bytes:
    """Return the bytes in a member; padding, line breaks and standard base64 are accepted too."""
    if name not in key:
        raise _Unusable(f"its {name} is missing")
    value = key[name]
    text = re.sub(r"\s", "", value) if isinstance(value, str) else ""
    text = text.rstrip("=").replace("+", "-").replace("/", "_")
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise _Unusable(f"its {name} is not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
