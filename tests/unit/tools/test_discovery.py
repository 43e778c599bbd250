"""What the build finds out about a provider, and what it says where it cannot."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bus.settings import Settings
from bus.settings.oidc import OidcSso
from host.server.config import ConfigError
from host.server.policy import content_security_policy
from host.tools.discovery import with_discovery


@contextmanager
def provider(answer: Callable[..., Any]) -> Iterator[str]:
    """A provider's issuer, where `answer(handler)` answers every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: str) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/realm"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sends(status: int, body: Any, **headers: str) -> Callable[..., Any]:
    def answer(handler: Any) -> None:
        assert handler.path == "/realm/.well-known/openid-configuration"
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        issuer = f"http://{handler.headers['Host']}/realm"
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.replace(b"ISSUER", issuer.encode()))

    return answer


DOCUMENT = {
    "issuer": "ISSUER",
    "token_endpoint": "https://b.example/token",
    "jwks_uri": "https://a.example:8443/keys",
    "userinfo_endpoint": "https://b.example/me",
    "authorization_endpoint": "https://unused.example/",
}


def settings(issuer: str, session: Any = None, **sso: Any) -> Settings:
    return Settings.model_validate(
        {
            "allowed_origins": ["https://app.example.com"],
            "sso": {"provider": "oidc", "issuer": issuer, "client_id": "crm"} | sso,
            "session": session,
        }
    )


def found_out(asked: Settings, **more: Any) -> Settings:
    return with_discovery(asked, **{"say": [].append} | more).settings


def problem(issuer: str, **more: float) -> str:
    with pytest.raises(ConfigError) as caught:
        found_out(settings(issuer), **more)
    assert str(caught.value).startswith("bus.sso.issuer: ")
    return str(caught.value)


def origins(found: Settings) -> tuple[str, ...] | None:
    assert isinstance(found.sso, OidcSso)
    return found.sso.connect_origins


def test_just_the_origins_that_are_used() -> None:
    with provider(sends(200, DOCUMENT)) as issuer:
        found = found_out(settings(issuer))
        without = found_out(settings(issuer, userinfo=False))
    own = issuer.removesuffix("/realm")
    assert origins(found) == (own, "https://a.example:8443", "https://b.example")
    assert f"connect-src 'self' {own} https://a.example:8443 https://b.example;" in (
        content_security_policy(found)
    )
    assert origins(without) == origins(found)
    assert found.model_copy(update={"sso": None}) == settings(issuer).model_copy(
        update={"sso": None}
    )


def test_endpoints_that_are_set_count_instead() -> None:
    with provider(sends(200, DOCUMENT)) as issuer:
        found = found_out(settings(issuer, token_endpoint="https://c.example/t", userinfo=False))
    own = issuer.removesuffix("/realm")
    assert origins(found) == (own, "https://a.example:8443", "https://c.example")


def test_a_session_revokes_and_the_browser_goes_to_the_logout_page_by_itself() -> None:
    document = DOCUMENT | {
        "revocation_endpoint": "https://r.example/revoke",
        "end_session_endpoint": "https://out.example/",
    }
    with provider(sends(200, document)) as issuer:
        without = found_out(settings(issuer))
        with_session = found_out(settings(issuer, {}))
        elsewhere = found_out(settings(issuer, {}, revocation_endpoint="https://s.example/"))
    own = issuer.removesuffix("/realm")
    used = (own, "https://a.example:8443", "https://b.example")
    assert origins(without) == used
    assert origins(with_session) == (*used, "https://r.example")
    assert origins(elsewhere) == (*used, "https://s.example")
    assert f"connect-src 'self' {' '.join(used)} https://r.example;" in (
        content_security_policy(with_session)
    )


@pytest.mark.parametrize("name", ["revocation_endpoint", "end_session_endpoint"])
def test_an_endpoint_that_only_a_session_needs(name: str) -> None:
    with provider(sends(200, DOCUMENT | {name: "http://a.example/"})) as issuer:
        assert found_out(settings(issuer))
        with pytest.raises(ConfigError, match=name):
            found_out(settings(issuer, {}))


def test_an_endpoint_that_no_policy_can_name() -> None:
    document = DOCUMENT | {"jwks_uri": "https://keys_1.example/"}
    with provider(sends(200, document)) as issuer:
        said = problem(issuer)
    assert "https://keys_1.example has a host that no Content-Security-Policy can name" in said


def test_where_the_keys_are_is_told_and_is_no_setting() -> None:
    with provider(sends(200, DOCUMENT)) as issuer:
        found = with_discovery(settings(issuer), say=lambda _: None)
        other = with_discovery(settings(issuer, jwks_uri="https://k.example/"), say=lambda _: None)
    assert found.jwks_uri == DOCUMENT["jwks_uri"]
    assert isinstance(found.settings.sso, OidcSso)
    assert found.settings.sso.jwks_uri is None
    assert other.jwks_uri == "https://k.example/"
    listed = settings("https://nowhere.example", connect_origins=["https://nowhere.example"])
    assert with_discovery(listed, say=lambda _: None).jwks_uri is None


