"""Refresh, revocation and logout with an OpenID Connect provider (protocol.md, "The session")."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bus.errors import BusError, Rejected
from bus.exchange.choice import backend_for
from bus.exchange.oidc.session import OidcSession
from bus.session.backend import Failed, Fresh
from bus.session.record import Maker
from bus.settings import Settings
from tests.unit.fake_provider import (
    ACCESS_TOKEN,
    CLIENT,
    DISCOVERY,
    FAILED,
    ISSUER,
    JWKS,
    NOW,
    REFRESH_TOKEN,
    SUB,
    TOKEN,
    USERINFO,
    FakeProvider,
    at_hash,
)
from tests.unit.fakes import FakeClock

pytestmark = pytest.mark.anyio

REVOKE = ISSUER + "/revoke"
LOGOUT = ISSUER + "/logout"
NONCE = "MARK-nonce"
USED = "MARK-used"
"""The refresh token before."""
GRANT = {"grant_type": "refresh_token", "refresh_token": USED, "client_id": CLIENT}


class Place:
    """A session's backend, the provider that it asks, and what it says."""

    def __init__(self) -> None:
        self.provider = FakeProvider()
        self.provider.document |= {"revocation_endpoint": REVOKE, "end_session_endpoint": LOGOUT}
        self.provider.pages[REVOKE] = (200, b"")
        self.provider.claims |= {"nonce": NONCE, "auth_time": NOW - 5}
        self.clock = FakeClock()
        self.lines: list[str] = []
        self.before = self.provider.id_token()
        """Of the sign-in; the provider's next ones are as much younger as its clock has gone on."""

    def made(self, session: dict[str, Any] | None = None, **sso: Any) -> OidcSession:
        settings = Settings.model_validate(
            {
                "allowed_origins": ["https://app.example.com"],
                "sso": {"provider": "oidc", "issuer": ISSUER, "client_id": CLIENT} | sso,
                "session": session or {},
            }
        )
        backend = backend_for(
            settings,
            fetch=self.provider,
            verify=self.provider.verify,
            now=self.clock,
            log=self.lines.append,
        )
        assert isinstance(backend, OidcSession)
        return backend

    def later(self, seconds: float = 800) -> None:
        """Let time go by, for both."""
        self.clock.advance(seconds)
        for name in ("iat", "exp"):
            self.provider.claims[name] += int(seconds)

    async def refresh(self, **sso: Any) -> Fresh | Failed:
        got = await self.made(**sso).refresh(USED, id_token=self.before)
        assert "MARK" not in str(self.lines)
        return got

    async def refused(self, *words: str) -> None:
        """Refresh; the new ID token is refused, and all else stays."""
        got = await self.refresh()
        assert isinstance(got, Fresh)
        assert (got.refresh_token, got.id_token, got.other_user) == (REFRESH_TOKEN, "", False)
        invalid(got.error, "ID_TOKEN_INVALID", *words)

    def revocations(self) -> list[dict[str, str]]:
        return [
            dict(parse_qsl(call.body or "")) for call in self.provider.calls if call.url == REVOKE
        ]


def invalid(error: Any, code: str, *words: str) -> BusError:
    assert isinstance(error, BusError)
    assert error.code == code, error
    assert all(word in error.message for word in words), error.message
    assert "MARK" not in error.message
    return error


def failed(got: Fresh | Failed, code: str, *words: str) -> BusError:
    assert isinstance(got, Failed)
    assert not got.refused
    return invalid(got.error, code, *words)


@pytest.fixture
def place() -> Place:
    return Place()


def test_what_sessions_are_made_by(place: Place) -> None:
    assert place.made().maker == Maker(provider="oidc", issuer=ISSUER, client_id=CLIENT)


# -- refresh --------------------------------------------------------------------------------------


