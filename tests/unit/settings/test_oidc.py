"""The settings for an OpenID Connect provider."""

from typing import Any

import pytest
from pydantic import ValidationError

from bus.settings import Settings, settings_problems
from bus.settings.oidc import OidcSso

ISSUER = "https://id.example.com/realms/acme"
GOOD = {"provider": "oidc", "issuer": ISSUER, "client_id": "crm"}

NO_RESOURCES: list[Any] = [
    1, None, "", "api.example.com", "/v1", "https:", "https://api.example.com/#a", "https://api.example.com/ a",
    "https://api.example.com/\u00fc", "https://api.example.com/%zz", "1a:b", ["urn:a", ""], ["urn:a", 1], "urn:a\n",
]  # fmt: skip
NO_CLAIMS: list[Any] = [1, None, {}, [], ["org", ""], ["org", 1]]


def settings(**sso: Any) -> Settings:
    data = {name: value for name, value in (GOOD | sso).items() if value is not ...}
    return Settings.model_validate({"allowed_origins": ["https://app.example.com"], "sso": data})


def oidc(**sso: Any) -> OidcSso:
    found = settings(**sso).sso
    assert isinstance(found, OidcSso)
    return found


def test_what_is_set_where_nothing_is_said() -> None:
    sso = settings().sso
    assert sso.provider == "oidc"
    assert sso.scope == "openid profile email offline_access"
    assert sso.company_claim == ""
    assert sso.userinfo
    assert sso.dpop == "off"
    assert sso.refresh_token == "required"
    assert not sso.access_token
    assert sso.resource == ()
    assert sso.audience == ""
    assert sso.clock_skew_seconds == 60
    assert sso.connect_origins is None
    assert sso.extra_params == sso.extra_headers == sso.authorization_params == {}
    assert [sso.authorization_endpoint, sso.iss_required, sso.max_age_seconds] == [None] * 3
    assert sso.acr_values == ()
    assert sso.origins == ("https://id.example.com",)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        (ISSUER, ISSUER + "/.well-known/openid-configuration"),
        ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
        ("http://localhost:9000", "http://localhost:9000/.well-known/openid-configuration"),
    ],
)
def test_where_discovery_is(issuer: str, url: str) -> None:
    assert oidc(issuer=issuer).discovery == url


def test_all_origins() -> None:
    sso = oidc(
        discovery_url="https://a.example/d",
        token_endpoint="https://b.example/t",
        userinfo_endpoint="https://a.example/u",
    )
    assert sso.discovery == "https://a.example/d"
    assert sso.origins == ("https://a.example", "https://b.example")
    listed = ("https://c.example", "https://id.example.com")
    assert settings(connect_origins=list(listed)).sso.origins == listed


def test_what_the_page_holds_is_read_back_as_it_was() -> None:
    whole = settings(
        scope="openid",
        company_claim=["https://example.com/app", "org"],
        userinfo=False,
        clock_skew_seconds=0,
        connect_origins=["https://id.example.com"],
        authorization_endpoint="https://a_b.example/authorize?x=y",  # no policy has to name it
        iss_required=False,
        authorization_params={"prompt": "consent", "response_mode": "query"},
        max_age_seconds=0,
        acr_values=["urn:mace:incommon:iap:silver", "2"],
        extra_params={"scope": "x"},
        extra_headers={"X-Tenant": "a b"},
        refresh_token="optional",
        access_token=True,
        resource=["https://api.example.com/", "urn:a"],
        audience="crm",
    )
    assert Settings.model_validate_json(whole.model_dump_json()) == whole
    plain = settings()
    assert Settings.model_validate_json(plain.model_dump_json()) == plain


@pytest.mark.parametrize(
    "resource",
    [
        "https://api.example.com",
        "https://api.example.com/v1/?a=b",
        "api://6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "urn:example:api",
        "https://[::1]:8443/%C3%BC",
    ],
)
def test_what_is_a_resource(resource: str) -> None:
    assert oidc(access_token=True, resource=resource).resource == (resource,)
    assert oidc(access_token=True, resource=[resource]).resource == (resource,)


