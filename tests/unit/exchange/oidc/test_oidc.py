"""The exchange with an OpenID Connect provider, all but the ID token's checks."""

import asyncio
import json
from collections.abc import Callable
from types import EllipsisType
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bus.exchange.choice import exchange_for
from bus.exchange.json_backend import JsonExchange
from bus.exchange.oidc import OidcExchange
from bus.ports import FetchFailed
from bus.settings import Settings
from tests.unit.fake_provider import (
    ACCESS_TOKEN,
    DISCOVERY,
    FAILED,
    FORM,
    ISSUER,
    JWKS,
    NOW,
    REFRESH_TOKEN,
    SUB,
    TOKEN,
    USERINFO,
    FakeProvider,
    ask,
)
from tests.unit.fakes import CODE, REDIRECT_URL, Call, cancel, code_of, error_of, named, sso

pytestmark = pytest.mark.anyio


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def bus(worlds: Callable[..., Any], provider: FakeProvider) -> Callable[..., Any]:
    """Makes a world whose bus exchanges codes with the provider."""
    return lambda **settings: worlds(exchange=provider.exchange(**settings))


def misconfigured(reply: dict[str, Any], *words: str) -> str:
    """The message of a PROVIDER_MISCONFIGURED, which must name what to change."""
    assert code_of(reply) == "PROVIDER_MISCONFIGURED"
    message = error_of(reply)["message"]
    assert all(word in message for word in words), message
    return message


# -- what goes out --------------------------------------------------------------------------------


async def test_what_goes_out(bus: Callable[..., Any], provider: FakeProvider) -> None:
    reply = await bus().ask(ask("1"))
    assert reply["type"] == "AUTH.SSO_FULFILLED"
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN, USERINFO]
    discovery, jwks, token, userinfo = provider.calls
    assert discovery.headers == jwks.headers == {"Accept": "application/json"}
    assert discovery.body is jwks.body is userinfo.body is None
    assert provider.forms() == [FORM]
    assert token.headers == {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert userinfo.headers == {
        "Accept": "application/json",
        "Authorization": f"Bearer {ACCESS_TOKEN}",
    }
    assert {call.limit for call in provider.calls} == {1024 * 1024}


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "HTTPS://app.example.com:443/A/../b/./c//?x=%7e&y=%7E&&=+",
        "https://app.example.com/?q=+%20'\"<>`{}|^/",
        "http://127.0.0.1:3000/cb",
    ],
)
async def test_the_redirect_url_goes_out_character_for_character(
    bus: Callable[..., Any], provider: FakeProvider, url: str
) -> None:
    assert (await bus().ask(ask(redirectUrl=url)))["type"] == "AUTH.SSO_FULFILLED"
    assert provider.forms()[0]["redirect_uri"] == url


@pytest.mark.parametrize("code", ["a+b c&d=e%", "\u2028\0\n", "\U0001f600", "c" * 4096])
async def test_the_code_goes_out_character_for_character(
    bus: Callable[..., Any], provider: FakeProvider, code: str
) -> None:
    await bus().ask(ask(code=code))
    assert provider.forms()[0]["code"] == code


async def test_more_parameters_and_headers(bus: Callable[..., Any], provider: FakeProvider) -> None:
    await bus(extra_params={"resource": "a b"}, extra_headers={"X-Tenant": "acme"}).ask(ask())
    assert provider.forms() == [FORM | {"resource": "a b"}]
    assert [call.headers.get("X-Tenant") for call in provider.calls] == [None, None, "acme", "acme"]