async def test_a_refresh(place: Place) -> None:
    place.later()
    place.provider.tokens["id_token"] = token = place.provider.id_token()
    got = await place.refresh()
    assert got == Fresh(refresh_token=REFRESH_TOKEN, id_token=token)
    assert "MARK" not in repr(got)
    assert token not in repr(got)
    # The user stays as the sign-in found them, so nobody is asked who it is.
    assert place.provider.urls() == [DISCOVERY, JWKS, TOKEN]
    assert place.provider.forms() == [GRANT]


async def test_more_parameters_and_headers(place: Place) -> None:
    await place.refresh(extra_params={"resource": "a b"}, extra_headers={"X-Tenant": "acme"})
    assert place.provider.forms() == [GRANT | {"resource": "a b"}]
    assert place.provider.calls[-1].headers["X-Tenant"] == "acme"


async def test_the_access_token_and_when_it_expires(place: Place) -> None:
    place.later()
    place.provider.tokens["expires_in"] = 3600
    got = await place.refresh(access_token=True, resource="https://api.example.com/", audience="a")
    assert isinstance(got, Fresh)
    assert got.access_token == ACCESS_TOKEN
    assert got.access_token_expires_at == (NOW + 800 + 3600) * 1000
    assert got.error is None
    assert place.provider.forms() == [
        GRANT | {"resource": "https://api.example.com/", "audience": "a"}
    ]
    assert "MARK" not in repr(got)
    assert place.made(access_token=True).access_tokens
    assert not place.made().access_tokens


async def test_an_access_token_whose_life_is_not_said(place: Place) -> None:
    got = await place.refresh(access_token=True)
    assert isinstance(got, Fresh)
    assert (got.access_token, got.access_token_expires_at) == (ACCESS_TOKEN, 0)


async def test_an_access_token_that_no_host_can_use(place: Place) -> None:
    place.provider.tokens["token_type"] = "mac"
    got = await place.refresh(access_token=True)
    assert isinstance(got, Fresh)
    assert (got.refresh_token, got.id_token) == (REFRESH_TOKEN, "")
    invalid(got.error, "PROVIDER_MISCONFIGURED", "Bearer")
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert got.id_token
    assert got.access_token == ""


async def test_discovery_and_keys_are_fetched_once(place: Place) -> None:
    backend = place.made()
    for _ in range(3):
        assert isinstance(await backend.refresh(USED, id_token=place.before), Fresh)
    assert place.provider.urls() == [DISCOVERY, JWKS, *[TOKEN] * 3]


async def test_without_a_new_refresh_token_the_old_one_stays(place: Place) -> None:
    del place.provider.tokens["refresh_token"]
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert (got.refresh_token, got.error) == ("", None)
    assert got.id_token


async def test_without_an_id_token(place: Place) -> None:
    place.provider.tokens["id_token"] = ""
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert (got.refresh_token, got.id_token) == (REFRESH_TOKEN, "")
    error = invalid(got.error, "PROVIDER_MISCONFIGURED", "ID token", "refresh_token grant")
    assert error.status == 200
    del place.provider.tokens["refresh_token"]
    assert failed(await place.refresh(), "PROVIDER_MISCONFIGURED", "ID token").status == 200


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
async def test_a_definite_refusal(place: Place, status: int) -> None:
    place.provider.pages[TOKEN] = (status, {"error": "invalid_grant", "more": "MARK"})
    got = await place.refresh()
    assert isinstance(got, Failed)
    assert got.refused
    assert isinstance(got.error, Rejected)


