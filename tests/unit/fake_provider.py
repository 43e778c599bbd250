"""An OpenID Connect provider that answers from memory, and a verifier that is not WebCrypto."""

import asyncio
import base64
import hashlib
import json
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from joserfc import jwk
from joserfc.jws import JWSRegistry

from bus.exchange.oidc import OidcExchange
from bus.ports import FetchFailed, NoSuchAlgorithm, UnusableKey
from bus.settings.oidc import OidcSso
from tests.unit.fakes import CODE, HANGS_SECONDS, REDIRECT_URL, VERIFIER, Call, sso

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
_made = {}


def key_of(algorithm, name="1"):
    """A private key, made once for each kind and name: RSA takes its time."""
    kind = KINDS[algorithm]
    if (kind, name) not in _made:
        _made[kind, name] = {
            "RSA": lambda: jwk.RSAKey.generate_key(2048),
            "Ed25519": lambda: jwk.OKPKey.generate_key("Ed25519"),
        }.get(kind, lambda: jwk.ECKey.generate_key(kind))()
    return _made[kind, name]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class FakeProvider:
    """A `bus.ports.Fetch`. `pages` says what is answered where: (status, body), or an exception."""

    def __init__(self):
        self.calls = []
        self.algorithm = "ES256"
        self.key = ("1", key_of("ES256"))
        self.document = {
            "issuer": ISSUER,
            "token_endpoint": TOKEN,
            "jwks_uri": JWKS,
            "userinfo_endpoint": USERINFO,
            "code_challenge_methods_supported": ["S256"],
        }
        self.claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": SUB,
            "exp": NOW + 900,
            "iat": NOW,
            "email": "MARK-email",
        }
        self.header = {}
        self.tokens = {
            "access_token": ACCESS_TOKEN,
            "refresh_token": REFRESH_TOKEN,
            "token_type": "Bearer",
        }
        self.user = {"sub": SUB, "name": "MARK-name", "org": {"name": "MARK-company"}}
        self.published = None
        """The key set, where it is not just the key that signs."""
        self.pages = {}
        self.supported = set(KINDS)
        self._news = asyncio.Event()
        self.held = set()
        """Where requests wait until the test answers them."""

    def use(self, algorithm, name="1"):
        """Sign with a key of this kind from now on; the key set follows."""
        self.algorithm = algorithm
        self.key = (name, key_of(algorithm, name))
        return self

    def jwks(self):
        if self.published is not None:
            return {"keys": self.published}
        return {"keys": [self.public()]}

    def public(self, **more):
        name, key = self.key
        return key.as_dict(private=False, kid=name, use="sig", alg=self.algorithm) | more

    def id_token(self):
        name, key = self.key
        header = {"alg": self.algorithm, "kid": name} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        claims = {name: value for name, value in self.claims.items() if value is not ...}
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        if self.algorithm == "EdDSA":  # joserfc warns of the name, which most providers use
            return f"{signed}.{b64(key.private_key.sign(signed.encode()))}"
        algorithm = JWSRegistry(algorithms=[self.algorithm]).get_alg(self.algorithm)
        return f"{signed}.{b64(algorithm.sign(signed.encode(), key))}"

    def answer(self, url):
        if url in self.pages:
            return self.pages[url]
        return {
            DISCOVERY: lambda: (200, self.document),
            JWKS: lambda: (200, self.jwks()),
            TOKEN: lambda: (200, {"id_token": self.id_token()} | self.tokens),
            USERINFO: lambda: (200, self.user),
        }[url]()

    async def __call__(self, url, *, headers, body):
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

    async def verify(self, algorithm, *, jwk, signed, signature):
        if algorithm not in self.supported:
            raise NoSuchAlgorithm
        return verify(algorithm, jwk=jwk, signed=signed, signature=signature)

    def exchange(self, **settings):
        """What makes a world's exchange with this provider."""
        table = {"provider": "oidc", "issuer": ISSUER, "client_id": CLIENT} | settings

        def make(world, timeout_seconds):
            return OidcExchange(
                OidcSso.model_validate(table),
                timeout_seconds,
                fetch=self,
                verify=self.verify,
                now=world.clock,
                log=world.lines.append,
            )

        return make

    def urls(self):
        return [call.url for call in self.calls]

    async def asked(self, url, times=1):
        """Wait until `url` has been asked for so often; return the last request."""
        async with asyncio.timeout(HANGS_SECONDS):
            while self.urls().count(url) < times:
                self._news.clear()
                await self._news.wait()
        return [call for call in self.calls if call.url == url][-1]

    def forms(self):
        return [dict(parse_qsl(call.body)) for call in self.calls if call.url == TOKEN]


def verify(algorithm, *, jwk, signed, signature):
    """Check a signature as WebCrypto would."""
    from joserfc import jwk as keys

    try:
        public = keys.import_key(json.loads(jwk)).public_key
    except ValueError:
        raise UnusableKey from None
    digest = {"256": SHA256, "384": SHA384, "512": SHA512}.get(algorithm[2:], SHA512)()
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


def at_hash(token, algorithm):
    bits = "512" if algorithm == "EdDSA" else algorithm[2:]
    digest = hashlib.new(f"sha{bits}", token.encode()).digest()
    return b64(digest[: len(digest) // 2])


def ask(id=None, **payload):  # noqa: A002 - the wire's own name
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
