"""The tokens that the stand-in backend gives out, and the public keys to check them with."""

import secrets
from collections.abc import Callable
from typing import Any

from joserfc import jwk, jwt

from host.demo.people import Person

ID_TOKEN_LIFETIME = 15 * 60
"""Seconds."""

FAST_LIFETIME = 20
"""Seconds; for who wants to watch refreshes and expiry."""


class Tokens:
    """Signs ID tokens (ES256) with a key of its own. `clock` gives seconds since the epoch."""

    def __init__(
        self, issuer: str, clock: Callable[[], float], lifetime: int = ID_TOKEN_LIFETIME
    ) -> None:
        """`lifetime`: seconds that an ID token is good."""
        self._issuer = issuer
        self._clock = clock
        self._lifetime = lifetime
        key = jwk.ECKey.generate_key("P-256")
        self._key_id = key.thumbprint()
        self._key = jwk.ECKey.import_key(
            key.as_dict(private=True, kid=self._key_id, use="sig", alg="ES256")
        )

    def legacy_token(self) -> str:
        """A token of the old kind, which never expires."""
        return secrets.token_urlsafe(32)

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set (RFC 7517, 5)."""
        return {"keys": [self._key.as_dict(private=False)]}

    def id_token(self, person: Person, client_id: str) -> str:
        """A new ID token (OpenID Connect Core 1.0, 2)."""
        now = int(self._clock())
        header = {"alg": "ES256", "kid": self._key_id}
        claims = {
            "iss": self._issuer,
            "sub": person.user["id"],
            "aud": client_id,
            "iat": now,
            "exp": now + self._lifetime,
            "name": person.user["name"],
            "email": person.user["email"],
        }
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])