@pytest.mark.parametrize(
    "error",
    [
        {"error": "invalid_request"},
        {"error": "temporarily_unavailable"},
        {"error": ["invalid_grant"]},
        {"error_description": "invalid_grant"},
        ["invalid_grant"],
        "invalid_grant",
        b"null",
    ],
    ids=str,
)
async def test_other_errors_of_the_provider_end_nothing(place: Place, error: Any) -> None:
    place.provider.pages[TOKEN] = (400, error)
    got = await place.refresh()
    assert isinstance(got, Failed)
    assert not got.refused
    assert isinstance(got.error, Rejected)


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ((400, {"error": "invalid_client"}), "PROVIDER_MISCONFIGURED"),
        ((400, b"<p>MARK"), "BACKEND_ERROR"),
        ((502, b""), "BACKEND_ERROR"),
        ((200, b"<p>MARK"), "BACKEND_INVALID"),
        ((200, [1]), "BACKEND_INVALID"),
        ((200, None), "BACKEND_INVALID"),
        ((200, {"access_token": "MARK", "refresh_token": 1}), "BACKEND_INVALID"),
        ((200, {"access_token": "MARK", "refresh_token": ""}), "BACKEND_INVALID"),
    ],
    ids=str,
)
async def test_what_is_no_answer_ends_nothing(place: Place, page: Any, code: str) -> None:
    place.provider.pages[TOKEN] = page
    assert failed(await place.refresh(), code).status == page[0]


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": ...},
        {"token_type": None},
        {"id_token": 7},
        {"error": "invalid_grant"},
    ],
    ids=str,
)
async def test_a_refresh_token_that_can_be_read_is_kept(
    place: Place, answer: dict[str, Any]
) -> None:
    whole = {"id_token": place.before} | place.provider.tokens | answer
    page = {name: value for name, value in whole.items() if value is not ...}
    place.provider.pages[TOKEN] = (200, page)
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert (got.refresh_token, got.id_token) == (REFRESH_TOKEN, "")
    assert invalid(got.error, "BACKEND_INVALID").status == 200


async def test_retry_after(place: Place) -> None:
    backend = place.made()
    place.provider.held = {TOKEN}
    for n, page in enumerate([(429, b""), (400, b'{"error":"slow_down"}')], start=1):
        refreshing = asyncio.ensure_future(backend.refresh(USED, id_token=place.before))
        call = await place.provider.asked(TOKEN, n)
        call.send_head(page[0], retry_after="120")
        call.send_body(page[1])
        got = await refreshing
        assert isinstance(got, Failed)
        assert got.retry_after_seconds == 120


@pytest.mark.parametrize("url", [DISCOVERY, JWKS])
async def test_where_the_provider_cannot_be_asked_the_token_is_not_used(
    place: Place, url: str
) -> None:
    place.provider.pages[url] = FAILED
    failed(await place.refresh(), "BACKEND_UNREACHABLE")
    assert place.provider.forms() == []


async def test_a_refusal_that_cannot_be_read_is_said_to_be_one(place: Place) -> None:
    place.provider.pages[TOKEN] = FAILED
    failed(await place.refresh(), "PROVIDER_MISCONFIGURED", "refresh token (used", "CORS")
    # Asked once more to find out why, but never with the token.
    assert place.provider.forms() == [GRANT, {"grant_type": "refresh_token", "client_id": CLIENT}]


async def test_the_time_limit(place: Place, quick_looks: Any) -> None:
    place.provider.held = {TOKEN}
    refreshing = asyncio.ensure_future(place.refresh())
    call = await place.provider.asked(TOKEN)
    place.clock.advance(15)
    failed(await refreshing, "BACKEND_TIMEOUT")
    await asyncio.wait_for(call.gone.wait(), 5)


async def test_a_token_that_has_arrived_is_kept_when_the_time_is_up(
    place: Place, quick_looks: Any
) -> None:
    backend = place.made()
    await backend.refresh(USED, id_token=place.before)
    place.provider.use("ES256", "2")  # under a new kid: the keys are fetched again
    place.provider.held = {JWKS}
    place.later(61)
    refreshing = asyncio.ensure_future(backend.refresh(USED, id_token=place.before))
    await place.provider.asked(JWKS, 2)
    place.clock.advance(15)
    got = await refreshing
    assert isinstance(got, Fresh)
    assert got.refresh_token == REFRESH_TOKEN
    assert got.id_token == ""
    invalid(got.error, "BACKEND_TIMEOUT")


