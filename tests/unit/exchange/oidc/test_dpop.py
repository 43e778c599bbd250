"""Proofs of possession (DPoP, RFC 9449): what goes out, nonces, and what a provider must do."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwk, jws

from bus.errors import BusError, Rejected
from bus.exchange.choice import backend_for, exchange_for, proofs_for
from bus.exchange.oidc.dpop import Proofs
from bus.exchange.oidc.session import OidcSession
from bus.ports import FetchFailed
from bus.session.backend import Bound, Failed, Fresh
from bus.session.record import Maker
from bus.settings import Settings
from tests.unit.fake_provider import (
    ACCESS_TOKEN,
    CLIENT,
    DISCOVERY,
    FAILED,
    FORM,
    ISSUER,
    JWKS,
    NOW,
    REFRESH_TOKEN,
    TOKEN,
    USERINFO,
    FakeProvider,
    ask,
)
from tests.unit.fakes import Call, FakeClock, FakeKey, base64url, code_of, error_of

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("dpop", ["refresh-token", "all"])
REVOKE = ISSUER + "/revoke"
WANTED = {"error": "use_dpop_nonce"}
READABLE = {"DPoP-Nonce": "nonce-1"}
CHALLENGE = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce", error_description="nonce"'}


@pytest.fixture
def provider() -> FakeProvider:
    provider = FakeProvider()
    provider.tokens["token_type"] = "DPoP"
    return provider


@pytest.fixture
def bus(worlds: Callable[..., Any], provider: FakeProvider) -> Callable[..., Any]:
    return lambda dpop="all", **more: worlds(exchange=provider.exchange(dpop=dpop, **more))


def proof_in(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of the proof in a request, whose signature is verified first."""
    text = call.headers["DPoP"]
    header = jws.extract_compact(text.encode()).headers()
    key = jwk.ECKey.import_key(header["jwk"])
    assert not key.is_private
    claims = jws.deserialize_compact(text, key, algorithms=["ES256"]).payload
    return header, json.loads(claims)


def calls_to(provider: FakeProvider, url: str) -> list[Call]:
    return [call for call in provider.calls if call.url == url]


def once(answer: tuple[int, Any], shown: dict[str, str]) -> Callable[[Call], Any]:
    """Answer the first request so, with these readable headers; the next ones as without it."""
    asked: list[Call] = []

    def page(call: Call) -> Any:
        asked.append(call)
        if len(asked) > 1:
            return ...
        call.shown = shown
        return answer

    return page


def then(provider: FakeProvider, url: str, answer: tuple[int, Any], shown: dict[str, str]) -> None:
    """Let the first request to `url` be answered so, and all later ones well."""
    page = once(answer, shown)

    def both(call: Call) -> Any:
        got = page(call)
        if got is not ...:
            return got
        if url == TOKEN:
            return 200, {"id_token": provider.id_token()} | provider.tokens
        return 200, provider.user

    provider.pages[url] = both


# -- what goes out --------------------------------------------------------------------------------


async def test_what_a_proof_holds(bus: Callable[..., Any], provider: FakeProvider) -> None:
    reply = await bus().ask(ask())
    assert reply["payload"]["currentUser"] == provider.user
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN, USERINFO]
    [key] = provider.keys
    token, userinfo = (proof_in(call) for call in provider.calls[2:])
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": json.loads(key.jwk)}
    assert token == (header, {"jti": "jti-1", "htm": "POST", "htu": TOKEN, "iat": NOW})
    ath = base64url(sha256(ACCESS_TOKEN.encode()).digest())
    claims = {"jti": "jti-2", "htm": "GET", "htu": USERINFO, "iat": NOW, "ath": ath}
    assert userinfo == (header, claims)
    assert provider.calls[3].headers["Authorization"] == f"DPoP {ACCESS_TOKEN}"
    assert provider.forms() == [FORM]
    for call in provider.calls[:2]:
        assert "DPoP" not in call.headers


