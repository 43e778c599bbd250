"""The signature algorithms that the bus accepts (RFC 7518, 3.1; RFC 8037, 3.1; RFC 9864)."""

from collections.abc import Callable, Mapping
from hashlib import sha256, sha384, sha512
from typing import Any, Final, Literal, get_args

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
"""None of them works with a shared secret; EdDSA is Ed25519's."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

# Kind and curve belong to the algorithm, so that no key is ever used with another one.
KEYS: Final[Mapping[Algorithm, Mapping[str, str]]] = {
    "RS256": {"kty": "RSA"},
    "RS384": {"kty": "RSA"},
    "RS512": {"kty": "RSA"},
    "PS256": {"kty": "RSA"},
    "PS384": {"kty": "RSA"},
    "PS512": {"kty": "RSA"},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
"""What a key for each must say of itself."""


def algorithm_named(name: object) -> Algorithm | None:
    """Return the algorithm of this name, or None if the bus does not accept it."""
    if name == "Ed25519":  # EdDSA's newer name (RFC 9864)
        return "EdDSA"
    return next((algorithm for algorithm in ALGORITHMS if algorithm == name), None)


def hash_of(algorithm: Algorithm) -> Callable[[bytes], Any]:
    """Return the hash that an algorithm signs with, which makes `at_hash` as well.

    (OpenID Connect Core 1.0, 3.1.3.6; Ed25519's is SHA-512, RFC 8032, 5.1.)
    """
    return {"256": sha256, "384": sha384}.get(algorithm[2:], sha512)