async def test_keys_that_were_rotated(place: Place) -> None:
    backend = place.made()
    for name in ("1", "2"):
        place.provider.use("ES256", name)
        got = await backend.refresh(USED, id_token=place.before)
        assert isinstance(got, Fresh)
        assert got.id_token
        assert got.error is None
    assert place.provider.urls() == [DISCOVERY, JWKS, TOKEN, TOKEN, JWKS]


async def test_a_session_of_days(place: Place) -> None:
    """Keys that were rotated are found at once; one that is withdrawn is refused a day later."""
    backend = place.made()
    for day in range(5):
        place.provider.use("ES256", f"{day // 2}")
        for _ in range(3):
            got = await backend.refresh(USED, id_token=place.before)
            assert isinstance(got, Fresh)
            assert got.error is None
            place.later(86_400 / 3)
    # Five days: a look on each, and one more where a new key was used first.
    assert place.provider.urls().count(JWKS) == 5
    place.provider.published = []
    place.later(86_400)
    got = await backend.refresh(USED, id_token=place.before)
    assert isinstance(got, Fresh)
    invalid(got.error, "ID_TOKEN_INVALID", "does not publish")


# -- the new ID token (OpenID Connect Core 1.0, 12.2) ---------------------------------------------


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"exp": NOW - 61}, "exp"),
        ({"iat": NOW + 61}, "iat"),
        ({"iat": NOW - 61}, "older"),
        ({"aud": "another"}, "aud"),
        ({"aud": [CLIENT, "more"], "azp": CLIENT}, "not that of the token before"),
        ({"aud": [CLIENT, {}], "azp": CLIENT}, "not that of the token before"),
        ({"azp": "another"}, "azp"),
        ({"sub": ...}, "sub"),
        ({"sub": None}, "sub"),
        ({"iss": None}, "iss"),
        ({"auth_time": NOW}, "auth_time"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": 1}, "nonce"),
        ({"at_hash": at_hash("another", "ES256")}, "at_hash"),
    ],
    ids=str,
)
async def test_id_tokens_that_do_not_go_on_with_the_sign_in(
    place: Place, claims: dict[str, Any], word: str
) -> None:
    place.provider.claims |= claims
    await place.refused(word)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"nonce": ...},
        {"nonce": None},
        {"nonce": ""},
        {"auth_time": ...},
        {"auth_time": None},
        {"auth_time": NOW - 5.0},
        {"aud": [CLIENT]},
        {"azp": CLIENT},
        {"iat": NOW - 60},
        {"iat": NOW + 60},
        {"email": "MARK-another"},
    ],
    ids=str,
)
async def test_id_tokens_that_go_on_with_it(place: Place, claims: dict[str, Any]) -> None:
    place.provider.claims |= claims
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert got.error is None
    assert got.id_token


async def test_when_and_how_the_user_authenticated_is_checked_at_the_sign_in_alone(
    place: Place,
) -> None:
    """A refreshed token names the time of the sign-in, and need not say how it was."""
    place.later(86_400)
    got = await place.refresh(max_age_seconds=60, acr_values=["urn:example:mfa"])
    assert isinstance(got, Fresh)
    assert got.id_token


async def test_several_audiences_stay_what_they_were(place: Place) -> None:
    place.provider.claims |= {"aud": [CLIENT, "more"], "azp": CLIENT}
    place.before = place.provider.id_token()
    place.provider.claims["aud"] = ["more", CLIENT]
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert got.id_token
    place.provider.claims["aud"] = CLIENT
    await place.refused("aud")


async def test_a_sign_in_without_a_nonce_gets_none_later(place: Place) -> None:
    place.provider.claims["nonce"] = ...
    place.before = place.provider.id_token()
    assert isinstance(await place.refresh(), Fresh)
    place.provider.claims["nonce"] = NONCE
    await place.refused("nonce")


@pytest.mark.parametrize("before", ["", "a.b", "a.b.c", "MARK-opaque", "e30.e30.", "e30.W10.c"])
async def test_a_token_before_that_holds_nothing(place: Place, before: str) -> None:
    """A stored record may be anything: what it lacks is not compared, and nothing breaks."""
    place.before = before
    await place.refused("nonce")
    place.provider.claims["nonce"] = ...
    got = await place.refresh()
    assert isinstance(got, Fresh)
    assert got.id_token