@pytest.mark.parametrize(
    ("sso", "key", "reason"),
    [
        ({"issuer": ...}, "issuer", "is missing"),
        ({"client_id": ...}, "client_id", "is missing"),
        ({"client_id": ""}, "client_id", "match"),
        ({"client_id": "\u00fc"}, "client_id", "match"),
        ({"issuer": "https://id.example.com?x"}, "issuer", "query"),
        ({"issuer": "https://id.example.com#x"}, "issuer", "fragment"),
        ({"issuer": "http://id.example.com"}, "issuer", "https"),
        ({"issuer": "id.example.com"}, "issuer", "absolute"),
        ({"scope": "profile"}, "scope", "openid"),
        ({"scope": ""}, "scope", "match"),
        ({"scope": "openid  profile"}, "scope", "match"),
        ({"scope": 'openid "'}, "scope", "match"),
        ({"userinfo": "no"}, "userinfo", "boolean"),
        *(({"company_claim": value}, "company_claim", "a list of names") for value in NO_CLAIMS),
        ({"refresh_token": "none"}, "refresh_token", "'required' or 'optional'"),
        ({"refresh_token": False}, "refresh_token", "'required' or 'optional'"),
        ({"access_token": 1}, "access_token", "boolean"),
        *(
            ({"access_token": True, "resource": value}, "resource", "absolute URI")
            for value in NO_RESOURCES
        ),
        ({"access_token": True, "resource": ["urn:a", "urn:b", "urn:a"]}, "resource", "twice"),
        ({"access_token": True, "audience": "\u00fc"}, "audience", "match"),
        ({"access_token": True, "audience": 1}, "audience", "string"),
        *(
            ({name: "urn:a"}, "", f"{name} needs access_token = true")
            for name in ("resource", "audience")
        ),
        *(
            (
                {"access_token": True, name: "urn:a", params: {name: "MARK"}},
                "",
                f"{name} is a setting of its own, and {params} has it too",
            )
            for name in ("resource", "audience")
            for params in ("extra_params", "authorization_params")
        ),
        ({"clock_skew_seconds": -1}, "clock_skew_seconds", "0"),
        ({"clock_skew_seconds": 301}, "clock_skew_seconds", "300"),
        ({"connect_origins": []}, "connect_origins", "lists no origin"),
        ({"connect_origins": ["https://a.example/"]}, "connect_origins[0]", "just the origin"),
        ({"connect_origins": ["https://*.example"]}, "connect_origins[0]", "pattern"),
        ({"connect_origins": ["https://id.example.com"] * 2}, "connect_origins", "twice"),
        ({"discovery_url": "x"}, "discovery_url", "absolute"),
        ({"token_endpoint": "http://id.example.com/"}, "token_endpoint", "https"),
        ({"jwks_uri": 1}, "jwks_uri", "string"),
        ({"userinfo_endpoint": "https://a.example/#"}, "userinfo_endpoint", "fragment"),
        ({"connect_origins": ["http://[::1]:9000"]}, "connect_origins[0]", "http://localhost:9000"),
        *(
            ({name: "https://a_b.example/x"}, name, "no Content-Security-Policy can name")
            for name in (
                "discovery_url",
                "token_endpoint",
                "jwks_uri",
                "userinfo_endpoint",
                "revocation_endpoint",
            )
        ),
        ({"end_session_endpoint": "http://id.example.com/"}, "end_session_endpoint", "https"),
        ({"extra_params": {"client_secret": "MARK"}}, "extra_params", "public client"),
        ({"extra_params": {"client_assertion": "MARK"}}, "extra_params", "public client"),
        ({"extra_params": {"refresh_token": "MARK"}}, "extra_params", "the bus sets this itself"),
        ({"extra_params": {"code": "MARK"}}, "extra_params", "the bus sets this itself"),
        ({"extra_params": {"a": 1}}, "extra_params.a", "string"),
        ({"authorization_endpoint": "http://id.example.com/"}, "authorization_endpoint", "https"),
        ({"authorization_endpoint": "https://a.example/#"}, "authorization_endpoint", "fragment"),
        ({"iss_required": "yes"}, "iss_required", "boolean"),
        *(
            ({"authorization_params": {name: "MARK"}}, "authorization_params", "host page sets")
            for name in (
                *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
                *("code_challenge", "code_challenge_method"),
            )
        ),
        ({"authorization_params": {"client_secret": "MARK"}}, "authorization_params", "public"),
        ({"authorization_params": {"max_age": "60"}}, "authorization_params", "max_age_seconds"),
        ({"authorization_params": {"acr_values": "x"}}, "authorization_params", "sso.acr_values"),
        ({"authorization_params": {"prompt": 1}}, "authorization_params.prompt", "string"),
        *(
            ({"authorization_params": {"response_mode": mode}}, "authorization_params", "fragment")
            for mode in ("form_post", "web_message", "jwt", "query.jwt", "")
        ),
        ({"max_age_seconds": -1}, "max_age_seconds", "0"),
        ({"max_age_seconds": 0.5}, "max_age_seconds", "integer"),
        ({"max_age_seconds": True}, "max_age_seconds", "integer"),
        ({"acr_values": "urn:x"}, "acr_values", "tuple"),
        ({"acr_values": [""]}, "acr_values[0]", "match"),
        ({"acr_values": ["a b"]}, "acr_values[0]", "match"),
        ({"extra_headers": {"authorization": "x"}}, "extra_headers", "the bus sets"),
        ({"extra_headers": {"Content-Type": "x"}}, "extra_headers", "the bus sets"),
        ({"extra_headers": {"Cookie": "x"}}, "extra_headers", "browser sets"),
        ({"extra_headers": {"Sec-Fetch-Site": "x"}}, "extra_headers", "browser sets"),
        ({"extra_headers": {"a b": "x"}}, "extra_headers", "not the name"),
        ({"extra_headers": {"": "x"}}, "extra_headers", "not the name"),
        ({"extra_headers": {"X-A": "MARK\r\nX-B: 1"}}, "extra_headers", "printable"),
        ({"extra_headers": {"X-A": " MARK"}}, "extra_headers", "printable"),
        ({"extra_headers": {"X-A": ""}}, "extra_headers", "printable"),
        ({"exchange_url": "https://a.example/"}, "exchange_url", "is not a setting"),
        ({"client_secret": "MARK"}, "client_secret", "is not a setting"),
        ({"provider": "saml"}, "provider", "'json' or 'oidc'"),
        ({"provider": 1}, "provider", "'json' or 'oidc'"),
        ({"provider": "json"}, "exchange_url", "is missing"),
    ],
    ids=str,
)
def test_each_problem_names_the_key_and_the_reason(
    sso: dict[str, Any], key: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**sso)
    line = settings_problems(caught.value)[0]
    assert line.startswith(f"bus.sso.{key}: " if key else "bus.sso: ")
    assert reason in line
    assert "MARK" not in line