async def test_without_pkce_nothing_is_sent(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    assert named(await bus().ask(sso("1"))) == [["codeVerifier"]]
    assert provider.calls == []


async def test_discovery_and_keys_are_fetched_once_in_the_pages_life(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    world = bus()
    for n in range(3):
        assert (await world.ask(ask(code=f"{n}")))["type"] == "AUTH.SSO_FULFILLED"
    assert provider.urls() == [DISCOVERY, JWKS, *[TOKEN, USERINFO] * 3]


async def test_two_sign_ins_at_once_share_one_discovery(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    world = bus()
    provider.held = {DISCOVERY}
    sent = [world.send(ask(code=f"{n}")) for n in range(2)]
    await world.settle()
    [call] = provider.calls
    call.answer(200, provider.document)
    assert {(await one.reply())["type"] for one in sent} == {"AUTH.SSO_FULFILLED"}
    assert sorted(provider.urls()) == sorted([DISCOVERY, JWKS, *[TOKEN, USERINFO] * 2])


async def test_a_discovery_that_failed_is_tried_again(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    world = bus()
    provider.pages[DISCOVERY] = FAILED
    assert code_of(await world.ask(ask())) == "BACKEND_UNREACHABLE"
    provider.pages[DISCOVERY] = (503, b"")
    assert code_of(await world.ask(ask())) == "BACKEND_ERROR"
    provider.pages = {JWKS: (404, b"")}
    assert code_of(await world.ask(ask())) == "PROVIDER_MISCONFIGURED"
    provider.pages = {}
    assert (await world.ask(ask()))["type"] == "AUTH.SSO_FULFILLED"
    assert provider.forms() == [FORM]  # until all was well, the code stayed unused


async def test_a_provider_without_discovery(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    settings = {"token_endpoint": TOKEN, "jwks_uri": JWKS}
    assert (await bus(**settings, userinfo=False).ask(ask()))["type"] == "AUTH.SSO_FULFILLED"
    assert provider.urls() == [JWKS, TOKEN]
    await bus(**settings, userinfo_endpoint=USERINFO).ask(ask())
    assert provider.urls()[2:] == [JWKS, TOKEN, USERINFO]


async def test_endpoints_that_are_set_stand_in_for_those_discovered(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    other = "https://other.example/token"
    provider.pages[other] = lambda _: (200, {"id_token": provider.id_token()} | provider.tokens)
    discovery = "https://other.example/discovery"
    provider.pages[discovery] = (200, provider.document)
    await bus(token_endpoint=other, discovery_url=discovery).ask(ask())
    assert provider.urls() == [discovery, JWKS, other, USERINFO]


# -- success --------------------------------------------------------------------------------------


async def test_credentials_user_and_company(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    reply = await bus(company_claim="org").ask(ask("1"))
    assert reply == {
        "type": "AUTH.SSO_FULFILLED",
        "id": "1",
        "payload": {
            "credentials": {"idToken": provider.id_token(), "refreshToken": REFRESH_TOKEN}
            | {"idToken": reply["payload"]["credentials"]["idToken"]},
            "currentUser": provider.user,
            "company": provider.user["org"],
        },
        "meta": {"source": "backend", "status": 200},
    }


async def test_without_a_company_claim_the_company_is_empty(bus: Callable[..., Any]) -> None:
    assert (await bus().ask(ask()))["payload"]["company"] == {}


async def test_the_id_tokens_company_comes_before_userinfos(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.claims["org"] = {"name": "signed"}
    reply = await bus(company_claim="org").ask(ask())
    assert reply["payload"]["company"] == {"name": "signed"}


async def test_without_a_userinfo_endpoint_the_id_token_says_who_it_is(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    del provider.document["userinfo_endpoint"]
    reply = await bus().ask(ask())
    assert reply["payload"]["currentUser"] == provider.claims
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN]


async def test_userinfo_can_be_switched_off(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    assert (await bus(userinfo=False).ask(ask()))["payload"]["currentUser"] == provider.claims
    assert USERINFO not in provider.urls()


@pytest.mark.parametrize(
    "answer",
    [
        FAILED, (401, {"sub": SUB}), (500, b""), (200, b"ey.a.jwt"), (200, [1]), (200, None),
        (200, {}), (200, {"name": "MARK-else"}), (200, {"sub": None, "name": "MARK-else"}),
        (200, {"sub": "", "name": "MARK-else"}),
    ],
    ids=str,
)  # fmt: skip
async def test_a_userinfo_endpoint_that_is_of_no_use(
    bus: Callable[..., Any], provider: FakeProvider, answer: FetchFailed | tuple[Any, ...]
) -> None:
    provider.pages[USERINFO] = answer
    world = bus()
    assert (await world.ask(ask()))["payload"]["currentUser"] == provider.claims
    assert any("userinfo" in line for line in world.lines)


@pytest.mark.parametrize("sub", ["MARK-other", SUB + " ", SUB.lower(), 1, 0, [SUB]])
async def test_userinfo_about_somebody_else(
    bus: Callable[..., Any], provider: FakeProvider, sub: Any
) -> None:
    provider.user["sub"] = sub
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_INVALID"
    assert "another subject" in error_of(reply)["message"]


@pytest.mark.parametrize("more", [{}, {"email": None, "name": None}])
async def test_userinfo_that_says_no_more_than_whose_it_is(
    bus: Callable[..., Any], provider: FakeProvider, more: dict[str, Any]
) -> None:
    """AD FS: name and e-mail are in the ID token alone."""
    provider.user = {"sub": SUB} | more
    assert (await bus().ask(ask()))["payload"]["currentUser"] == provider.claims


@pytest.mark.parametrize("more", [{"name": ""}, {"admin": False}, {"groups": []}])
async def test_userinfo_that_says_more_is_passed_on_whole(
    bus: Callable[..., Any], provider: FakeProvider, more: dict[str, Any]
) -> None:
    provider.user = {"sub": SUB} | more
    assert (await bus().ask(ask()))["payload"]["currentUser"] == provider.user


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
async def test_a_bearer_token_by_any_case(
    bus: Callable[..., Any], provider: FakeProvider, token_type: str
) -> None:
    provider.tokens["token_type"] = token_type
    assert (await bus().ask(ask()))["payload"]["currentUser"] == provider.user


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "N_A", "Bearer "])
async def test_a_token_of_another_type_is_never_sent_as_bearer(
    bus: Callable[..., Any], provider: FakeProvider, token_type: str
) -> None:
    provider.tokens["token_type"] = token_type
    world = bus()
    assert (await world.ask(ask()))["payload"]["currentUser"] == provider.claims
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN]
    assert any("Bearer" in line for line in world.lines)


# -- the provider's no ----------------------------------------------------------------------------

REFUSALS = [
    {"error": "invalid_grant"},
    {"error": "invalid_grant", "error_description": "client secret", "error_uri": "MARK"},
    {"error": "invalid_request", "error_description": "MARK redirect_uri"},
    {"error": "unauthorized_client"},
    {"error": "unsupported_grant_type", "more": [1, None]},
    {"error": {"code": "x"}},
    None,
    "no",
    [],
]


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("error", REFUSALS, ids=repr)
async def test_the_providers_own_error_arrives_unchanged(
    bus: Callable[..., Any], provider: FakeProvider, error: Any, status: int
) -> None:
    provider.pages[TOKEN] = (status, json.dumps(error).encode())
    reply = await bus().ask(ask("1"))
    assert reply == {
        "type": "AUTH.SSO_REJECTED",
        "id": "1",
        "payload": {"error": error},
        "meta": {"source": "backend", "status": status},
    }
    assert provider.forms() == [FORM]


@pytest.mark.parametrize(
    "error",
    [
        {"error": "invalid_client"},
        {"error": "invalid_request", "error_description": "client_secret is missing."},
        {"error": "unauthorized_client", "error_description": "Invalid client credentials"},
    ],
    ids=repr,
)
async def test_a_provider_that_wants_a_client_secret(
    bus: Callable[..., Any], provider: FakeProvider, error: dict[str, str]
) -> None:
    provider.pages[TOKEN] = (401, error)
    reply = await bus().ask(ask())
    misconfigured(reply, "public client", "secret", "client_id")
    assert reply["meta"] == {"source": "bus", "status": 401}


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    "error",
    [
        {"error": "invalid_grant"},
        {"error": "bad_verification_code", "error_description": "MARK", "error_uri": "x"},
        {"error": {"code": "x"}, "access_token": None, "id_token": ""},
    ],
    ids=repr,
)
async def test_an_error_that_comes_with_success(
    bus: Callable[..., Any], provider: FakeProvider, error: dict[str, Any], status: int
) -> None:
    provider.pages[TOKEN] = (status, error)
    reply = await bus().ask(ask("1"))
    assert reply["payload"] == {"error": error}
    assert reply["meta"] == {"source": "backend", "status": status}
    assert provider.forms() == [FORM]


async def test_the_client_is_at_fault_whatever_the_status(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.pages[TOKEN] = (200, {"error": "invalid_client"})
    misconfigured(await bus().ask(ask()), "public client")


@pytest.mark.parametrize("name", ["access_token", "id_token", "refresh_token"])
async def test_an_error_that_holds_tokens_is_not_passed_on(
    bus: Callable[..., Any], provider: FakeProvider, name: str
) -> None:
    provider.pages[TOKEN] = (200, {"error": "x", name: "MARK-token"})
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_INVALID"
    assert "an error and tokens" in error_of(reply)["message"]


@pytest.mark.parametrize("absent", [None, "", False])
async def test_an_error_that_is_none(
    bus: Callable[..., Any], provider: FakeProvider, absent: bool | str | None
) -> None:
    provider.tokens["error"] = absent
    assert (await bus().ask(ask()))["type"] == "AUTH.SSO_FULFILLED"


@pytest.mark.parametrize("body", [b"", b"<p>MARK", None])
async def test_an_error_that_is_not_json(
    bus: Callable[..., Any], provider: FakeProvider, body: bytes | None
) -> None:
    provider.pages[TOKEN] = (502, body)
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_ERROR"
    assert reply["meta"]["status"] == 502


# -- what a provider may leave out, and what it must not ------------------------------------------


@pytest.mark.parametrize("token", [None, ""])
async def test_no_refresh_token(
    bus: Callable[..., Any], provider: FakeProvider, token: str | None
) -> None:
    provider.tokens["refresh_token"] = token
    reply = await bus().ask(ask())
    misconfigured(reply, "refresh token", "offline_access", "grant", 'refresh_token = "optional"')
    assert reply["meta"]["status"] == 200


@pytest.mark.parametrize("token", [None, "", ...])
async def test_no_refresh_token_where_that_is_optional(
    bus: Callable[..., Any], provider: FakeProvider, token: EllipsisType | str | None
) -> None:
    provider.tokens["refresh_token"] = token
    if token is ...:
        del provider.tokens["refresh_token"]
    provider.tokens["id_token"] = id_token = provider.id_token()
    reply = await bus(refresh_token="optional").ask(ask())
    assert reply["payload"]["credentials"] == {"idToken": id_token}


async def test_an_optional_refresh_token_that_is_there(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    reply = await bus(refresh_token="optional").ask(ask())
    assert set(reply["payload"]["credentials"]) == {"idToken", "refreshToken"}
    assert reply["payload"]["credentials"]["refreshToken"] == REFRESH_TOKEN


# -- the access token -----------------------------------------------------------------------------


async def test_the_host_gets_no_access_token_unless_it_is_wanted(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.tokens["expires_in"] = 3600
    for settings in ({}, {"access_token": False}):
        world = bus(**settings)
        sent = world.send(ask())
        reply = await sent.reply()
        assert set(reply["payload"]["credentials"]) == {"idToken", "refreshToken"}
        assert ACCESS_TOKEN not in sent.text


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(3600, 3600), (1, 1), (0.5, 0.5), ("3599", 3599), (1e300, 1e11), ("9" * 5000, 1e11)],
    ids=lambda value: str(value)[:9],
)  # fmt: skip
async def test_the_access_token_and_when_it_expires(
    bus: Callable[..., Any], provider: FakeProvider, expires_in: Any, seconds: float
) -> None:
    provider.tokens |= {"expires_in": expires_in, "id_token": provider.id_token()}
    provider.held = {USERINFO}
    world = bus(access_token=True)
    sent = world.send(ask())
    call = await provider.asked(USERINFO)
    world.clock.advance(5)  # it began to age when it arrived
    call.answer(200, provider.user)
    reply = await sent.reply()
    assert reply["payload"]["credentials"] == {
        "idToken": provider.tokens["id_token"],
        "refreshToken": REFRESH_TOKEN,
        "accessToken": ACCESS_TOKEN,
        "accessTokenExpiresAt": round((NOW + min(seconds, 1e11)) * 1000),
    }
    assert "MARK" not in str(world.lines)
    assert "expires_in" not in str(world.lines)


@pytest.mark.parametrize(
    "expires_in", [None, ..., 0, -1, True, "", "-1", "1.5", "soon", "\u0661", [3600], {}], ids=str
)
async def test_an_access_token_whose_life_is_not_said(
    bus: Callable[..., Any], provider: FakeProvider, expires_in: Any
) -> None:
    if expires_in is not ...:
        provider.tokens["expires_in"] = expires_in
    world = bus(access_token=True)
    reply = await world.ask(ask())
    assert set(reply["payload"]["credentials"]) == {"idToken", "refreshToken", "accessToken"}
    assert "does not say how long its access token lives (expires_in)" in str(world.lines)


async def test_an_access_token_that_no_host_can_use(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.tokens["token_type"] = "DPoP"
    reply = await bus(access_token=True).ask(ask())
    misconfigured(reply, "Bearer", "bus.sso.access_token = false")
    assert reply["meta"]["status"] == 200


async def test_what_access_is_asked_for(bus: Callable[..., Any], provider: FakeProvider) -> None:
    """RFC 8707, 2: one parameter for each resource."""
    resources = ["https://api.example.com/", "urn:example:b?c"]
    await bus(access_token=True, resource=resources, audience="a b").ask(ask())
    [form] = [parse_qsl(call.body) for call in provider.calls if call.url == TOKEN]
    assert sorted(form) == sorted(
        [*FORM.items(), *(("resource", each) for each in resources), ("audience", "a b")]
    )


async def test_no_id_token(bus: Callable[..., Any], provider: FakeProvider) -> None:
    provider.tokens["id_token"] = None
    misconfigured(await bus().ask(ask()), "ID token", "openid", "scope")


@pytest.mark.parametrize("absent", [None, "", ...])
@pytest.mark.parametrize("name", ["access_token", "token_type"])
async def test_what_an_answer_must_hold(
    bus: Callable[..., Any], provider: FakeProvider, name: str, absent: EllipsisType | str | None
) -> None:
    """RFC 6749, 5.1."""
    provider.tokens[name] = absent
    if absent is ...:
        del provider.tokens[name]
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_INVALID"
    assert f"no {name}" in error_of(reply)["message"]
    assert reply["meta"] == {"source": "bus", "status": 200}
    assert USERINFO not in provider.urls()


@pytest.mark.parametrize("name", ["id_token", "refresh_token", "access_token", "token_type"])
async def test_a_token_that_is_not_a_string(
    bus: Callable[..., Any], provider: FakeProvider, name: str
) -> None:
    provider.tokens[name] = 1
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_INVALID"
    assert name in error_of(reply)["message"]


@pytest.mark.parametrize("body", [b"", b"<p>MARK", [1], None])
async def test_tokens_that_are_not_an_object(
    bus: Callable[..., Any], provider: FakeProvider, body: bytes | list[int] | None
) -> None:
    provider.pages[TOKEN] = (200, body)
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_INVALID"
    assert reply["meta"] == {"source": "bus", "status": 200}


# -- no answer ------------------------------------------------------------------------------------


async def test_a_token_endpoint_without_cors(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.pages[TOKEN] = FAILED
    reply = await bus().ask(ask())
    message = misconfigured(reply, "CORS", "token endpoint", "does not tell")
    # Some send the CORS headers with tokens alone: then it was the code, and errors lack them.
    assert "refused this code" in message
    assert "CORS headers with errors as well" in message
    assert reply["meta"] == {"source": "bus"}
    # The code was sent once; the request that looked for the cause did not contain it.
    assert provider.urls() == [DISCOVERY, JWKS, TOKEN, TOKEN, JWKS]
    first, second = provider.forms()
    assert first == FORM
    assert second == {name: FORM[name] for name in ("grant_type", "client_id")}


async def test_a_connection_that_broke(bus: Callable[..., Any], provider: FakeProvider) -> None:
    answers = [FetchFailed(), (400, {"error": "invalid_request"})]
    provider.pages[TOKEN] = lambda _: answers.pop(0)
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert "token endpoint" in error_of(reply)["message"]
    assert reply["meta"] == {"source": "bus"}


async def test_a_provider_that_is_down_by_now(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    def down(_: Call) -> FetchFailed:
        provider.pages[JWKS] = FetchFailed()
        return FetchFailed()

    provider.pages[TOKEN] = down
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert "CORS" in error_of(reply)["message"]


async def test_an_answer_that_breaks_off(bus: Callable[..., Any], provider: FakeProvider) -> None:
    provider.held = {TOKEN}
    world = bus()
    sent = world.send(ask())
    call = await provider.asked(TOKEN)
    call.send_head(200)
    call.fail()
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert reply["meta"] == {"source": "bus", "status": 200}
    assert provider.forms() == [FORM]


@pytest.mark.parametrize("url", [DISCOVERY, JWKS])
async def test_what_cannot_be_fetched_may_lack_cors(
    bus: Callable[..., Any], provider: FakeProvider, url: str
) -> None:
    provider.pages[url] = FAILED
    reply = await bus().ask(ask())
    assert code_of(reply) == "BACKEND_UNREACHABLE"
    assert "CORS" in error_of(reply)["message"]
    assert reply["meta"] == {"source": "bus"}
    assert provider.forms() == []


@pytest.mark.parametrize("url", [DISCOVERY, JWKS, TOKEN, USERINFO])
async def test_one_time_limit_for_everything(
    bus: Callable[..., Any], provider: FakeProvider, quick_looks: Any, url: str
) -> None:
    provider.held = {url}
    world = bus()
    sent = world.send(ask())
    call = await provider.asked(url)
    world.clock.advance(15)
    reply = await sent.reply()
    assert code_of(reply) == "BACKEND_TIMEOUT"
    assert reply["meta"] == {"source": "bus"} | ({"status": 200} if url == USERINFO else {})
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_cancelling_aborts_what_is_under_way(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    provider.held = {JWKS}
    world = bus()
    sent = world.send(ask("1"))
    call = await provider.asked(JWKS)
    await world.ask(cancel("1"))
    assert code_of(await sent.reply()) == "CANCELLED"
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_the_values_stay_where_they_belong(
    bus: Callable[..., Any], provider: FakeProvider
) -> None:
    """What a host gets to see of an error holds no part of the token, encoded or not."""
    provider.claims["aud"] = "other"
    world = bus()
    sent = world.send(ask("1", nonce="MARK-nonce"))
    reply = await sent.reply()
    assert code_of(reply) == "ID_TOKEN_INVALID"
    tokens = json.dumps([provider.id_token(), CODE, REDIRECT_URL, SUB])
    words = [word for word in sent.text.replace('"', " ").split() if len(word) > 12]
    assert not [word for word in words if word in tokens]


# -- the choice -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sso_settings", "kind", "nonce"),
    [
        ({"exchange_url": "https://api.example.com/"}, JsonExchange, False),
        ({"provider": "oidc", "issuer": ISSUER, "client_id": "crm"}, OidcExchange, True),
    ],
)
def test_the_settings_choose_the_exchange(
    sso_settings: dict[str, str], kind: type[Any], nonce: bool
) -> None:
    settings = Settings.model_validate(
        {
            "allowed_origins": ["https://app.example.com"],
            "request_timeout_seconds": 7,
            "sso": sso_settings,
        }
    )
    none: Any = None  # nothing is asked
    exchange = exchange_for(settings, fetch=none, verify=none, now=none, log=none)
    assert isinstance(exchange, kind)
    assert exchange.timeout_seconds == 7
    assert exchange.uses_nonce == nonce