async def test_a_token_before_that_holds_odd_claims(place: Place) -> None:
    good = dict(place.provider.claims)
    place.provider.claims |= {"iat": "x", "auth_time": {}, "sub": SUB}
    place.before = place.provider.id_token()
    place.provider.claims = good
    await place.refused("auth_time")


@pytest.mark.parametrize("claims", [{"sub": "MARK-another"}, {"iss": "https://other.example"}])
async def test_another_user(place: Place, claims: dict[str, str]) -> None:
    place.provider.claims |= claims
    assert await place.refresh() == Fresh(refresh_token=REFRESH_TOKEN, other_user=True)


async def test_another_user_is_believed_only_with_the_providers_signature(place: Place) -> None:
    place.provider.claims |= {"sub": "MARK-another"}
    place.provider.published = [place.provider.use("ES256", "2").public(kid="1")]
    place.provider.use("ES256", "1")
    await place.refused("signature")


# -- revocation -----------------------------------------------------------------------------------


async def test_revocation(place: Place) -> None:
    assert await place.made(extra_headers={"X-Tenant": "acme"}).revoke(USED)
    assert place.revocations() == [
        {"client_id": CLIENT, "token": USED, "token_type_hint": "refresh_token"}
    ]
    assert place.provider.urls() == [DISCOVERY, REVOKE]
    call = place.provider.calls[-1]
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert call.headers["X-Tenant"] == "acme"
    assert place.lines == []


@pytest.mark.parametrize("absent", [..., None, ""])
async def test_a_provider_that_revokes_nowhere(place: Place, absent: Any) -> None:
    place.provider.document["revocation_endpoint"] = absent
    if absent is ...:
        del place.provider.document["revocation_endpoint"]
    assert await place.made().revoke(USED)
    assert place.revocations() == []


async def test_the_revocation_endpoint_in_the_settings(place: Place) -> None:
    elsewhere = "https://id.example.com/elsewhere"
    place.provider.pages[elsewhere] = (204, b"")
    assert await place.made(revocation_endpoint=elsewhere).revoke(USED)
    assert place.provider.urls() == [DISCOVERY, elsewhere]


@pytest.mark.parametrize("page", [(400, {"error": "x"}), (503, b""), (500, None)], ids=str)
async def test_a_revocation_that_fails(place: Place, page: Any) -> None:
    place.provider.pages[REVOKE] = page
    assert not await place.made().revoke(USED)


@pytest.mark.parametrize(("status", "done"), [(200, True), (500, False)])
async def test_an_answer_that_breaks_off(place: Place, status: int, done: bool) -> None:
    place.provider.held = {REVOKE}
    revoking = asyncio.ensure_future(place.made().revoke(USED))
    call = await place.provider.asked(REVOKE)
    call.send_head(status)
    call.fail()
    assert await revoking == done


async def test_a_revocation_endpoint_without_cors_is_said_once(place: Place) -> None:
    place.provider.pages[REVOKE] = FAILED
    backend = place.made()
    assert not await backend.revoke(USED)
    assert not await backend.revoke(USED)
    [line] = place.lines
    assert line.startswith("session: ")
    assert "revocation endpoint" in line
    assert "CORS" in line
    assert "MARK" not in line
    # Each was still sent: a browser posts a form without a preflight.
    assert len(place.revocations()) == 2


async def test_a_provider_out_of_reach_is_not_said_to_lack_cors(place: Place) -> None:
    place.provider.pages[REVOKE] = FAILED
    place.provider.pages[JWKS] = FAILED
    assert not await place.made().revoke(USED)
    assert "key set could not be fetched" in place.lines[0]
    place.provider.pages[DISCOVERY] = FAILED
    assert not await place.made().revoke(USED)
    assert len(place.revocations()) == 1


