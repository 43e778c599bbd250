import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from joserfc import jwk, jwt

from host.demo.people import BY_KEY
from tests.unit.demo.parties import BUS, CALLBACK, ISSUER, VERIFIER, Provider, answer_of, reason_of

pytestmark = pytest.mark.anyio


async def test_the_login_page_offers_everybody(provider: Provider) -> None:
    page = await provider.http.get(f"/authorize?{provider.query()}")
    assert page.status_code == 200
    assert set(re.findall(r'name="person" value="(\w+)"', page.text)) == {*BY_KEY, "cancel"}
    assert "stand-in" in page.text.lower()
    for person in BY_KEY.values():
        assert person.outcome.format(life="15 minutes") in page.text


async def test_the_login_page_runs_nothing_and_cannot_be_framed(provider: Provider) -> None:
    page = await provider.http.get(f"/authorize?{provider.query()}")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://localhost:8000" in policy
    assert "<script" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_the_login_page_escapes_what_it_was_asked_with(provider: Provider) -> None:
    page = await provider.http.get(f"/authorize?{provider.query(state='<i>&quot;')}")
    assert page.status_code == 200
    assert "<i>" not in page.text


async def test_a_choice_goes_back_with_code_state_and_issuer(provider: Provider) -> None:
    answer = await provider.choose("migrated")
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "st4te"
    assert answer["iss"] == ISSUER


async def test_without_state_none_comes_back(provider: Provider) -> None:
    assert set(await provider.choose("migrated", state=None)) == {"code", "iss"}


async def test_cancelling_goes_back_with_an_error(provider: Provider) -> None:
    answer = await provider.choose("cancel")
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st4te"
    assert "code" not in answer


async def test_nobody_chosen_shows_the_page_again(provider: Provider) -> None:
    response = await provider.http.post(f"/authorize?{provider.query()}", data={"person": "nobody"})
    assert response.status_code == 200
    assert "Choose who signs in" in response.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "stranger"},
        {"client_id": "other"},  # known, but this redirect address is not its own
        {"redirect_uri": None},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK.replace("8000", "8003")},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_address_that_is_not_registered_is_never_redirected_to(
    provider: Provider, method: str, changes: dict[str, Any]
) -> None:
    response = await provider.http.request(
        method,
        f"/authorize?{provider.query(**changes)}",
        data={"person": "migrated"} if method == "POST" else None,
    )
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "evil.example" not in response.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": VERIFIER}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),  # would mean "plain"
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_other_mistakes_go_back_to_the_client(
    provider: Provider, changes: dict[str, Any], error: str
) -> None:
    answer = answer_of(await provider.http.get(f"/authorize?{provider.query(**changes)}"))
    assert answer["error"] == error
    assert answer["state"] == "st4te"
    assert answer["iss"] == ISSUER


@pytest.mark.parametrize("name", ["state", "response_type", "code_challenge"])
async def test_a_repeated_parameter_goes_back_to_the_client(provider: Provider, name: str) -> None:
    response = await provider.http.get(f"/authorize?{provider.query()}&{name}=again")
    answer = answer_of(response)
    assert answer["error"] == "invalid_request"
    assert answer.get("state") == (None if name == "state" else "st4te")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_address_or_client_goes_nowhere(provider: Provider, name: str) -> None:
    good = dict(parse_qsl(provider.query()))[name]
    for query in (
        f"{provider.query()}&{name}=again",
        f"{name}=again&{provider.query()}",
        urlencode([(name, good)]) + f"&{provider.query()}",
    ):
        response = await provider.http.get(f"/authorize?{query}")
        assert response.status_code == 400
        assert "location" not in response.headers


@pytest.mark.parametrize("state", ["line\nbreak", "é", "x" * 1025])
async def test_a_state_outside_the_standard_is_refused(provider: Provider, state: str) -> None:
    answer = answer_of(await provider.http.get(f"/authorize?{provider.query(state=state)}"))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


async def test_a_migrated_user_gets_a_signed_id_token(provider: Provider, clock: Any) -> None:
    answer = await provider.choose("migrated")
    response = await provider.exchange(answer["code"])
    assert response.status_code == 200
    assert set(response.json()) == {"credentials", "currentUser", "company"}
    credentials = response.json()["credentials"]
    assert set(credentials) == {"idToken", "refreshToken"}

    keys = jwk.KeySet.import_key_set((await provider.http.get("/.well-known/jwks.json")).json())
    token = jwt.decode(credentials["idToken"], keys, algorithms=["ES256"])
    person = BY_KEY["migrated"]
    assert token.claims == {
        "iss": ISSUER,
        "sub": person.user["id"],
        "aud": "demo-host",
        "iat": int(clock.now),
        "exp": int(clock.now) + 900,
        "name": person.user["name"],
        "email": person.user["email"],
    }
    assert response.json()["currentUser"] == person.user
    assert response.json()["company"] == person.company


