"""Wrong ID tokens and misconfigured providers, in a real browser: what the host's error says, and what it hides."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.support.hostile_provider import (
    CLIENT,
    KEYS,
    LOOSE,
    HostileProvider,
    hostile_provider,
)
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World

REDIRECT = "https://app.example.com/login/sso"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def hostile(world: World) -> Iterator[HostileProvider]:
    with hostile_provider(world.bus_origin) as provider:
        yield provider


def embed(tab: Tab, world: World, hostile: HostileProvider, name: str) -> Tab:
    sso = {
        "provider": "oidc",
        "issuer": hostile.issuer(name),
        "client_id": CLIENT,
        "connect_origins": [hostile.origin],
    }
    tab.goto(world.page)
    port = hostile.origin.rpartition(":")[2]  # the provider is new with each engine
    tab.run("(src) => embed({ src }).ready", world.bus(f"hostile-{name}-{port}", sso=sso))
    return tab


@pytest.fixture(scope="module")
def ask(world: World, hostile: HostileProvider, open_module_tab: Opener) -> Ask:
    tab = embed(open_module_tab(), world, hostile, "fine")
    return lambda code, **more: _ask(tab, code, **more)


def _ask(tab: Tab, code: str, **more: str) -> Any:
    payload = {"code": code, "redirectUrl": REDIRECT, "codeVerifier": "MARK-" + "v" * 43} | more
    got = tab.run("(payload) => ask(payload)", payload)
    if "fulfilled" not in got and got["meta"]["source"] == "bus":
        assert "MARK" not in str(got)
    return got


def test_the_right_token(ask: Ask, hostile: HostileProvider) -> None:
    """The same page, the same key: what the others are refused for is only what they change."""
    got = ask(hostile.plan())
    assert got["fulfilled"]["currentUser"]["sub"] == "MARK-sub"
    assert got["fulfilled"]["company"] == {}


@pytest.mark.parametrize("alg", KEYS)
def test_each_algorithm(ask: Ask, hostile: HostileProvider, alg: str) -> None:
    got = ask(hostile.plan(lambda issuer: hostile.id_token(issuer, key=alg)))
    if alg == "Ed25519" and "fulfilled" not in got:  # an engine may lack it, and says so
        assert got["code"] == "PROVIDER_MISCONFIGURED"
        assert "browser" in got["message"]
    else:
        assert got["fulfilled"]["currentUser"]["sub"] == "MARK-sub"
    wrong = ask(hostile.plan(lambda issuer: hostile.id_token(issuer, key=alg)[:-4] + "AAAA"))
    assert wrong["code"] in ("ID_TOKEN_INVALID", got.get("code"))


@pytest.mark.parametrize("alg", LOOSE)
def test_a_key_that_is_written_in_its_own_way(ask: Ask, hostile: HostileProvider, alg: str) -> None:
    """Engines insist on what RFC 7518 says; providers do not."""
    token = hostile.plan(lambda i: hostile.id_token(i, key=alg, kid=f"loose {alg}"))
    assert ask(token)["fulfilled"]["currentUser"]["sub"] == "MARK-sub"


def test_a_key_that_is_not_on_its_curve(ask: Ask, hostile: HostileProvider, engine: str) -> None:
    token = hostile.plan(lambda i: hostile.id_token(i, key="ES256", kid="off the curve"))
    got = ask(token)
    assert got["code"] == "ID_TOKEN_INVALID"
    # WebKitGTK imports a point that is not on the curve; nothing verifies with it.
    assert ("signature is wrong" if engine == "webkit" else "cannot import") in got["message"]


WRONG: dict[str, tuple[Callable[[HostileProvider], Callable[[str], str]], str]] = {
    "alg none": (lambda p: p.unsigned, "signed"),
    "a wrong key": (lambda p: lambda i: p.id_token(i, key="other"), "signature"),
    "a swapped audience": (lambda p: lambda i: p.id_token(i, aud="other"), "aud"),
    "another issuer": (lambda p: lambda i: p.id_token(i, iss=i + "/"), "iss"),
    "an expired token": (lambda p: lambda i: p.id_token(i, exp=int(time.time()) - 61), "exp"),
    "a token from the future": (lambda p: lambda i: p.id_token(i, iat=2**33, exp=2**34), "iat"),
    "another client": (lambda p: lambda i: p.id_token(i, azp="other"), "azp"),
    "another access token": (lambda p: lambda i: p.id_token(i, at_hash="AAAA"), "at_hash"),
    "another kind of token": (lambda p: lambda i: p.id_token(i, typ="at+jwt"), "typ"),
    "no JWT": (lambda p: lambda _: "MARK-token", "JWT"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token(ask: Ask, hostile: HostileProvider, name: str) -> None:
    token, word = WRONG[name]
    got = ask(hostile.plan(token(hostile)))
    assert got["code"] == "ID_TOKEN_INVALID", got
    assert word in got["message"]
    assert got["meta"] == {"source": "bus", "status": 200}


def test_a_nonce_that_auth_sso_did_not_name(ask: Ask, hostile: HostileProvider) -> None:
    got = ask(hostile.plan(lambda i: hostile.id_token(i, nonce="MARK-nonce")))
    assert got["code"] == "ID_TOKEN_INVALID"
    assert "AUTH.SSO named none" in got["message"]


@pytest.mark.parametrize("nonce", [None, "another"])
def test_a_wrong_nonce(ask: Ask, hostile: HostileProvider, nonce: str | None) -> None:
    got = ask(hostile.plan(lambda i: hostile.id_token(i, nonce=nonce)), nonce="MARK-nonce")
    assert got["code"] == "ID_TOKEN_INVALID"
    assert "nonce" in got["message"]


@pytest.mark.parametrize(
    ("tokens", "word"), [({"refresh_token": None}, "refresh token"), ({"id_token": None}, "openid")]
)
def test_a_token_that_is_missing(
    ask: Ask, hostile: HostileProvider, tokens: dict[str, None], word: str
) -> None:
    got = ask(hostile.plan(**tokens))
    assert got["code"] == "PROVIDER_MISCONFIGURED"
    assert word in got["message"]


def test_a_provider_that_wants_a_client_secret(ask: Ask, hostile: HostileProvider) -> None:
    got = ask(hostile.refuses({"error": "invalid_client"}, 401))
    assert got["code"] == "PROVIDER_MISCONFIGURED"
    assert "public client" in got["message"]


@pytest.mark.parametrize("status", [400, 200])
def test_the_providers_own_error(ask: Ask, hostile: HostileProvider, status: int) -> None:
    error = {"error": "invalid_grant", "error_description": "nope", "error_uri": "x"}
    got = ask(hostile.refuses(error, status))
    assert (got["code"], got["error"]) == ("REJECTED", error)
    assert got["meta"] == {"source": "backend", "status": status}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no-cors", ("CORS", "token endpoint")),
        ("other-issuer", ("character for character",)),
        ("elsewhere", ("token_endpoint", "https://elsewhere.example", "connect_origins")),
        ("no-pkce", ("PKCE",)),
        ("hs256", ("HS256", "RS256")),
    ],
)
def test_a_wrong_set_up(
    open_tab: Opener, world: World, hostile: HostileProvider, name: str, words: tuple[str, ...]
) -> None:
    tab = embed(open_tab(), world, hostile, name)
    code = hostile.plan()
    got = _ask(tab, code)
    assert got["code"] == "PROVIDER_MISCONFIGURED", got
    assert all(word in got["message"] for word in words)
    # Whatever it takes to find out, a code is sent at most once.
    assert [form.get("code") for form in hostile.forms].count(code) == (name == "no-cors")


def test_cors_that_errors_lack(open_tab: Opener, world: World, hostile: HostileProvider) -> None:
    """django-oauth-toolkit: the origin is allowed with tokens alone, so that no refusal can be read."""
    tab = embed(open_tab(), world, hostile, "cors-without-errors")
    assert "fulfilled" in _ask(tab, hostile.plan())
    got = _ask(tab, hostile.refuses({"error": "invalid_grant"}))
    assert got["code"] == "PROVIDER_MISCONFIGURED", got
    assert "it has refused this code" in got["message"]
    assert "CORS headers with errors as well" in got["message"]
