"""Which ID tokens are accepted, and the errors for the others (OpenID Connect Core 1.0, 3.1.3.7)."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk

from tests.unit.fake_provider import (
    ACCESS_TOKEN,
    CLIENT,
    FAILED,
    FORM,
    ISSUER,
    JWKS,
    KINDS,
    NOW,
    TOKEN,
    FakeProvider,
    ask,
    at_hash,
    b64,
    key_of,
)
from tests.unit.fakes import code_of, error_of

pytestmark = pytest.mark.anyio

NONCE = "MARK-nonce-\u00fc"


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def answer(worlds: Callable[..., Any], provider: FakeProvider) -> Callable[..., Any]:
    """Signs in, in a new world; returns the reply."""

    async def ask_once(settings: dict[str, Any] | None = None, **payload: str) -> dict[str, Any]:
        world = worlds(exchange=provider.exchange(**(settings or {})))
        return await world.ask(ask("1", **payload))

    return ask_once


def refused(reply: dict[str, Any], *words: str) -> bool:
    assert code_of(reply) == "ID_TOKEN_INVALID"
    assert all(word in error_of(reply)["message"] for word in words), error_of(reply)
    assert reply["meta"] == {"source": "bus", "status": 200}
    return True


def taken(reply: dict[str, Any]) -> bool:
    assert reply["type"] == "AUTH.SSO_FULFILLED", error_of(reply)
    return True


# -- signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KINDS)
async def test_each_algorithm(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str
) -> None:
    provider.use(algorithm)
    assert taken(await answer())


async def test_the_newer_name_of_eddsa(answer: Callable[..., Any], provider: FakeProvider) -> None:
    provider.use("EdDSA").header = {"alg": "Ed25519"}
    provider.published = [provider.public(alg="Ed25519")]
    assert taken(await answer())


@pytest.mark.parametrize("algorithm", KINDS)
async def test_a_signature_by_another_key_of_the_same_name(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str
) -> None:
    provider.published = [provider.use(algorithm, "2").public(kid="1")]
    provider.use(algorithm, "1")
    assert refused(await answer(), "signature")


@pytest.mark.parametrize("algorithm", KINDS)
async def test_a_token_that_was_changed(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str
) -> None:
    provider.use(algorithm)
    header, _, signature = provider.id_token().split(".")
    provider.claims["sub"] = "MARK-somebody-else"
    _, claims, _ = provider.id_token().split(".")
    provider.tokens["id_token"] = f"{header}.{claims}.{signature}"
    assert refused(await answer(), "signature")


@pytest.mark.parametrize(
    "alg", ["none", "None", "HS256", "RS1", "es256", "ES256K", "Ed448", "", None, 1, ["ES256"]]
)
async def test_algorithms_that_are_not_taken(
    answer: Callable[..., Any], provider: FakeProvider, alg: Any
) -> None:
    provider.header = {"alg": alg}
    assert refused(await answer(), ", ".join(KINDS))


@pytest.mark.parametrize("signature", ["", "x", "AA", None])
async def test_alg_none_without_a_signature(
    answer: Callable[..., Any], provider: FakeProvider, signature: str | None
) -> None:
    provider.header = {"alg": "none"}
    unsigned = provider.id_token().rsplit(".", 1)[0]
    provider.tokens["id_token"] = unsigned if signature is None else f"{unsigned}.{signature}"
    assert refused(await answer())


async def test_a_public_key_is_no_shared_secret(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    """The classic: HS256 with the provider's public key as the secret."""
    import hashlib
    import hmac

    provider.use("RS256").header = {"alg": "HS256"}
    signed = provider.id_token().rsplit(".", 1)[0]
    pem = provider.key[1].as_pem(private=False)
    provider.tokens["id_token"] = (
        f"{signed}.{b64(hmac.digest(pem, signed.encode(), hashlib.sha256))}"
    )
    assert refused(await answer(), "RS256")


@pytest.mark.parametrize("named", KINDS)
@pytest.mark.parametrize("algorithm", KINDS)
async def test_a_key_is_used_with_no_algorithm_but_its_own(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str, named: str
) -> None:
    """The header names one algorithm, the signature and the key are another's."""
    provider.use(algorithm).header = {"alg": named}
    provider.published = [{k: v for k, v in provider.public().items() if k != "alg"}]
    if named == algorithm:
        assert taken(await answer())
    elif KINDS[named] == KINDS[algorithm]:  # RSA serves more than one, unless the key says which
        assert refused(await answer(), "signature is wrong")
        provider.published = [provider.public()]
        assert refused(await answer(), f"does not publish for {named}")
    else:
        assert refused(await answer(), f"does not publish for {named}")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/JWT", "JOSE", None, ""])
