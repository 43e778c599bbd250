"""An OpenID Connect provider that answers from memory, and a verifier that is not WebCrypto."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from joserfc import jwk
from joserfc.jws import JWSRegistry

from bus.exchange.oidc import OidcExchange
from bus.exchange.oidc.dpop import Proofs
from bus.ports import FetchFailed, NoSuchAlgorithm, UnusableKey
from bus.settings.oidc import OidcSso
from tests.unit.fakes import (
    CODE,
    HANGS_SECONDS,
    REDIRECT_URL,
    VERIFIER,
    Call,
    FakeClock,
    FakeKey,
    World,
    sso,
)

ISSUER = "https://id.example.com/realms/acme"
DISCOVERY = ISSUER + "/.well-known/openid-configuration"
TOKEN = ISSUER + "/token"
JWKS = "https://keys.example.net/jwks"
USERINFO = "https://id.example.com/userinfo"
CLIENT = "crm"
ACCESS_TOKEN = "MARK-accesstoken"
REFRESH_TOKEN = "MARK-refreshtoken"
SUB = "MARK-sub"
NOW = 1_700_000_000

KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
}
"""The key that each algorithm signs with."""
HASHES: dict[str, Any] = {"256": SHA256, "384": SHA384, "512": SHA512}
_made: dict[tuple[str, str], Any] = {}


def key_of(algorithm: str, name: str = "1") -> Any:
    """A private key, made once for each kind and name: RSA takes its time."""
    kind = KINDS[algorithm]
    if (kind, name) not in _made:
        make: dict[str, Callable[[], Any]] = {
            "RSA": lambda: jwk.RSAKey.generate_key(2048),
            "Ed25519": lambda: jwk.OKPKey.generate_key("Ed25519"),
        }
        _made[kind, name] = make.get(kind, lambda: jwk.ECKey.generate_key(kind))()
    return _made[kind, name]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class FakeProvider:
    """A `bus.ports.Fetch`. `pages` has the answer for each URL: (status, body), or an exception."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.algorithm = "ES256"
        self.key = ("1", key_of("ES256"))
        self.document: dict[str, Any] = {
            "issuer": ISSUER,
            "token_endpoint": TOKEN,
            "jwks_uri": JWKS,
            "userinfo_endpoint": USERINFO,
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["RS256", "ES256"],
        }
        self.claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": SUB,
            "exp": NOW + 900,
            "iat": NOW,
            "email": "MARK-email",
        }
        self.header: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {
            "access_token": ACCESS_TOKEN,
            "refresh_token": REFRESH_TOKEN,
            "token_type": "Bearer",
        }
        self.user: dict[str, Any] = {
            "sub": SUB,
            "name": "MARK-name",
            "org": {"name": "MARK-company"},
        }
        self.published: list[Any] | None = None
        """The key set, where it is not just the key that signs."""
        self.pages: dict[str, Any] = {}
        self.supported = set(KINDS)
        self.keys: list[FakeKey] = []
        """The keys that were made for proofs."""
        self._news = asyncio.Event()
        self.held: set[str] = set()
        """Where requests wait until the test answers them."""

    def use(self, algorithm: str, name: str = "1") -> "FakeProvider":
        """Sign with a key of this kind from now on; the key set follows."""
        self.algorithm = algorithm
        self.key = (name, key_of(algorithm, name))
        return self

    def jwks(self) -> dict[str, Any]:
        if self.published is not None:
            return {"keys": self.published}
        return {"keys": [self.public()]}

    def public(self, **more: Any) -> dict[str, Any]:
        name, key = self.key
        return key.as_dict(private=False, kid=name, use="sig", alg=self.algorithm) | more

    def id_token(self) -> str:
        name, key = self.key
        header = {"alg": self.algorithm, "kid": name} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        claims = {name: value for name, value in self.claims.items() if value is not ...}
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        if self.algorithm == "EdDSA":  # joserfc warns of the name, which most providers use
            return f"{signed}.{b64(key.private_key.sign(signed.encode()))}"
        algorithm = JWSRegistry(algorithms=[self.algorithm]).get_alg(self.algorithm)
        return f"{signed}.{b64(algorithm.sign(signed.encode(), key))}"

    def answer(self, url: str) -> Any:
        if url in self.pages:
            return self.pages[url]
        answers: dict[str, Callable[[], Any]] = {
            DISCOVERY: lambda: (200, self.document),
            JWKS: lambda: (200, self.jwks()),
            TOKEN: lambda: (200, {"id_token": self.id_token()} | self.tokens),
            USERINFO: lambda: (200, self.user),
        }
        return answers[url]()

    async def __call__(self, url: str, *, headers: dict[str, str], body: str | None) -> Call:
        call = Call(url, headers, body)
        self.calls.append(call)
        self._news.set()
        if url not in self.held:
            answer = self.answer(url)
            answer = answer(call) if callable(answer) else answer
            if isinstance(answer, Exception):
                call.fail(answer)
            else:
                call.answer(*answer)
        return await call.head()

    async def verify(self, algorithm: str, *, jwk: str, signed: bytes, signature: bytes) -> bool:
        if algorithm not in self.supported:
            raise NoSuchAlgorithm
        return verify(algorithm, jwk=jwk, signed=signed, signature=signature)

    async def make_key(self) -> FakeKey:
        if "ES256" not in self.supported:
            raise NoSuchAlgorithm
        self.keys.append(FakeKey())
        return self.keys[-1]

    def proofs(self, clock: FakeClock) -> Proofs:
        numbers = count(1)
        return Proofs(self.make_key, clock, lambda: f"jti-{next(numbers)}")

    def exchange(self, **settings: Any) -> Callable[..., Any]:
        """What makes a world's exchange with this provider."""
        table = {"provider": "oidc", "issuer": ISSUER, "client_id": CLIENT} | settings

        def make(world: World, timeout_seconds: int) -> OidcExchange:
            return OidcExchange(
                OidcSso.model_validate(table),
                timeout_seconds,
                fetch=self,
                verify=self.verify,
                now=world.clock,
                log=world.lines.append,
                proofs=self.proofs(world.clock) if "dpop" in settings else None,
            )

        return make

    def urls(self) -> list[str]:
        return [call.url for call in self.calls]

    async def asked(self, url: str, times: int = 1) -> Call:
        """Wait for a number of requests to `url`; return the last one."""
        async with asyncio.timeout(HANGS_SECONDS):
            while self.urls().count(url) < times:
                self._news.clear()
                await self._news.wait()
        return [call for call in self.calls if call.url == url][-1]

    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(call.body or "")) for call in self.calls if call.url == TOKEN]


