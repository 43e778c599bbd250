"""A provider that a bus can use, and the row for each kind of fault."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from bus.errors import misconfigured
from bus.exchange.oidc.discovery import endpoints_in
from bus.settings.oidc import OidcSso
from host.tools.check.oidc import check_provider
from host.tools.check.report import Part
from tests.unit.fake_provider import key_of
from tests.unit.tools.check.site import BUS, Page, Site, asker, levels, row, rows, site

KEY = key_of("ES256").as_dict(private=False, kid="1", use="sig", alg="ES256")
DOCUMENT = {
    "issuer": "ORIGIN",
    "token_endpoint": "ORIGIN/token",
    "jwks_uri": "ORIGIN/keys",
    "userinfo_endpoint": "ORIGIN/me",
    "revocation_endpoint": "ORIGIN/revoke",
    "end_session_endpoint": "ORIGIN/logout",
    "code_challenge_methods_supported": ["S256"],
    "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
    "dpop_signing_alg_values_supported": ["ES256"],
}
WELL_KNOWN = "GET /.well-known/openid-configuration"
REFUSAL = Page(400, {"error": "invalid_request"})
PAGES = {
    WELL_KNOWN: Page(200, DOCUMENT),
    "POST /token": REFUSAL,
    "GET /keys": Page(200, {"keys": [KEY]}),
    "OPTIONS /me": Page(204, headers={"Access-Control-Allow-Headers": "Authorization, X-Tenant"}),
    "GET /me": Page(401, {"error": "invalid_token"}),
    "POST /revoke": REFUSAL,
}


def check(server: Site, bus: str | None = BUS, *, session: bool = True, **sso: Any) -> list[Part]:
    settings = {"provider": "oidc", "issuer": server.origin, "client_id": "crm"} | sso
    return check_provider(OidcSso.model_validate(settings), asker(), bus, session=session)


def checked(changes: dict[str, Any], **sso: Any) -> list[Part]:
    with site() as server:
        server.pages |= PAGES | changes
        return check(server, **sso)


def document(**changes: Any) -> dict[str, Any]:
    return {WELL_KNOWN: Page(200, DOCUMENT | changes)}


def test_a_provider_without_a_fault() -> None:
    parts = checked({})
    assert levels(parts) == []
    assert [part.title.partition(":")[0] for part in parts] == [
        "Discovery document", "Token endpoint", "Keys", "Userinfo endpoint", "Revocation endpoint",
    ]  # fmt: skip
    assert row(parts, "algorithms").found.startswith("ID tokens may be signed with RS256, ES256, ")
    assert row(parts, "keys").found == "usable for ES256"
    assert row(parts, "DPoP").found.startswith("offered, with ES256")
    assert "invalid_request, without a code" in rows(parts, "answer")[1].found


def test_it_is_asked_as_the_bus_asks_and_gets_nothing_secret() -> None:
    with site() as server:
        server.pages |= PAGES
        access: dict[str, Any] = {
            "access_token": True,
            "resource": ["urn:a", "urn:b"],
            "audience": "c",
        }
        check(server, extra_params={"tenant": "acme"}, **access)
    assert [f"{seen.method} {seen.path}" for seen in server.seen] == list(PAGES)
    for seen in server.seen:
        assert seen.headers["origin"] == BUS
        assert not {"authorization", "cookie", "dpop"} & seen.headers.keys()
        form = parse_qs(seen.body)
        assert (
            not {"code", "code_verifier", "token", "refresh_token", "client_secret"} & form.keys()
        )
    assert parse_qs(server.seen[1].body) == {
        "client_id": ["crm"], "grant_type": ["authorization_code"], "tenant": ["acme"],
        "resource": ["urn:a", "urn:b"], "audience": ["c"],
    }  # fmt: skip


def test_a_provider_without_refresh_tokens() -> None:
    without = document(grant_types_supported=["authorization_code"])
    parts = checked(without, refresh_token="optional")
    assert levels(parts) == []
    assert "sessions end with their tokens" in row(parts, "grants").found
    assert 'refresh_token = "optional"' in row(checked(without), "grants").change
    assert "are offered" in row(checked({}, refresh_token="optional"), "grants").found


def test_without_the_bus_nothing_is_said_of_cors() -> None:
    with site() as server:
        server.pages |= PAGES
        parts = check(server, None)
    assert levels(parts) == []
    assert not rows(parts, "CORS")
    assert not rows(parts, "preflight")
    assert not any("origin" in seen.headers for seen in server.seen)


def test_headers_of_ones_own_need_a_preflight() -> None:
    headers = {"extra_headers": {"X-Tenant": "acme"}}
    allowed = Page(204, headers={"Access-Control-Allow-Headers": "x-tenant"})
    good = {"OPTIONS /token": allowed, "OPTIONS /revoke": allowed}
    assert levels(checked(good, **headers)) == []
    wrong = checked(good | {"OPTIONS /token": Page(204)}, **headers)
    assert "preflight: warning" in levels(checked(good | {"OPTIONS /revoke": Page(204)}, **headers))
    assert levels(wrong) == ["preflight: error"]
    assert "x-tenant" in rows(wrong, "preflight")[0].change


DPOP_ALLOWED = {
    f"OPTIONS {path}": Page(204, headers={"Access-Control-Allow-Headers": "DPoP, Authorization"})
    for path in ("/token", "/me")
}


@pytest.mark.parametrize("dpop", ["refresh-token", "all"])
def test_proofs_need_a_preflight(dpop: str) -> None:
    parts = checked(DPOP_ALLOWED, dpop=dpop)
    assert levels(parts) == []
    assert "must be bound" in row(parts, "DPoP").found
    [token, userinfo] = [each.found for each in rows(parts, "preflight")]
    assert token == "POST is allowed, with dpop"
    assert userinfo == "GET is allowed, with authorization, dpop"
    for path, level in (("/token", "error"), ("/me", "warning")):
        refused = Page(204, headers={"Access-Control-Allow-Headers": "Authorization"})
        parts = checked(DPOP_ALLOWED | {f"OPTIONS {path}": refused}, dpop=dpop)
        assert levels(parts) == [f"preflight: {level}"]


@pytest.mark.parametrize("announced", [None, [], ["RS256"]])
def test_a_provider_that_takes_no_proofs(announced: object) -> None:
    without = document(dpop_signing_alg_values_supported=announced)
    parts = checked(DPOP_ALLOWED | without, dpop="all")
    assert levels(parts) == ["DPoP: error"]
    assert "dpop_signing_alg_values_supported" in row(parts, "DPoP").found
    parts = checked(DPOP_ALLOWED | without)
    assert levels(parts) == []


@pytest.mark.parametrize(
    ("exposed", "problems"),
    [
        (None, ["nonce: error"]),
        ("ETag, WWW-Authenticate", ["nonce: error"]),
        ("ETag, dpop-nonce", []),
        ("*", []),
    ],
)
def test_nonces_must_be_readable(exposed: str | None, problems: list[str]) -> None:
    headers = {"DPoP-Nonce": "1", "Access-Control-Expose-Headers": exposed}
    shown = {name: value for name, value in headers.items() if value}
    page = {"POST /token": Page(400, {"error": "use_dpop_nonce"}, headers=shown)}
    parts = checked(DPOP_ALLOWED | page, dpop="all")
    assert levels(parts) == problems
    with site() as server:
        server.pages |= PAGES | page
        assert not rows(check(server, None), "nonce")


@pytest.mark.parametrize(
    ("changes", "what", "level", "words"),
    [
        (document(issuer="https://x.example"), "issuer", "error", "'https://x.example'"),
        (document(code_challenge_methods_supported=["plain"]), "PKCE", "error", "PKCE with S256"),
        (document(code_challenge_methods_supported=None), "PKCE", "warning", "has no code_"),
        (document(id_token_signing_alg_values_supported=["HS256"]), "algorithms", "error", "HS256"),
        (document(id_token_signing_alg_values_supported=[]), "algorithms", "warning", "has no"),
        (document(token_endpoint=None), "endpoints", "error", "has no token_endpoint"),
        (document(jwks_uri="http://x.example/"), "endpoints", "error", "jwks_uri"),
        (document(userinfo_endpoint=7), "endpoints", "error", "userinfo_endpoint"),
        (document(revocation_endpoint="http://x.example"), "revocation", "error", "must be https"),
        (document(end_session_endpoint="/logout"), "logout", "error", "end_session_endpoint"),
        (document(grant_types_supported=["implicit"]), "grants", "error", "authorization_code"),
        (document(grant_types_supported=["authorization_code"]), "grants", "warning", "refresh_"),
        (document(scopes_supported=["openid", "email"]), "scopes", "warning", "profile, offline_"),
        ({WELL_KNOWN: Page(404)}, "answer", "error", "status 404"),
        ({WELL_KNOWN: Page(503)}, "answer", "error", "status 503"),
        ({WELL_KNOWN: Page(200, b"<p>")}, "answer", "error", "not a JSON object"),
        ({WELL_KNOWN: Page(200, DOCUMENT, cors=None)}, "CORS", "error", "has no Access-Control-"),
        ({WELL_KNOWN: Page(301, headers={"Location": "/x"})}, "answer", "error", "a redirect to"),
        ({"POST /token": Page(400, {"error": "x"}, cors=None)}, "CORS", "error", "has no Access-"),
        ({"POST /token": Page(401, {"error": "invalid_client"})}, "answer", "error", "public client"),
        ({"POST /token": Page(404)}, "answer", "error", "status 404"),
        ({"POST /token": Page(200, {})}, "answer", "warning", "status 200"),
        ({"GET /keys": Page(200, {"keys": []})}, "keys", "error", "none can be used"),
        ({"GET /keys": Page(200, {"keys": [KEY | {"x": "!"}]})}, "keys", "error", "x is not base64"),
        (document(id_token_signing_alg_values_supported=["RS256"]), "keys", "error", "for RS256"),
        ({"GET /keys": Page(404)}, "answer", "error", "jwks_uri"),
        ({"GET /keys": Page(200, {"keys": [KEY]}, cors=None)}, "CORS", "error", "has no Access-"),
        ({"OPTIONS /me": Page(204)}, "preflight", "warning", "authorization"),
        ({"GET /me": Page(404)}, "answer", "warning", "status 404"),
        ({"GET /me": Page(401, cors="https://x.example")}, "CORS", "warning", "allows https://x"),
        ({"POST /revoke": Page(404)}, "answer", "warning", "status 404"),
        ({"POST /revoke": Page(400, cors=None)}, "CORS", "warning", "has no Access-Control-"),
    ],
)  # fmt: skip
def test_each_fault_is_named(changes: dict[str, Any], what: str, level: str, words: str) -> None:
    parts = checked(changes)
    assert levels(parts) == [f"{what}: {level}"]
    [found] = [each for each in rows(parts, what) if each.level == level]
    assert words in found.found


def test_one_fault_in_the_document_does_not_hide_those_of_its_endpoints() -> None:
    no_cors = {"POST /token": Page(400, {"error": "x"}, cors=None)}
    for wrong in ({"issuer": "https://x.example"}, {"code_challenge_methods_supported": ["plain"]}):
        assert levels(checked(document(**wrong) | no_cors))[1:] == ["CORS: error"]


def test_what_a_provider_does_not_say_is_no_fault() -> None:
    names = ("grant_types_supported", "scopes_supported", "dpop_signing_alg_values_supported")
    parts = checked(document(**dict.fromkeys(names)))
    assert levels(parts) == []
    assert row(parts, "DPoP").found.startswith("not announced")


def test_endpoints_that_a_provider_does_not_have() -> None:
    names = ("userinfo_endpoint", "revocation_endpoint", "end_session_endpoint")
    parts = checked(document(**dict.fromkeys(names)))
    assert levels(parts) == []
    assert len(parts) == 3
    assert "stays valid" in row(parts, "revocation").found
    assert "without logoutUrl" in row(parts, "logout").found


def test_without_a_session_nobody_asks_how_to_sign_out() -> None:
    with site() as server:
        server.pages |= PAGES
        parts = check(server, session=False)
        server.pages |= document(revocation_endpoint=7, end_session_endpoint=7)
        assert levels(check(server, session=False)) == levels(parts) == []
    assert not rows(parts, "logout")
    assert "/revoke" not in [seen.path for seen in server.seen]


def test_an_endpoint_that_the_policy_does_not_list() -> None:
    with site() as server:
        server.pages |= PAGES | document(jwks_uri="https://keys.example/")
        parts = check(server, connect_origins=[server.origin])
    assert levels(parts) == ["endpoints: error"]
    assert "connect_origins" in row(parts, "endpoints").found


def test_a_provider_whose_discovery_is_not_asked() -> None:
    with site() as server:
        server.pages |= PAGES
        set_here: Any = {"token_endpoint": server["/token"], "jwks_uri": server["/keys"]}
        parts = check(server, userinfo=False, **set_here)
    assert levels(parts) == ["answer: skipped"]
    assert [seen.path for seen in server.seen] == ["/token", "/keys"]


def test_what_the_bus_refuses_for_another_reason_is_an_error_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A check that the bus gets one day, and that nobody thinks of here."""

    def stricter(document: Any, sso: OidcSso) -> Any:
        if "grant_types_supported" in document:
            raise misconfigured("The provider is too old.")
        return endpoints_in(document, sso)

    monkeypatch.setattr("host.tools.check.oidc.endpoints_in", stricter)
    assert row(checked({}), "document").found == "The provider is too old."
