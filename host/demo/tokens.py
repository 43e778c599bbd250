"""The credentials that the stand-in backend gives out, and the public keys to check them with."""

import secrets
from collections.abc import Callable
from typing import Any

from joserfc import jwk, jwt

from host.demo.people import Person

ID_TOKEN_LIFETIME = 15 * 60
"""Seconds."""


class Tokens:
    """Signs ID tokens (ES256) with a key of its own. `clock` gives seconds since the epoch."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clock = clock
        key = jwk.ECKey.generate_key("P-256")
        self._key_id = key.thumbprint()
        self._key = jwk.ECKey.import_key(
            key.as_dict(private=True, kid=self._key_id, use="sig", alg="ES256")
        )

    def credentials(self, person: Person, client_id: str) -> dict[str, str]:
        """Credentials in the protocol's migrated shape, for a legacy person in its legacy one."""
        if person.legacy:
            return {"legacy_token": secrets.token_urlsafe(32)}
        return {
            "idToken": self._id_token(person, client_id),
            "refreshToken": secrets.token_urlsafe(32),
        }

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK set (RFC 7517, 5)."""
        return {"keys": [self._key.as_dict(private=False)]}

    def _id_token(self, person: Person, client_id: str) -> str:
        now = int(self._clock())
        header = {"alg": "ES256", "kid": self._key_id}
        claims = {
            "iss": self._issuer,
            "sub": person.user["id"],
            "aud": client_id,
            "iat": now,
            "exp": now + ID_TOKEN_LIFETIME,
            "name": person.user["name"],
            "email": person.user["email"],
        }
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])