def verify(algorithm: str, *, jwk: str, signed: bytes, signature: bytes) -> bool:
    """Check a signature as WebCrypto would."""
    from joserfc import jwk as keys

    try:
        public: Any = keys.import_key(json.loads(jwk)).public_key
    except ValueError:
        raise UnusableKey from None
    digest = HASHES.get(algorithm[2:], SHA512)()
    try:
        if algorithm.startswith("RS"):
            public.verify(signature, signed, PKCS1v15(), digest)
        elif algorithm.startswith("PS"):
            public.verify(signature, signed, PSS(MGF1(digest), digest.digest_size), digest)
        elif algorithm.startswith("ES"):
            half = len(signature) // 2
            r, s = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
            public.verify(encode_dss_signature(r, s), signed, ECDSA(digest))
        else:
            public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def at_hash(token: str, algorithm: str) -> str:
    bits = "512" if algorithm == "EdDSA" else algorithm[2:]
    digest = hashlib.new(f"sha{bits}", token.encode()).digest()
    return b64(digest[: len(digest) // 2])


def ask(id: str | None = None, **payload: str) -> dict[str, Any]:  # noqa: A002 - the wire's own name
    """`AUTH.SSO` as this provider takes it."""
    return sso(id, **({"codeVerifier": VERIFIER} | payload))


FORM = {
    "grant_type": "authorization_code",
    "code": CODE,
    "redirect_uri": REDIRECT_URL,
    "client_id": CLIENT,
    "code_verifier": VERIFIER,
}
FAILED = FetchFailed()
