"""The stand-in backend: refresh, revocation, passwords, and what its switches break."""

from typing import Any

import pytest
from joserfc import jwk, jwt
from pydantic import ValidationError

from host.demo.people import BY_KEY, PASSWORD
from host.demo.provider import spoken
from host.demo.trouble import Trouble
from tests.unit.demo.parties import BUS, Provider, reason_of

pytestmark = pytest.mark.anyio


async def claims_of(provider: Provider, id_token: str) -> dict[str, Any]:
    keys = jwk.KeySet.import_key_set((await provider.http.get("/.well-known/jwks.json")).json())
    return jwt.decode(id_token, keys, algorithms=["ES256"]).claims


async def test_a_refresh_gives_a_new_pair(provider: Provider, clock: Any) -> None:
    first = await provider.signed_in()
    clock.now += 600
    response = await provider.ask("/sso/refresh", {"refreshToken": first["refreshToken"]})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"credentials"}
    second = response.json()["credentials"]
    assert set(second) == {"idToken", "refreshToken"}
    assert second["refreshToken"] != first["refreshToken"]
    claims = await claims_of(provider, second["idToken"])
    before = await claims_of(provider, first["idToken"])
    assert claims == before | {"iat": before["iat"] + 600, "exp": before["exp"] + 600}


async def test_a_spent_token_is_refused_with_json(provider: Provider, clock: Any) -> None:
    first = await provider.signed_in()
    await provider.ask("/sso/refresh", {"refreshToken": first["refreshToken"]})
    clock.now += 31
    response = await provider.ask("/sso/refresh", {"refreshToken": first["refreshToken"]})
    assert response.status_code == 401
    assert reason_of(response) == "refresh_token_reused"
    assert response.headers["access-control-allow-origin"] == BUS


async def test_a_revoked_token_is_refused(provider: Provider) -> None:
    token = {"refreshToken": (await provider.signed_in())["refreshToken"]}
    for _ in range(2):  # revoking what is revoked is no error
        response = await provider.ask("/sso/revoke", token)
        assert (response.status_code, response.content) == (204, b"")
    assert (await provider.ask("/sso/refresh", token)).status_code == 401


@pytest.mark.parametrize("path", ["/sso/refresh", "/sso/revoke", "/sign-in"])
async def test_bodies_that_are_no_request(provider: Provider, path: str) -> None:
    for body in ({}, {"refreshToken": ""}, {"refreshToken": 7}, {"email": "x", "more": 1}):
        response = await provider.ask(path, body)
        assert response.status_code == 400
        assert reason_of(response) == "request_invalid"


# -- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["migrated", "legacy"])
async def test_a_password_signs_in_like_a_code(provider: Provider, person: str) -> None:
    user = BY_KEY[person].user
    response = await provider.ask(
        "/sign-in", {"email": user["email"].upper(), "password": PASSWORD}
    )
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["currentUser"] == user
    assert response.json()["company"] == BY_KEY[person].company
    credentials = response.json()["credentials"]
    by_code = await provider.signed_in(person)
    assert credentials.keys() == by_code.keys()
    if person == "migrated":
        claims = await claims_of(provider, credentials["idToken"])
        assert claims == await claims_of(provider, by_code["idToken"])
        token = {"refreshToken": credentials["refreshToken"]}
        assert (await provider.ask("/sso/refresh", token)).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nobody(
    provider: Provider,
) -> None:
    known = BY_KEY["migrated"].user["email"]
    wrong, unknown = [
        await provider.ask("/sign-in", {"email": email, "password": password})
        for email, password in ((known, "guessed"), ("nobody@blavand.example", PASSWORD))
    ]
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert "guessed" not in wrong.text


async def test_a_suspended_user_is_told_so(provider: Provider) -> None:
    email = BY_KEY["refused"].user["email"]
    response = await provider.ask("/sign-in", {"email": email, "password": PASSWORD})
    assert response.status_code == 403
    assert reason_of(response) == "account_suspended"


# -- what can be broken ---------------------------------------------------------------------------


async def test_an_overloaded_backend_says_when_to_come_back(
    provider: Provider, trouble: Trouble
) -> None:
    credentials = await provider.signed_in()
    code = (await provider.choose("migrated"))["code"]
    trouble.backend = "overloaded"
    token = {"refreshToken": credentials["refreshToken"]}
    user = {"email": BY_KEY["migrated"].user["email"], "password": PASSWORD}
    for response in (
        await provider.exchange(code),
        await provider.ask("/sign-in", user),
        await provider.ask("/sso/refresh", token),
        await provider.ask("/sso/revoke", token),
    ):
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert reason_of(response) == "overloaded"
    # Nothing was spent or revoked by that.
    trouble.backend = "answers"
    assert (await provider.ask("/sso/refresh", token)).status_code == 200
    assert (await provider.exchange(code)).status_code == 200


async def test_the_next_refresh_is_refused_and_no_other(
    provider: Provider, trouble: Trouble
) -> None:
    one, two = [{"refreshToken": (await provider.signed_in())["refreshToken"]} for _ in range(2)]
    trouble.refuseNext = True
    response = await provider.ask("/sso/refresh", one)
    assert response.status_code == 401
    assert reason_of(response) == "session_revoked"
    assert trouble.refuseNext is False
    assert (await provider.ask("/sso/refresh", two)).status_code == 200
    assert (await provider.ask("/sso/refresh", one)).status_code == 401  # it stays refused


@pytest.mark.parametrize(("clock_is", "off"), [("ahead", 3600), ("behind", -3600)])
async def test_a_wrong_clock_makes_wrong_times_and_ends_nothing(
    provider: Provider, trouble: Trouble, clock: Any, clock_is: Any, off: int
) -> None:
    first = await provider.signed_in()
    trouble.clock = clock_is
    response = await provider.ask("/sso/refresh", {"refreshToken": first["refreshToken"]})
    parts = response.json()["credentials"]["idToken"]
    trouble.clock = "right"
    claims = await claims_of(provider, parts)
    assert claims["iat"] == int(clock.now) + off
    assert claims["exp"] == claims["iat"] + 900


@pytest.mark.parametrize(
    "wrong", [{"backend": "odd"}, {"refuseNext": "yes"}, {"refuseNext": 1}, {"clock": 3600}]
)
def test_switches_that_are_none(wrong: dict[str, Any]) -> None:
    trouble = Trouble()
    for name, value in wrong.items():
        with pytest.raises(ValidationError):
            setattr(trouble, name, value)
    assert trouble == Trouble()


def test_lifetimes_in_words() -> None:
    assert [spoken(seconds) for seconds in (900, 20)] == ["15 minutes", "20 seconds"]