async def test_the_published_keys_are_public_ones(provider: Provider) -> None:
    [key] = (await provider.http.get("/.well-known/jwks.json")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_a_legacy_user_gets_one_token(provider: Provider) -> None:
    answer = await provider.choose("legacy")
    response = await provider.exchange(answer["code"])
    assert set(response.json()["credentials"]) == {"legacy_token"}


async def test_secrets_are_new_each_time(provider: Provider) -> None:
    tokens = set()
    for _ in range(3):
        answer = await provider.choose("migrated")
        tokens.add((await provider.exchange(answer["code"])).json()["credentials"]["refreshToken"])
    assert len(tokens) == 3


async def test_a_refused_user_s_error_is_the_backend_s_own(provider: Provider) -> None:
    response = await provider.exchange((await provider.choose("refused"))["code"])
    assert response.status_code == 403
    assert reason_of(response) == "account_suspended"


async def test_an_expired_code(provider: Provider) -> None:
    response = await provider.exchange((await provider.choose("expired"))["code"])
    assert response.status_code == 400
    assert reason_of(response) == "code_expired"


async def test_a_code_that_was_not_used_for_a_minute(provider: Provider, clock: Any) -> None:
    answer = await provider.choose("migrated")
    clock.now += 60
    assert reason_of(await provider.exchange(answer["code"])) == "code_expired"


async def test_a_slow_backend_answers_after_three_seconds(provider: Provider, clock: Any) -> None:
    response = await provider.exchange((await provider.choose("slow"))["code"])
    assert clock.slept == [3.0]
    assert response.status_code == 200


async def test_a_code_works_once(provider: Provider) -> None:
    answer = await provider.choose("migrated")
    assert (await provider.exchange(answer["code"])).status_code == 200
    assert reason_of(await provider.exchange(answer["code"])) == "code_used"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"redirectUrl": "http://localhost:8000/other"}, "redirect_url_mismatch"),
        ({"codeVerifier": None}, "code_verifier_missing"),
        ({"codeVerifier": VERIFIER[::-1]}, "code_verifier_mismatch"),
        ({"codeVerifier": "short"}, "request_invalid"),
        ({"code": ""}, "request_invalid"),
        ({"code": 7}, "request_invalid"),
        ({"redirectUrl": None}, "request_invalid"),
        ({"nonce": "n"}, "request_invalid"),
    ],
)
async def test_exchanges_that_are_refused(
    provider: Provider, changes: dict[str, Any], reason: str
) -> None:
    answer = await provider.choose("migrated")
    response = await provider.exchange(**{"code": answer["code"]} | changes)
    assert response.status_code == 400
    assert reason_of(response) == reason
    assert answer["code"] not in response.text


@pytest.mark.parametrize(
    ("content", "content_type", "status", "reason"),
    [
        (b"{", "application/json", 400, "request_invalid"),
        (b"[" * 20_000, "application/json", 400, "request_invalid"),
        (b"\xff", "application/json", 400, "request_invalid"),
        (b"{}", "text/plain", 415, "content_type"),
        (b"{}", "application/x-www-form-urlencoded", 415, "content_type"),
        (b" " * 65_537, "application/json", 413, "request_too_large"),
    ],
)
async def test_bodies_that_are_no_request(
    provider: Provider, content: bytes, content_type: str, status: int, reason: str
) -> None:
    response = await provider.http.post(
        "/sso/exchange", content=content, headers={"Content-Type": content_type, "Origin": BUS}
    )
    assert response.status_code == status
    assert reason_of(response) == reason
    assert response.headers["access-control-allow-origin"] == BUS


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


PATHS = ["/sso/exchange", "/sso/refresh", "/sso/revoke", "/sign-in"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_bus_may_ask_from_another_origin(provider: Provider, path: str) -> None:
    preflight = await provider.http.options(path, headers=PREFLIGHT | {"Origin": BUS})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == BUS
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in preflight.headers
    response = await provider.ask(path, {})
    assert response.headers["access-control-allow-origin"] == BUS
    assert response.headers["access-control-expose-headers"] == "Retry-After"


@pytest.mark.parametrize(
    "origin", ["http://localhost:8000", "null", BUS + ".evil.example", BUS + "/"]
)
@pytest.mark.parametrize("path", PATHS)
async def test_nobody_else_may(provider: Provider, path: str, origin: str) -> None:
    preflight = await provider.http.options(path, headers=PREFLIGHT | {"Origin": origin})
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers


async def test_credentials_are_not_cached(provider: Provider) -> None:
    response = await provider.exchange((await provider.choose("migrated"))["code"])
    assert response.headers["cache-control"] == "no-store"


async def test_the_front_page_says_what_this_is(provider: Provider) -> None:
    page = await provider.http.get("/")
    assert page.status_code == 200
    assert "stand-in" in page.text.lower()
