"""The signature algorithms that the bus accepts (RFC 7518, 3.1; RFC 8037, 3.1; RFC 9864)."""

from collections.abc import Callable, Mapping
from hashlib import sha256, sha384, sha512
from typing import Any, Final, Literal, get_args

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
"""None of them uses a shared secret; EdDSA means Ed25519."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

PROOFS: Final[Algorithm] = "ES256"
"""What the bus itself signs with (DPoP, RFC 9449): every engine has it, and can store its keys."""

# Each algorithm has its kind of key and its curve, so that no key is ever used with another algorithm.
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
"""The members that a key for each algorithm must have."""


def algorithm_named(name: object) -> Algorithm | None:
    """Return the algorithm of this name, or None if the bus does not accept it."""
    if name == "Ed25519":  # EdDSA's newer name (RFC 9864)
        return "EdDSA"
    return next((algorithm for algorithm in ALGORITHMS if algorithm == name), None)


def hash_of(algorithm: Algorithm) -> Callable[[bytes], Any]:
    """Return the hash function of an algorithm, which also makes `at_hash`.

    (OpenID Connect Core 1.0, 3.1.3.6; Ed25519's is SHA-512, RFC 8032, 5.1.)
    """
    return {"256": sha256, "384": sha384}.get(algorithm[2:], sha512)
