"""The samples of `make check` in the guides are what it prints."""

import re
from typing import Any

import httpx
import pytest
from pydantic_core import to_json

from bus.settings import Settings
from host.tools.check.__main__ import check
from host.tools.check.asking import Answer, Asker, Failure, Tls
from host.tools.check.report import table
from host.tools.paths import ROOT
from tests.unit.fake_provider import key_of

NOON = 1_795_780_800.0
BUS, HOST, API, ID = (f"https://{name}.example.com" for name in ("bus", "app", "api", "id"))
ALLOW = {"Access-Control-Allow-Origin": BUS}
PREFLIGHT = (204, b"", ALLOW | {"Access-Control-Allow-Headers": "Authorization"})


class Scripted(Asker):
    """Answers from `pages`: status, body and headers for each method and address."""

    def __init__(self, pages: dict[str, tuple[int, Any, dict[str, str]]]) -> None:
        super().__init__(lambda _: None)
        self._pages = pages

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: str | None
    ) -> Answer | Failure:
        status, text, sent = self._pages[f"{method} {url}"]
        days = 9 if url.startswith(API) else 61
        found = httpx.Headers({"Date": "Fri, 27 Nov 2026 12:00:00 GMT"} | sent)
        tls = Tls("TLSv1.3", NOON + days * 86_400)
        return Answer(status, found, to_json(text), NOON, NOON, tls)


BACKEND = {
    f"OPTIONS {API}/sso/exchange": PREFLIGHT,
    f"POST {API}/sso/exchange": (400, {"error": "no code"}, ALLOW),
    f"GET {HOST}/": (200, "<p>", {"Content-Security-Policy": "default-src 'self'"}),
}
PROVIDER = {
    f"GET {ID}/acme/.well-known/openid-configuration": (
        200,
        {
            "issuer": f"{ID}/acme",
            "token_endpoint": f"{ID}/acme/token",
            "jwks_uri": f"{ID}/acme/keys",
            "userinfo_endpoint": f"{ID}/acme/userinfo",
            "revocation_endpoint": f"{ID}/acme/revoke",
            "end_session_endpoint": f"{ID}/acme/logout",
            "code_challenge_methods_supported": ["plain", "S256"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "scopes_supported": ["openid", "profile", "email"],
        },
        ALLOW,
    ),
    f"POST {ID}/acme/token": (400, {"error": "invalid_request"}, {}),
    f"GET {ID}/acme/keys": (
        200,
        {"keys": [key_of("ES256").as_dict(private=False, use="sig")]},
        ALLOW,
    ),
    f"OPTIONS {ID}/acme/userinfo": PREFLIGHT,
    f"GET {ID}/acme/userinfo": (401, "", ALLOW),
    f"POST {ID}/acme/revoke": (400, {"error": "invalid_request"}, ALLOW),
    f"GET {HOST}/": (200, "<p>", {}),
}


@pytest.mark.parametrize(
    ("guide", "sso", "pages"),
    [
        ("deploy", {"exchange_url": f"{API}/sso/exchange"}, BACKEND),
        ("oidc", {"provider": "oidc", "issuer": f"{ID}/acme", "client_id": "crm"}, PROVIDER),
    ],
)
def test_a_guide_shows_what_is_printed(guide: str, sso: Any, pages: Any) -> None:
    session: dict[str, Any] = {"session": {}} if guide == "oidc" else {}
    settings = Settings.model_validate({"allowed_origins": [HOST], "sso": sso} | session)
    printed = table(check(settings, Scripted(pages), f"{BUS}/", []), 100)
    text = (ROOT / f"docs/{guide}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(The bus: .+?)\n```$", text, re.M | re.S)
    assert [part.strip() for part in shown] == [printed.strip()]