def test_nobody_is_asked_where_nothing_is_to_be_found_out() -> None:
    listed = settings("https://nowhere.example", connect_origins=["https://nowhere.example"])
    assert found_out(listed) is listed
    urls = {"token_endpoint": "https://t.example/", "jwks_uri": "https://k.example/"}
    whole = found_out(settings("https://nowhere.example", userinfo=False, **urls))
    assert origins(whole) == ("https://k.example", "https://t.example")
    plain = Settings.model_validate(
        {"allowed_origins": ["https://a.example"], "sso": {"exchange_url": "https://b.example/"}}
    )
    assert found_out(plain) is plain


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, DOCUMENT, "status 404"),
        (301, DOCUMENT, "status 301"),
        (200, b"<p>", "not JSON"),
        (200, b"", "not JSON"),
        (200, [], "not a JSON object"),
        (200, b" " * (1024 * 1024 + 1), "1 MiB"),
        (200, DOCUMENT | {"issuer": "https://other.example"}, "character for character"),
        (200, DOCUMENT | {"token_endpoint": None}, "token_endpoint"),
        (200, DOCUMENT | {"jwks_uri": "http://a.example/"}, "jwks_uri"),
        (200, DOCUMENT | {"id_token_signing_alg_values_supported": ["HS256"]}, "HS256"),
    ],
)
def test_each_problem_is_named(status: int, body: Any, words: str) -> None:
    with provider(sends(status, body, Location="/x")) as issuer:
        assert words in problem(issuer)


def test_nobody_there() -> None:
    with provider(sends(200, {})) as issuer:
        pass
    message = problem(issuer)
    assert issuer in message
    assert "connect_origins" in message


def test_a_provider_that_does_not_answer_in_time() -> None:
    let_go = threading.Event()
    with provider(lambda _: let_go.wait(10)) as issuer:
        try:
            assert "could not be read" in problem(issuer, time_limit=0.1)
        finally:
            let_go.set()


def test_an_answer_that_never_ends() -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            pass

    with provider(drip) as issuer:
        assert "within 0.2 seconds" in problem(issuer, time_limit=0.2)


# -- how a sign-in begins -------------------------------------------------------------------------

SUPPORTED = "authorization_response_iss_parameter_supported"


@pytest.mark.parametrize(
    ("document", "asked", "endpoint", "required"),
    [
        ({}, {}, "https://unused.example/", False),
        ({SUPPORTED: True}, {}, "https://unused.example/", True),
        ({SUPPORTED: False}, {}, "https://unused.example/", False),
        ({SUPPORTED: "true"}, {}, "https://unused.example/", False),
        ({SUPPORTED: True}, {"iss_required": False}, "https://unused.example/", False),
        ({}, {"iss_required": True}, "https://unused.example/", True),
        ({}, {"authorization_endpoint": "https://mine.example/"}, "https://mine.example/", False),
        ({"authorization_endpoint": None}, {}, None, False),
    ],
    ids=str,
)
def test_how_a_sign_in_begins(
    document: Any, asked: dict[str, Any], endpoint: str | None, required: bool
) -> None:
    said: list[str] = []
    with provider(sends(200, DOCUMENT | document)) as issuer:
        found = found_out(settings(issuer, **asked), say=said.append)
    assert isinstance(found.sso, OidcSso)
    assert (found.sso.authorization_endpoint, found.sso.iss_required) == (endpoint, required)
    assert "unused.example" not in content_security_policy(
        found
    )  # the browser goes there by itself
    assert said == []


@pytest.mark.parametrize("url", ["http://a.example/", "/authorize", "https://a.example/#b", 1, ""])
def test_an_authorization_endpoint_that_cannot_be_one(url: Any) -> None:
    said: list[str] = []
    with provider(sends(200, DOCUMENT | {"authorization_endpoint": url})) as issuer:
        found = found_out(settings(issuer), say=said.append)
    assert isinstance(found.sso, OidcSso)
    assert found.sso.authorization_endpoint is None
    [line] = said
    assert "bus.sso.authorization_endpoint" in line


# -- the scope ------------------------------------------------------------------------------------

WITHOUT = "openid profile email"


@pytest.mark.parametrize(
    ("listed", "asked", "scope", "words"),
    [
        (["openid", "email"], {}, WITHOUT, [f'"{WITHOUT}"', "offline_access"]),
        ([], {}, WITHOUT, ["offline_access"]),
        (["openid", "offline_access"], {}, f"{WITHOUT} offline_access", None),
        (None, {}, f"{WITHOUT} offline_access", None),
        ("openid", {}, f"{WITHOUT} offline_access", None),
        (["openid"], {"scope": "openid crm"}, "openid crm", None),
        (
            ["openid"],
            {"scope": "openid offline_access"},
            "openid offline_access",
            ["invalid_scope", "bus.sso.scope"],
        ),
    ],
    ids=str,
)
def test_offline_access_is_left_out_where_the_provider_does_not_have_it(
    listed: Any, asked: dict[str, str], scope: str, words: list[str] | None
) -> None:
    said: list[str] = []
    with provider(sends(200, DOCUMENT | {"scopes_supported": listed})) as issuer:
        found = found_out(settings(issuer, **asked), say=said.append)
    assert isinstance(found.sso, OidcSso)
    assert found.sso.scope == scope
    if words is None:
        assert said == []
    else:
        [line] = said
        assert all(word in line for word in words), line