def test_an_issuer_that_is_asked_must_be_one_that_a_policy_can_name() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(issuer="http://[::1]:9000")
    [line] = settings_problems(caught.value)
    assert line.startswith("bus.sso: issuer is at an IPv6 address")
    # Where only its name counts, nothing is fetched from there.
    assert settings(issuer="http://[::1]:9000", discovery_url="https://d.example/").sso
    urls = {"token_endpoint": "https://t.example/", "jwks_uri": "https://k.example/"}
    assert oidc(issuer="https://a_b.example", userinfo=False, **urls).discovery is None


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "issuer"),
        ({"discovery_url": "https://d.example/"}, "discovery_url"),
        ({"token_endpoint": "https://t.example/"}, "issuer"),
        (
            {"token_endpoint": "https://t.example/", "jwks_uri": "https://ok.example/", "userinfo": False},
            "token_endpoint",
        ),
    ],
)  # fmt: skip
def test_the_listed_origins_must_hold_those_that_are_known(more: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(connect_origins=["https://ok.example"], **more)
    [line] = settings_problems(caught.value)
    assert line.startswith("bus.sso: connect_origins must list https://")
    assert line.endswith(f"the origin of {name}")


def test_no_discovery_where_all_endpoints_are_set() -> None:
    urls = {"token_endpoint": "https://t.example/", "jwks_uri": "https://k.example/"}
    assert oidc(**urls).discovery
    assert oidc(**urls, userinfo=False).discovery is None
    assert oidc(**urls, userinfo_endpoint="https://t.example/u").discovery is None
    assert settings(**urls, userinfo=False).sso.origins == (
        "https://t.example",
        "https://k.example",
    )


# -- DPoP -----------------------------------------------------------------------------------------


def with_session(**sso: Any) -> Settings:
    return Settings.model_validate(
        {"allowed_origins": ["https://app.example.com"], "sso": GOOD | sso, "session": {}}
    )


def problems(make: Any, **sso: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        make(**sso)
    return settings_problems(error.value)


@pytest.mark.parametrize("dpop", ["off", "refresh-token", "all"])
def test_what_dpop_may_be(dpop: str) -> None:
    sso = with_session(dpop=dpop).sso
    assert isinstance(sso, OidcSso)
    assert sso.dpop == dpop


@pytest.mark.parametrize("dpop", ["", "on", True, None, "All"])
def test_what_dpop_may_not_be(dpop: object) -> None:
    [problem] = problems(with_session, dpop=dpop)
    assert problem.startswith("bus.sso.dpop: ")


@pytest.mark.parametrize("dpop", ["refresh-token", "all"])
def test_without_a_session_nobody_would_keep_the_key(dpop: str) -> None:
    [problem] = problems(settings, dpop=dpop)
    assert problem.startswith("bus.sso.dpop: needs [bus.session]")
    assert settings(dpop="off").sso.provider == "oidc"


def test_no_host_gets_an_access_token_that_only_the_bus_can_use() -> None:
    [problem] = problems(with_session, dpop="all", access_token=True)
    assert "access_token must be false with dpop = 'all'" in problem
    for dpop in ("off", "refresh-token"):
        with_session(dpop=dpop, access_token=True)


def test_the_bus_makes_the_header_of_proofs_itself() -> None:
    [problem] = problems(settings, extra_headers={"dPoP": "x"})
    assert "the bus sets this itself" in problem