async def test_types_that_an_id_token_may_have(
    answer: Callable[..., Any], provider: FakeProvider, typ: str | None
) -> None:
    provider.header = {"typ": typ}
    assert taken(await answer())


@pytest.mark.parametrize(
    "typ", ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "JWT ", 1, ["JWT"]]
)
async def test_another_kind_of_token(
    answer: Callable[..., Any], provider: FakeProvider, typ: Any
) -> None:
    provider.header = {"typ": typ}
    assert refused(await answer(), "typ")


async def test_critical_header_parameters(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.header = {"crit": ["exp"]}
    assert refused(await answer(), "critical")


@pytest.mark.parametrize("kid", [1, [], {}])
async def test_a_kid_that_is_no_string(
    answer: Callable[..., Any], provider: FakeProvider, kid: Any
) -> None:
    provider.header = {"kid": kid}
    assert refused(await answer(), "kid")


@pytest.mark.parametrize("algorithm", KINDS)
async def test_an_algorithm_that_the_browser_lacks(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str
) -> None:
    provider.use(algorithm).supported = set()
    reply = await answer()
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert algorithm in error_of(reply)["message"]
    assert "browser" in error_of(reply)["message"]


@pytest.mark.parametrize(
    "token",
    [
        "x", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "a b.c.d", "\u00e9.a.b", "a.b.c\n", "A.A.A",
        f"{b64(b'[]')}.{b64(b'{}')}.AA", f"{b64(b'{}')}.{b64(b'1')}.AA", f"{b64(b'{')}.{b64(b'{}')}.AA",
        f"{b64(b'{}')}.{b64(b'{}')}.A", f"{b64(b'{}')}.{b64(bytes([255]))}.AA",
    ],
)  # fmt: skip
async def test_what_is_no_signed_jwt(
    answer: Callable[..., Any], provider: FakeProvider, token: str
) -> None:
    provider.tokens["id_token"] = token
    assert refused(await answer())


# -- keys -----------------------------------------------------------------------------------------


def published(provider: FakeProvider, **more: Any) -> dict[str, Any]:
    return {
        "another kind": [key_of("RS256").as_dict(private=False, kid="1")],
        "another curve": [provider.public(crv="P-384")],
        "for encryption": [provider.public(use="enc")],
        "for another algorithm": [provider.public(alg="ES512")],
        "another kid": [provider.public(kid="0")],
        "two without a kid": [
            {k: v for k, v in FakeProvider().use("ES256", name).public().items() if k != "kid"}
            for name in ("1", "2")
        ],
        "for signing alone": [provider.public(key_ops=["sign"])],
        "operations that are no list": [provider.public(key_ops="verify")],
        "half a key": [{k: v for k, v in provider.public().items() if k != "y"}],
        "a number in a key": [provider.public(x=1)],
        "no key at all": [None, 1, "x", [], {}],
        "none": [],
    }


@pytest.mark.parametrize("name", published(FakeProvider()))
async def test_keys_that_do_not_fit(
    answer: Callable[..., Any], provider: FakeProvider, name: str
) -> None:
    provider.published = published(provider)[name]
    assert refused(await answer(), "does not publish")


async def test_the_right_key_among_others(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    others = [key for keys in published(provider).values() for key in keys]
    provider.published = [*others, provider.public(), *others]
    assert taken(await answer())


async def test_use_and_alg_may_be_missing_and_other_members_do_not_matter(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    key = {k: v for k, v in provider.public().items() if k not in ("use", "alg")}
    provider.published = [key | {"key_ops": ["verify", "sign"], "ext": False, "x5c": ["AA"]}]
    assert taken(await answer())


@pytest.mark.parametrize("absent", [None, "", []])
async def test_absent_members_as_serializers_write_them(
    answer: Callable[..., Any], provider: FakeProvider, absent: list[Any] | str | None
) -> None:
    members = dict.fromkeys(("use", "alg", "key_ops", "x5c", "d", "n", "oth"), absent)
    provider.published = [provider.public() | members]
    assert taken(await answer())
    provider.published = [provider.public() | members | {"kid": absent}]
    assert taken(await answer())


def bits(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


FORMS = {
    "padded": lambda octets: base64.urlsafe_b64encode(octets).decode(),
    "standard base64": lambda octets: base64.b64encode(octets).decode(),
    "lines": lambda octets: base64.encodebytes(octets).decode(),
    "a zero before it": lambda octets: b64(b"\0" + octets),
    "many zeros before it": lambda octets: b64(b"\0" * 300 + octets),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
async def test_keys_are_read_as_what_they_mean(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str, form: str
) -> None:
    key = provider.use(algorithm).public()
    numbers = [name for name in ("n", "e", "x", "y") if name in key]
    provider.published = [key | {name: FORMS[form](bits(key[name])) for name in numbers}]
    seen = []

    async def looked_at(algorithm: str, *, jwk: str, **more: bytes) -> bool:
        seen.append(json.loads(jwk))
        return await FakeProvider.verify(provider, algorithm, jwk=jwk, **more)

    provider.verify = looked_at  # type: ignore[method-assign]
    if algorithm == "EdDSA" and "zero" in form:  # no number, but 32 bytes
        assert refused(await answer(), "does not publish", "32 bytes")
    else:
        assert taken(await answer())
        own = {name: key[name] for name in ("kty", "crv", *numbers) if name in key}
        assert seen == [own]


async def test_coordinates_without_the_zeros_before_them(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    """What serializers make of a number, where RFC 7518, 6.2.1.2 wants all bytes."""
    key = next(
        key
        for key in (jwk.ECKey.generate_key("P-256") for _ in range(20_000))
        if bits(str(key.as_dict(private=False)["x"]))[0] == 0
    )
    provider.key = ("1", key)
    provider.published = [provider.public(x=b64(bits(provider.public()["x"]).lstrip(b"\0")))]
    assert taken(await answer())


def rsa(provider: FakeProvider, **numbers: int) -> dict[str, str]:
    """The provider's RSA key, with other numbers in it."""
    key = provider.use("RS256").public()
    octets = {name: n.to_bytes((n.bit_length() + 7) // 8 or 1) for name, n in numbers.items()}
    return key | {name: b64(value) for name, value in octets.items()}


UNUSABLE: dict[str, tuple[Callable[[FakeProvider], Any], str]] = {
    "2,047 bits": (lambda p: rsa(p, n=2**2047 - 1), "2047 bits"),
    "1,024 bits behind zeros": (
        lambda p: rsa(p) | {"n": b64(b"\0" * 128 + (2**1024 - 1).to_bytes(128))},
        "1024 bits",
    ),
    "e = 1": (lambda p: rsa(p, e=1), "exponent"),
    "e = 1 behind zeros": (lambda p: rsa(p) | {"e": b64(b"\0\0\1")}, "exponent"),
    "e = 0": (lambda p: rsa(p, e=0), "exponent"),
    "an even e": (lambda p: rsa(p, e=65536), "exponent"),
    "no e": (lambda p: rsa(p) | {"e": None}, "e is missing"),
    "no base64": (lambda p: rsa(p) | {"n": "MARK.key"}, "n is not base64url"),
    "no length of base64": (lambda p: rsa(p) | {"n": "A" * 345}, "n is not base64url"),
    "padding alone": (lambda p: rsa(p) | {"n": "=="}, "n is not base64url"),
    "a coordinate that is missing": (lambda p: p.public(y=None), "y is missing"),
    "a coordinate that is a number": (lambda p: p.public(x=1), "x is not base64url"),
    "a coordinate that is too long": (lambda p: p.public(x=b64(b"\1" * 33)), "32 bytes"),
    "half an Ed25519 key": (lambda p: p.use("EdDSA").public(x=b64(b"\1" * 31)), "32 bytes"),
    "a point that is not on the curve": (lambda p: p.public(y=b64(b"\1" * 32)), "import"),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_key_that_cannot_be_used_is_said_to_be_one(
    answer: Callable[..., Any], provider: FakeProvider, name: str
) -> None:
    make, word = UNUSABLE[name]
    broken = make(provider)
    provider.published = [broken]
    assert refused(await answer(), "does not publish in a form that can be used", word)
    # It does not stop other keys from being used, and a wrong signature's error names it.
    provider.published = [broken, provider.public(), broken]
    assert taken(await answer())
    other = FakeProvider().use(provider.algorithm, "2").public(kid="1")
    provider.published = [other, broken]
    assert refused(await answer(), "signature is wrong, or", word)


async def test_the_smallest_rsa_key(answer: Callable[..., Any], provider: FakeProvider) -> None:
    n = provider.use("RS256").key[1].public_key.public_numbers().n
    assert n.bit_length() == 2048
    assert taken(await answer())


async def test_a_key_without_a_kid_serves_where_it_is_the_only_one_that_fits(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    nameless = {k: v for k, v in provider.public().items() if k != "kid"}
    named = ("another kind", "another curve", "for encryption", "another kid", "no key at all")
    others = [key for name in named for key in published(provider)[name]]
    provider.published = [*others, nameless, nameless]
    assert taken(await answer())
    second = FakeProvider().use("ES256", "2").public()
    provider.published = [nameless, second | {"kid": None}]
    assert refused(await answer(), "does not publish")
    provider.published = [nameless, second | {"kid": "1"}]  # one that has the name comes first
    assert refused(await answer(), "signature is wrong")


async def test_without_a_kid_each_key_that_fits_is_tried(
    answer: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.header = {"kid": None}
    own = provider.public()
    provider.published = [FakeProvider().use("ES256", "2").public(), own]
    assert taken(await answer())
    provider.published = provider.published[:1]
    assert refused(await answer(), "signature")
    assert provider.urls()[-2:].count(JWKS) == 1  # they were fetched again before that was said


# -- rotation -------------------------------------------------------------------------------------


async def test_rotated_keys(worlds: Callable[..., Any], provider: FakeProvider) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    provider.use("ES256", "2")
    assert taken(await world.ask(ask(code="2")))
    assert taken(await world.ask(ask(code="3")))
    assert provider.urls().count(JWKS) == 2
    assert [form["code"] for form in provider.forms()] == ["1", "2", "3"]


async def test_keys_are_not_fetched_anew_all_the_time(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    provider.published = []
    for n in range(5):
        assert refused(await world.ask(ask(code=f"{n}")), "does not publish")
    assert provider.urls().count(JWKS) == 2
    world.clock.advance(59.9)
    assert refused(await world.ask(ask(code="x")))
    assert provider.urls().count(JWKS) == 2
    world.clock.advance(0.1)
    assert refused(await world.ask(ask(code="y")))
    assert provider.urls().count(JWKS) == 3
    world.clock.advance(-100)  # a clock that is set back must not keep them out
    provider.published = None
    provider.claims["iat"] -= 100
    assert taken(await world.ask(ask(code="z")))


async def test_a_new_key_under_a_known_name(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    provider.key = ("1", key_of("ES256", "2"))
    assert taken(await world.ask(ask(code="2")))
    assert taken(await world.ask(ask(code="3")))
    assert provider.urls().count(JWKS) == 2
    # At most once a minute, like an unknown one; and the keys at hand are not tried twice.
    provider.key = ("1", key_of("ES256", "3"))
    checks = []

    async def counted(algorithm: str, **more: Any) -> bool:
        checks.append(algorithm)
        return await FakeProvider.verify(provider, algorithm, **more)

    provider.verify = counted  # type: ignore[method-assign]
    world.exchange.verify = counted
    for n in range(3):
        assert refused(await world.ask(ask(code=f"4{n}")), "signature")
    assert provider.urls().count(JWKS) == 2
    assert len(checks) == 3
    world.clock.advance(60)
    assert taken(await world.ask(ask(code="5")))
    assert provider.urls().count(JWKS) == 3


async def test_a_key_that_was_put_right(worlds: Callable[..., Any], provider: FakeProvider) -> None:
    world = worlds(exchange=provider.exchange())
    provider.published = [provider.public(y=None)]
    assert refused(await world.ask(ask(code="1")), "y is missing")
    provider.published = None
    world.clock.advance(60)
    assert taken(await world.ask(ask(code="2")))


async def test_new_keys_that_cannot_be_fetched(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    provider.key = ("1", key_of("ES256", "2"))
    provider.pages[JWKS] = (503, b"")
    assert code_of(await world.ask(ask(code="2"))) == "BACKEND_ERROR"


async def test_two_tokens_with_an_unknown_key_at_once(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="0")))
    provider.use("ES256", "2")
    provider.held = {JWKS}
    sent = [world.send(ask(code=f"{n}")) for n in (1, 2)]
    call = await provider.asked(JWKS, 2)
    await provider.asked(TOKEN, 3)
    await world.settle()
    assert provider.urls().count(JWKS) == 2
    call.answer(200, provider.jwks())
    assert all([taken(await one.reply()) for one in sent])


DAY = 86_400


def later(world: Any, provider: FakeProvider, seconds: float) -> None:
    """Let time go by, for both."""
    world.clock.advance(seconds)
    for name in ("iat", "exp"):
        provider.claims[name] += int(seconds)


async def test_a_key_that_is_withdrawn_ends_a_day_later(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    provider.published = [key_of("ES256", "2").as_dict(private=False, kid="2", alg="ES256")]
    later(world, provider, DAY - 0.5)
    assert taken(await world.ask(ask(code="2")))
    assert provider.urls().count(JWKS) == 1
    later(world, provider, 0.5)
    assert refused(await world.ask(ask(code="3")), "does not publish")
    # Looked at before the code was sent; and once more, in case the key is newer than that look.
    urls = provider.urls()
    assert urls[-3:] == [JWKS, TOKEN, JWKS]
    provider.key = ("2", key_of("ES256", "2"))
    assert taken(await world.ask(ask(code="4")))
    later(world, provider, DAY - 1)
    assert taken(await world.ask(ask(code="5")))
    assert provider.urls().count(JWKS) == 3


async def test_a_clock_that_is_set_back_keeps_no_key_for_longer(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    later(world, provider, -100)
    assert taken(await world.ask(ask(code="2")))
    assert provider.urls().count(JWKS) == 2


@pytest.mark.parametrize(
    "page", [FAILED, (503, b""), (404, b""), (200, b"<p>"), (200, {})], ids=str
)
async def test_a_daily_look_that_fails_keeps_the_keys(
    worlds: Callable[..., Any], provider: FakeProvider, page: Any
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    later(world, provider, 5 * DAY)
    provider.pages[JWKS] = page
    assert taken(await world.ask(ask(code="2")))
    assert provider.urls().count(JWKS) == 2
    later(world, provider, 59)  # not before each token, while it fails
    assert taken(await world.ask(ask(code="3")))
    assert provider.urls().count(JWKS) == 2
    later(world, provider, 1)
    assert taken(await world.ask(ask(code="4")))
    assert provider.urls().count(JWKS) == 3
    del provider.pages[JWKS]
    provider.use("ES256", "2")  # a rotation is found all the same
    assert taken(await world.ask(ask(code="5")))
    assert provider.urls().count(JWKS) == 4


async def test_a_daily_look_without_an_answer_leaves_time_for_the_sign_in(
    worlds: Callable[..., Any], provider: FakeProvider, quick_looks: Any
) -> None:
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="1")))
    later(world, provider, DAY)
    provider.held = {JWKS}
    sent = world.send(ask(code="2"))
    call = await provider.asked(JWKS, 2)
    later(world, provider, 5)  # a third of the limit
    assert taken(await sent.reply())
    assert call.gone.is_set()


async def test_two_tokens_wait_for_one_daily_look(
    worlds: Callable[..., Any], provider: FakeProvider
) -> None:
    """None is checked meanwhile with a key that may be withdrawn."""
    world = worlds(exchange=provider.exchange())
    assert taken(await world.ask(ask(code="0")))
    later(world, provider, DAY)
    provider.held = {JWKS}
    sent = [world.send(ask(code=f"{n}")) for n in (1, 2)]
    call = await provider.asked(JWKS, 2)
    await world.settle()
    assert [form["code"] for form in provider.forms()] == ["0"]
    assert provider.urls().count(JWKS) == 2
    call.answer(200, provider.jwks())
    assert all([taken(await one.reply()) for one in sent])


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ((500, b""), "BACKEND_ERROR"),
        ((429, b""), "BACKEND_ERROR"),
        ((404, {"keys": []}), "PROVIDER_MISCONFIGURED"),
        ((200, b"<p>"), "PROVIDER_MISCONFIGURED"),
        ((200, []), "PROVIDER_MISCONFIGURED"),
        ((200, {}), "PROVIDER_MISCONFIGURED"),
        ((200, {"keys": {}}), "PROVIDER_MISCONFIGURED"),
        ((200, None), "PROVIDER_MISCONFIGURED"),
    ],
    ids=str,
)
async def test_a_key_set_that_is_none(
    answer: Callable[..., Any], provider: FakeProvider, page: tuple[Any, ...], code: str
) -> None:
    provider.pages[JWKS] = page
    reply = await answer()
    assert code_of(reply) == code
    assert "key" in error_of(reply)["message"] or "jwks_uri" in error_of(reply)["message"]
    assert provider.forms() == []


# -- claims ---------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": ISSUER + "/"}, "iss"),
    "no issuer": ({"iss": ...}, "iss"),
    "an issuer in a list": ({"iss": [ISSUER]}, "iss"),
    "another audience": ({"aud": "MARK-other"}, "aud"),
    "other audiences": ({"aud": ["MARK-other"]}, "aud"),
    "no audience": ({"aud": ...}, "aud"),
    "an empty list of audiences": ({"aud": []}, "aud"),
    "an audience that begins the same": ({"aud": CLIENT + "2"}, "aud"),
    "an audience that is an object": ({"aud": {CLIENT: 1}}, "aud"),
    "more audiences": ({"aud": [CLIENT, "MARK-other"]}, "several audiences (aud)"),
    "issued to another client": ({"azp": "MARK-other"}, "another client (azp)"),
    "issued to null": ({"azp": None}, "azp"),
    "more audiences, issued to another": ({"aud": [CLIENT, "x"], "azp": "x"}, "another client"),
    "no subject": ({"sub": ...}, "no subject (sub)"),
    "a subject that is null": ({"sub": None}, "no subject (sub)"),
    "an empty subject": ({"sub": ""}, "no subject (sub)"),
    "a subject that is a number": ({"sub": 1}, "(sub) is not a string"),
    "a subject that is zero": ({"sub": 0}, "(sub) is not a string"),
    "a subject that is too long": ({"sub": "s" * 256}, "(sub) has more than 255"),
    "a subject in two units each": ({"sub": "\U0001f600" * 128}, "(sub) has more than 255"),
    "an end in milliseconds": ({"exp": (NOW + 900) * 1000}, "exp is in milliseconds"),
    "a beginning in milliseconds": ({"iat": NOW * 1000}, "iat is in milliseconds"),
    "valid from, in milliseconds": ({"nbf": NOW * 1000}, "nbf is in milliseconds"),
    "an end beyond all years": ({"exp": 10**11}, "exp"),
    "expired": ({"exp": NOW - 60}, "exp"),
    "long expired": ({"exp": 0}, "exp"),
    "no end": ({"exp": ...}, "exp"),
    "an end that is text": ({"exp": f"{NOW + 900}"}, "exp"),
    "an end that is true": ({"exp": True}, "exp"),
    "from the future": ({"iat": NOW + 61}, "iat"),
    "no beginning": ({"iat": ...}, "iat"),
    "a beginning that is null": ({"iat": None}, "iat"),
    "not valid yet": ({"nbf": NOW + 61}, "nbf"),
    "valid from a text on": ({"nbf": "x"}, "nbf"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_claims_that_are_wrong(
    answer: Callable[..., Any], provider: FakeProvider, name: str
) -> None:
    claims, word = WRONG[name]
    provider.claims |= claims
    assert refused(await answer(), word)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"azp": CLIENT},
        {"exp": NOW - 59.9},
        {"exp": 10**11 - 1},
        {"sub": "s" * 255},
        {"sub": "\U0001f600" * 127 + "s"},
        {"nonce": None},
        {"nonce": ""},
        {"iat": NOW + 60},
        {"iat": 0},
        {"iat": NOW - 0.5},
        {"nbf": NOW + 60},
    ],
    ids=str,
)
async def test_claims_that_are_right(
    answer: Callable[..., Any], provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    provider.user["sub"] = provider.claims["sub"]
    assert taken(await answer())


async def test_a_skew_of_ones_own(answer: Callable[..., Any], provider: FakeProvider) -> None:
    provider.claims |= {"exp": NOW - 100}
    assert taken(await answer({"clock_skew_seconds": 101}))
    assert refused(await answer({"clock_skew_seconds": 100}), "clock")
    provider.claims |= {"exp": NOW, "iat": NOW}
    assert refused(await answer({"clock_skew_seconds": 0}), "exp")
    provider.claims |= {"exp": NOW + 1}
    assert taken(await answer({"clock_skew_seconds": 0}))


async def test_the_nonce_that_was_sent(answer: Callable[..., Any], provider: FakeProvider) -> None:
    provider.claims["nonce"] = NONCE
    assert taken(await answer(nonce=NONCE))
    assert provider.forms() == [FORM]


@pytest.mark.parametrize("nonce", [..., None, "", "MARK-other", NONCE + " ", [NONCE], 1])
async def test_another_nonce(
    answer: Callable[..., Any], provider: FakeProvider, nonce: Any
) -> None:
    provider.claims["nonce"] = nonce
    assert refused(await answer(nonce=NONCE), "nonce")


@pytest.mark.parametrize("nonce", ["MARK-other", 0, False, [], {}])
async def test_a_nonce_that_nobody_named(
    answer: Callable[..., Any], provider: FakeProvider, nonce: Any
) -> None:
    provider.claims["nonce"] = nonce
    assert refused(await answer(), "nonce", "AUTH.SSO named none")


# -- when and how the user authenticated (OpenID Connect Core 1.0, 3.1.3.7, 12 and 13) -------------


@pytest.mark.parametrize("auth_time", [NOW - 360, NOW - 359.5, NOW, NOW + 60])
async def test_an_authentication_that_is_recent(
    answer: Callable[..., Any], provider: FakeProvider, auth_time: float
) -> None:
    provider.claims["auth_time"] = auth_time
    assert taken(await answer({"max_age_seconds": 300}))


@pytest.mark.parametrize(
    "auth_time", [NOW - 361, NOW + 61, ..., None, "", "now", True, NOW * 1000, []]
)
async def test_an_authentication_that_is_too_old(
    answer: Callable[..., Any], provider: FakeProvider, auth_time: Any
) -> None:
    provider.claims["auth_time"] = auth_time
    assert refused(await answer({"max_age_seconds": 300}), "auth_time")
    assert taken(await answer())  # by default, nothing is asked of it


async def test_a_max_age_of_zero(answer: Callable[..., Any], provider: FakeProvider) -> None:
    """It asks for a new authentication; the skew is for clocks."""
    asked = {"max_age_seconds": 0, "clock_skew_seconds": 5}
    provider.claims["auth_time"] = NOW - 5
    assert taken(await answer(asked))
    provider.claims["auth_time"] = NOW - 6
    assert refused(await answer(asked), "auth_time")


@pytest.mark.parametrize("acr", ["urn:example:mfa", "urn:example:key"])
async def test_an_authentication_of_an_accepted_class(
    answer: Callable[..., Any], provider: FakeProvider, acr: str
) -> None:
    provider.claims["acr"] = acr
    assert taken(await answer({"acr_values": ["urn:example:mfa", "urn:example:key"]}))


@pytest.mark.parametrize(
    "acr", ["0", "urn:example:MFA", "urn:example:mfa ", "", None, ..., ["urn:example:mfa"], {}, 1]
)
async def test_an_authentication_of_another_class(
    answer: Callable[..., Any], provider: FakeProvider, acr: Any
) -> None:
    provider.claims["acr"] = acr
    assert refused(await answer({"acr_values": ["urn:example:mfa"]}), "acr")
    assert taken(await answer())


# -- the access token -----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KINDS)
async def test_at_hash(answer: Callable[..., Any], provider: FakeProvider, algorithm: str) -> None:
    provider.use(algorithm).claims["at_hash"] = at_hash(ACCESS_TOKEN, algorithm)
    assert taken(await answer())


@pytest.mark.parametrize("algorithm", KINDS)
@pytest.mark.parametrize("wrong", [None, "", 1, "other", "padded"])
async def test_an_at_hash_of_another_token(
    answer: Callable[..., Any], provider: FakeProvider, algorithm: str, wrong: Any
) -> None:
    right = at_hash(ACCESS_TOKEN, algorithm)
    value = {"other": at_hash("other", algorithm), "padded": right + "=="}.get(wrong, wrong)
    provider.use(algorithm).claims["at_hash"] = value
    assert refused(await answer(), "at_hash")