async def test_the_example_of_the_standard() -> None:
    """RFC 9449, 7.1: the access token and the `ath` that the figures show."""
    provider, clock = FakeProvider(), FakeClock()
    proofs = provider.proofs(clock)
    url = "https://resource.example.org/protectedresource"
    provider.pages[url] = (200, b"")
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    await proofs.ask(provider, FakeKey(), url, headers={}, body=None, heads=[], access_token=token)
    _, claims = proof_in(provider.calls[0])
    assert claims["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    assert (claims["htm"], claims["htu"]) == ("GET", url)


async def test_the_address_in_a_proof_has_no_query_and_no_fragment() -> None:
    provider, clock = FakeProvider(), FakeClock()
    proofs = provider.proofs(clock)
    url = f"{TOKEN}?tenant=1"
    provider.pages[url] = (200, b"")
    await proofs.ask(provider, FakeKey(), url, headers={}, body="", heads=[])
    assert proof_in(provider.calls[0])[1]["htu"] == TOKEN


async def test_each_sign_in_has_a_key_of_its_own_and_each_proof_an_identifier(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    world = bus()
    for code in ("1", "2"):
        await world.ask(ask(code=code))
    proofs = [proof_in(call) for call in provider.calls if "DPoP" in call.headers]
    assert [json.loads(key.jwk) for key in provider.keys] == [
        proofs[0][0]["jwk"],
        proofs[2][0]["jwk"],
    ]
    assert len(provider.keys) == 2
    assert len({claims["jti"] for _, claims in proofs}) == 4


async def test_off(worlds: Callable[..., Any], provider: FakeProvider) -> None:
    provider.tokens["token_type"] = "Bearer"
    del provider.document["dpop_signing_alg_values_supported"]
    reply = await worlds(exchange=provider.exchange()).ask(ask())
    assert reply["type"] == "AUTH.SSO_FULFILLED"
    assert provider.keys == []
    assert not [call for call in provider.calls if "DPoP" in call.headers]


@pytest.mark.parametrize("ahead", [-300, 0, 45])
async def test_the_second_proof_goes_by_the_providers_clock(
    bus: Callable[..., Any], provider: FakeProvider, ahead: int
) -> None:
    provider.claims |= {"iat": NOW + ahead, "exp": NOW + ahead + 900}
    await bus().ask(ask())
    token, userinfo = (proof_in(call)[1]["iat"] for call in provider.calls[2:])
    assert (token, userinfo) == (NOW, NOW + ahead)


# -- what the provider binds ----------------------------------------------------------------------


async def test_all_means_that_the_access_token_is_bound(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.tokens["token_type"] = "Bearer"
    reply = await bus("all").ask(ask())
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert "token_type" in error_of(reply)["message"]
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN]


async def test_where_the_refresh_token_alone_is_bound_the_access_token_is_a_bearers(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.tokens["token_type"] = "Bearer"
    reply = await bus("refresh-token").ask(ask())
    assert reply["payload"]["currentUser"] == provider.user
    userinfo = provider.calls[-1]
    assert userinfo.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert "DPoP" not in userinfo.headers


@pytest.mark.parametrize("token_type", ["DPoP", "dpop", "DPOP"])
async def test_a_bound_access_token_is_used_with_a_proof(
    bus: Callable[..., Any], provider: FakeProvider, token_type: str
) -> None:
    provider.tokens["token_type"] = token_type
    await bus("refresh-token").ask(ask())
    assert provider.calls[-1].headers["Authorization"] == f"DPoP {ACCESS_TOKEN}"
    assert "ath" in proof_in(provider.calls[-1])[1]


async def test_a_token_of_a_third_type_is_not_used(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.tokens["token_type"] = "mac"
    world = bus("refresh-token")
    assert (await world.ask(ask()))["payload"]["currentUser"] == provider.claims
    assert USERINFO not in provider.urls()


@BOTH
@pytest.mark.parametrize("announced", [None, "ES256", [], ["RS256"], [["ES256"]]])
async def test_a_provider_that_announces_none_is_refused_before_the_code_is_sent(
    bus: Callable[..., Any], provider: FakeProvider, dpop: str, announced: object
) -> None:
    provider.document["dpop_signing_alg_values_supported"] = announced
    reply = await bus(dpop).ask(ask())
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert "dpop_signing_alg_values_supported" in error_of(reply)["message"]
    assert provider.urls() == [DISCOVERY]


async def test_a_browser_that_makes_no_keys(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.supported.clear()
    reply = await bus().ask(ask())
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert "secure context" in error_of(reply)["message"]
    assert provider.urls() == [DISCOVERY, JWKS]


# -- nonces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401])
async def test_the_token_endpoint_wants_a_nonce(
    bus: Callable[..., Any], provider: FakeProvider, status: int
) -> None:
    then(provider, TOKEN, (status, WANTED), READABLE)
    world = bus()
    assert (await world.ask(ask()))["type"] == "AUTH.SSO_FULFILLED"
    first, second = (proof_in(call)[1] for call in calls_to(provider, TOKEN))
    assert "nonce" not in first
    assert second["nonce"] == "nonce-1"
    assert first["jti"] != second["jti"]
    assert provider.forms() == [FORM, FORM]
    # It is remembered, for this server alone.
    await world.ask(ask(code="2"))
    assert [proof_in(call)[1].get("nonce") for call in calls_to(provider, TOKEN)] == [
        None,
        "nonce-1",
        "nonce-1",
    ]


async def test_each_server_has_its_own_nonce(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    elsewhere = "https://api.example.net/userinfo"
    provider.document["userinfo_endpoint"] = elsewhere
    provider.pages[elsewhere] = (200, provider.user)
    then(provider, TOKEN, (400, WANTED), READABLE)
    await bus().ask(ask())
    assert "nonce" not in proof_in(calls_to(provider, elsewhere)[0])[1]


async def test_a_good_answer_may_bring_the_next_nonce(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    answer = (200, {"id_token": provider.id_token()} | provider.tokens)
    then(provider, TOKEN, answer, {"DPoP-Nonce": "nonce-2"})
    await bus().ask(ask())
    assert len(calls_to(provider, TOKEN)) == 1
    assert proof_in(calls_to(provider, USERINFO)[0])[1]["nonce"] == "nonce-2"


async def test_once_more_and_not_again(bus: Callable[..., Any], provider: FakeProvider) -> None:
    def page(call: Call) -> Any:
        call.shown = {"DPoP-Nonce": f"nonce-{len(provider.calls)}"}
        return 400, WANTED

    provider.pages[TOKEN] = page
    reply = await bus().ask(ask())
    assert error_of(reply) == WANTED  # the provider's own
    assert len(calls_to(provider, TOKEN)) == 2


async def test_a_nonce_that_cannot_be_read(bus: Callable[..., Any], provider: FakeProvider) -> None:
    provider.pages[TOKEN] = (400, WANTED)
    reply = await bus().ask(ask())
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert "Access-Control-Expose-Headers: DPoP-Nonce" in error_of(reply)["message"]
    assert reply["meta"]["status"] == 400
    assert len(calls_to(provider, TOKEN)) == 1


@pytest.mark.parametrize(("status", "error"), [(400, "invalid_dpop_proof"), (401, "invalid_grant")])
async def test_another_error_is_no_call_for_a_nonce(
    bus: Callable[..., Any], provider: FakeProvider, status: int, error: str
) -> None:
    """A code is not sent twice for that, though a new nonce comes with it."""
    then(provider, TOKEN, (status, {"error": error}), READABLE)
    assert error_of(await bus().ask(ask())) == {"error": error}
    assert len(calls_to(provider, TOKEN)) == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", READABLE | CHALLENGE),
        (b"", READABLE),  # where only the nonce is exposed
        (WANTED, READABLE),
        ([], READABLE | CHALLENGE),
    ],
)
async def test_the_userinfo_endpoint_wants_a_nonce(
    bus: Callable[..., Any], provider: FakeProvider, body: object, shown: dict[str, str]
) -> None:
    then(provider, USERINFO, (401, body), shown)
    reply = await bus().ask(ask())
    assert reply["payload"]["currentUser"] == provider.user
    first, second = (proof_in(call)[1] for call in calls_to(provider, USERINFO))
    assert (first.get("nonce"), second["nonce"]) == (None, "nonce-1")
    assert first["ath"] == second["ath"]


@pytest.mark.parametrize(
    "shown",
    [{}, CHALLENGE, READABLE | {"WWW-Authenticate": 'DPoP error="invalid_token"'}],
    ids=["nothing", "no nonce", "another error"],
)
async def test_a_userinfo_endpoint_that_cannot_be_satisfied(
    bus: Callable[..., Any], provider: FakeProvider, shown: dict[str, str]
) -> None:
    def page(call: Call) -> Any:
        call.shown = shown
        return 401, b""

    provider.pages[USERINFO] = page
    world = bus()
    # The code is used up, and the ID token says who it is.
    assert (await world.ask(ask()))["payload"]["currentUser"] == provider.claims
    assert len(calls_to(provider, USERINFO)) == 1
    assert any("Access-Control-Expose-Headers: DPoP-Nonce" in line for line in world.lines)


async def test_a_connection_that_breaks_between_the_two(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    def page(call: Call) -> Any:
        if "code=" not in (call.body or ""):
            return 400, {"error": "invalid_request"}
        if len(calls_to(provider, TOKEN)) == 1:
            call.shown = READABLE
            return 400, WANTED
        return FetchFailed()

    provider.pages[TOKEN] = page
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert "before an answer came" in error_of(reply)["message"]
    assert "status" not in reply["meta"]


# -- where no answer can be read ------------------------------------------------------------------


async def test_a_preflight_that_does_not_allow_proofs(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.pages[TOKEN] = lambda call: (
        FetchFailed() if "DPoP" in call.headers else (400, {"error": "invalid_request"})
    )
    reply = await bus().ask(ask())
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    assert "Access-Control-Allow-Headers: dpop" in error_of(reply)["message"]
    codes = ["code" in form for form in provider.forms()]
    assert codes == [True, False, False]


@pytest.mark.parametrize(
    ("keys", "code"), [((200, {"keys": []}), "PROVIDER_MISCONFIGURED"), (FAILED, "BACKEND_")]
)
async def test_a_provider_that_cannot_be_read_at_all(
    bus: Callable[..., Any], provider: FakeProvider, keys: object, code: str
) -> None:
    def token(_: Call) -> Any:
        provider.pages[JWKS] = keys
        return FetchFailed()

    provider.pages[TOKEN] = token
    reply = await bus().ask(ask())
    assert code_of(reply).startswith(code)
    assert "Allow-Headers" not in error_of(reply)["message"]


# -- refresh --------------------------------------------------------------------------------------


class Place:
    """A session's backend with a key."""

    def __init__(self, provider: FakeProvider, dpop: str = "all") -> None:
        self.provider = provider
        self.clock = FakeClock()
        self.key = FakeKey()
        provider.document["revocation_endpoint"] = REVOKE
        provider.pages[REVOKE] = (200, b"")
        table = {
            "allowed_origins": ["https://app.example.com"],
            "sso": {"provider": "oidc", "issuer": ISSUER, "client_id": CLIENT, "dpop": dpop},
            "session": {},
        }
        settings = Settings.model_validate(table)
        proofs = proofs_for(settings, make=provider.make_key, now=self.clock, new_id=lambda: "jti")
        assert isinstance(proofs, Proofs)
        backend = backend_for(
            settings,
            fetch=provider,
            verify=provider.verify,
            now=self.clock,
            log=print,
            proofs=proofs,
        )
        assert isinstance(backend, OidcSession)
        self.backend = backend

    async def refresh(self, ahead: float = 0) -> Fresh | Failed:
        return await self.backend.refresh(
            "MARK-used", id_token=self.provider.id_token(), bound=Bound(self.key, ahead)
        )


@BOTH
async def test_a_refresh_has_a_proof_with_the_sessions_key(
    provider: FakeProvider, dpop: str
) -> None:
    place = Place(provider, dpop)
    got = await place.refresh(ahead=-90.5)
    assert isinstance(got, Fresh)
    assert got.refresh_token == REFRESH_TOKEN
    assert got.error is None
    [call] = calls_to(provider, TOKEN)
    header, claims = proof_in(call)
    assert header["jwk"] == json.loads(place.key.jwk)
    assert claims == {"jti": "jti", "htm": "POST", "htu": TOKEN, "iat": NOW - 91}
    assert provider.keys == []


async def test_a_refresh_for_which_a_nonce_is_wanted(provider: FakeProvider) -> None:
    then(provider, TOKEN, (400, WANTED), READABLE)
    got = await Place(provider).refresh()
    assert isinstance(got, Fresh)
    assert got.id_token
    assert [form["refresh_token"] for form in provider.forms()] == ["MARK-used"] * 2


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ((400, WANTED), "PROVIDER_MISCONFIGURED"),
        ((400, {"error": "invalid_dpop_proof"}), "invalid_dpop_proof"),
    ],
)
async def test_a_refresh_that_a_proof_keeps_from_succeeding_ends_nothing(
    provider: FakeProvider, page: Any, code: str
) -> None:
    provider.pages[TOKEN] = page
    got = await Place(provider).refresh()
    assert isinstance(got, Failed)
    assert not got.refused
    if isinstance(got.error, BusError):
        assert got.error.code == code
    else:
        assert isinstance(got.error, Rejected)
        assert got.error.error == {"error": code}


async def test_a_refresh_after_a_clock_was_corrected(provider: FakeProvider) -> None:
    """The session still knows the difference from before: one proof goes by it, the other does not."""
    place, ahead = Place(provider), 0

    def page(call: Call) -> Any:
        if abs(proof_in(call)[1]["iat"] - NOW - ahead) > 60:
            return 400, {"error": "invalid_dpop_proof"}
        return 200, {"id_token": provider.id_token()} | provider.tokens

    provider.pages[TOKEN] = page

    async def times() -> list[int]:
        before = len(calls_to(provider, TOKEN))
        assert isinstance(await place.refresh(ahead=-600), Fresh)
        return [proof_in(call)[1]["iat"] - NOW for call in calls_to(provider, TOKEN)[before:]]

    assert await times() == [-600, 0]
    assert await times() == [0]
    ahead = -600  # the other way round
    assert await times() == [0, -600]
    assert await times() == [-600]


async def test_a_proof_that_is_refused_in_any_case_is_sent_twice_and_no_more(
    provider: FakeProvider,
) -> None:
    provider.pages[TOKEN] = (400, {"error": "invalid_dpop_proof"})
    assert isinstance(await Place(provider).refresh(ahead=-600), Failed)
    assert len(calls_to(provider, TOKEN)) == 2


async def test_a_refreshed_access_token_must_be_bound_too(provider: FakeProvider) -> None:
    provider.tokens["token_type"] = "Bearer"
    got = await Place(provider).refresh()
    assert isinstance(got, Fresh)
    assert got.refresh_token == REFRESH_TOKEN  # the one before may be used up
    assert got.error is not None
    assert got.error.code == "PROVIDER_MISCONFIGURED"


async def test_a_revocation_needs_no_proof(provider: FakeProvider) -> None:
    """RFC 9449 wants none there, and the header would need a preflight."""
    place = Place(provider)
    assert await place.backend.revoke("MARK-used")
    [call] = calls_to(provider, REVOKE)
    assert "DPoP" not in call.headers


def test_a_session_with_a_key_is_none_without_and_the_other_way_round(
    provider: FakeProvider,
) -> None:
    maker = Maker(provider="oidc-dpop", issuer=ISSUER, client_id=CLIENT)
    assert Place(provider, "all").backend.maker == maker
    assert Place(provider, "refresh-token").backend.maker == maker


def test_proofs_are_made_where_the_settings_say_so(provider: FakeProvider) -> None:
    def made(sso: dict[str, Any]) -> Proofs | None:
        table = {"allowed_origins": ["https://app.example.com"], "sso": sso, "session": {}}
        if sso["provider"] == "json":
            table["session"] = {"refresh_url": "https://api.example.com/refresh"}
        settings = Settings.model_validate(table)
        return proofs_for(settings, make=provider.make_key, now=FakeClock(), new_id=lambda: "")

    oidc = {"provider": "oidc", "issuer": ISSUER, "client_id": CLIENT}
    assert made({"provider": "json", "exchange_url": "https://api.example.com/sso"}) is None
    assert made(oidc) is None
    assert made(oidc | {"dpop": "off"}) is None
    proofs = made(oidc | {"dpop": "all"})
    assert proofs is not None
    settings = Settings.model_validate(
        {
            "allowed_origins": ["https://app.example.com"],
            "sso": oidc | {"dpop": "all"},
            "session": {},
        }
    )
    exchange = exchange_for(
        settings,
        fetch=provider,
        verify=provider.verify,
        now=FakeClock(),
        log=print,
        proofs=proofs,
    )
    assert exchange.proofs is proofs  # type: ignore[attr-defined]