async def test_a_revocation_endpoint_that_the_bus_may_not_reach(place: Place) -> None:
    place.provider.document["revocation_endpoint"] = "https://elsewhere.example/x"
    backend = place.made(connect_origins=["https://id.example.com", "https://keys.example.net"])
    assert not await backend.revoke(USED)
    assert "revocation_endpoint" in place.lines[0]
    assert "connect_origins" in place.lines[0]
    # It keeps nobody from signing in or being refreshed.
    assert isinstance(await backend.refresh(USED, id_token=place.before), Fresh)


async def test_the_time_limit_of_a_revocation(place: Place, quick_looks: Any) -> None:
    place.provider.held = {REVOKE}
    revoking = asyncio.ensure_future(place.made().revoke(USED))
    call = await place.provider.asked(REVOKE)
    place.clock.advance(15)
    assert not await revoking
    await asyncio.wait_for(call.gone.wait(), 5)


# -- logout ---------------------------------------------------------------------------------------

BACK = "https://app.example.com/bye?x=1&y=%20"


async def test_the_logout_url(place: Place) -> None:
    assert await place.made().logout_url() == f"{LOGOUT}?client_id={CLIENT}"
    session = {"post_logout_redirect_uri": BACK}
    url = await place.made(session, client_id="a b&c").logout_url()
    path, query = url.split("?")
    assert path == LOGOUT
    assert parse_qsl(query) == [("client_id", "a b&c"), ("post_logout_redirect_uri", BACK)]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (f"{LOGOUT}?p=x", f"{LOGOUT}?p=x&client_id={CLIENT}"),
        (f"{LOGOUT}/", f"{LOGOUT}/?client_id={CLIENT}"),
        ("http://localhost:9/out", f"http://localhost:9/out?client_id={CLIENT}"),
        ("https://elsewhere.example/out", f"https://elsewhere.example/out?client_id={CLIENT}"),
        ("", ""),
        (None, ""),
    ],
)
async def test_where_it_leads(place: Place, endpoint: Any, url: str) -> None:
    place.provider.document["end_session_endpoint"] = endpoint
    # The browser goes there, the bus does not: it need not be among what the bus may reach.
    listed = ["https://id.example.com", "https://keys.example.net"]
    assert await place.made(connect_origins=listed).logout_url() == url
    assert place.lines == []


async def test_the_end_session_endpoint_in_the_settings(place: Place) -> None:
    backend = place.made(end_session_endpoint="https://a.example/out")
    assert await backend.logout_url() == f"https://a.example/out?client_id={CLIENT}"


@pytest.mark.parametrize("endpoint", ["http://id.example.com/", "javascript:alert(1)", 1, [LOGOUT]])
async def test_an_end_session_endpoint_that_cannot_be_one(place: Place, endpoint: Any) -> None:
    place.provider.document["end_session_endpoint"] = endpoint
    backend = place.made()
    assert await backend.logout_url() == ""
    assert await backend.logout_url() == ""
    [line] = place.lines
    assert "end_session_endpoint" in line


async def test_no_logout_url_where_the_provider_is_out_of_reach(
    place: Place, quick_looks: Any
) -> None:
    place.provider.pages[DISCOVERY] = FAILED
    assert await place.made().logout_url() == ""
    del place.provider.pages[DISCOVERY]
    place.provider.held = {DISCOVERY}
    looking = asyncio.ensure_future(place.made().logout_url())
    await place.provider.asked(DISCOVERY, 2)
    place.clock.advance(15)
    assert await looking == ""


async def test_nothing_is_discovered_where_all_endpoints_are_set(place: Place) -> None:
    backend = place.made(token_endpoint=TOKEN, jwks_uri=JWKS, userinfo_endpoint=USERINFO)
    assert isinstance(await backend.refresh(USED, id_token=place.before), Fresh)
    assert await backend.revoke(USED)
    assert await backend.logout_url() == ""
    assert place.provider.urls() == [JWKS, TOKEN]
