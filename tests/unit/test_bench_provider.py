"""The bench's OpenID Connect provider: it gives tokens for what a sign-in began with, once."""

import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwk, jwt

from tests.bench.provider import CLIENT, KEEP_ALIVE, SCOPE, STAY, USER, Provider

pytestmark = pytest.mark.anyio

ISSUER = "https://provider.localhost"
HOST = "https://app.example.com"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BEGUN = {
    "client_id": CLIENT,
    "redirect_uri": f"{HOST}/callback",
    "scope": SCOPE,
    "state": "a state",
    "nonce": "a-nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def provider() -> Provider:
    provider = Provider()
    provider.issuer = ISSUER
    return provider


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(provider)
    headers = {"Origin": HOST}
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
        yield client


async def form(client: httpx.AsyncClient) -> dict[str, str]:
    """Return what a page asks the token endpoint with, from where the provider's page leads."""
    page = (await client.get("/authorize", params=BEGUN)).text
    (text,) = re.findall(r"replace\((\".*?\")\),", page)
    url = urlsplit(json.loads(text))
    assert f"{url.scheme}://{url.netloc}{url.path}" == BEGUN["redirect_uri"]
    answer = parse_qs(url.query)
    assert answer["state"] == [BEGUN["state"]]
    return {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": answer["code"][0],
        "redirect_uri": BEGUN["redirect_uri"],
        "code_verifier": VERIFIER,
    }


async def test_a_code_gives_tokens_with_an_id_token_that_its_keys_verify(
    provider: Provider, client: httpx.AsyncClient
) -> None:
    document: dict[str, Any] = (await client.get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == ISSUER
    tokens = (await client.post(document["token_endpoint"], data=await form(client))).json()
    assert tokens["refresh_token"]
    keys = jwk.KeySet.import_key_set((await client.get(document["jwks_uri"])).json())
    token = jwt.decode(tokens["id_token"], keys)
    assert token.header["alg"] == "RS256"
    expected = USER | {"iss": ISSUER, "aud": CLIENT, "nonce": "a-nonce"}
    assert token.claims.items() >= expected.items()
    assert provider.signed_in == 1


@pytest.mark.parametrize("name", ["client_id", "code", "redirect_uri", "code_verifier"])
async def test_what_does_not_belong_to_the_sign_in_gives_none(
    provider: Provider, client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.post("/oauth/token", data=await form(client) | {name: "another"})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
    assert provider.signed_in == 0


async def test_a_code_is_good_once(provider: Provider, client: httpx.AsyncClient) -> None:
    asked = await form(client)
    assert (await client.post("/oauth/token", data=asked)).status_code == 200
    assert (await client.post("/oauth/token", data=asked)).status_code == 400
    assert provider.signed_in == 1


async def test_every_page_may_ask_and_no_preflight_is_remembered(client: httpx.AsyncClient) -> None:
    headers = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "auth0-client",
    }
    answer = await client.options("/oauth/token", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-max-age"] == "0"
    assert answer.headers["access-control-allow-headers"] == "auth0-client"
    assert (await client.get("/keys")).headers["access-control-allow-origin"] == "*"


async def test_requests_are_counted_from_the_moment_a_user_comes(
    provider: Provider, client: httpx.AsyncClient
) -> None:
    await client.get("/keys")
    await form(client)
    await client.get("/keys")
    assert provider.asked == ["GET /authorize", "GET /keys"]


def test_a_user_stays_for_longer_than_a_connection() -> None:
    assert STAY > KEEP_ALIVE
