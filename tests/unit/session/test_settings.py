"""`[bus.session]` and `[bus.password]`: what they allow, and what they change."""

import json
import re
import time
from typing import Any, cast

import pytest
from pydantic import ValidationError

from bus.exchange.choice import backend_for
from bus.messages import SERVED, ready
from bus.ports import Fetch, Verify
from bus.served import served
from bus.settings import Settings, settings_problems
from bus.settings.session import PasswordSettings, SessionSettings
from host.server.page import settings_block
from host.server.policy import content_security_policy
from host.tools.paths import ROOT

Table = dict[str, Any]

PLAIN: Table = {
    "allowed_origins": ["https://app.example.com"],
    "sso": {"exchange_url": "https://api.example.com/exchange"},
}
OIDC_SSO = {"provider": "oidc", "issuer": "https://idp.example.com", "client_id": "x"}
OIDC = PLAIN | {"sso": OIDC_SSO}
REFRESH = {"refresh_url": "https://refresh.example.com/"}


def made(table: Table = PLAIN, **more: object) -> Settings:
    return Settings.model_validate(table | more)


def test_what_holds_where_nothing_is_said() -> None:
    assert made().session is None
    assert made().password is None
    session = made(session=REFRESH).session
    assert session is not None
    assert session.model_dump() == {
        "persist": "partition",
        "refresh_url": "https://refresh.example.com/",
        "revoke_url": None,
        "refresh_margin_seconds": 90,
        "max_age_days": 90,
        "idle_minutes": 0,
        "post_logout_redirect_uri": None,
    }


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("refresh_margin_seconds", 61, 600), ("max_age_days", 1, 365), ("idle_minutes", 0, 525_600)],
)
def test_ranges(name: str, low: int, high: int) -> None:
    for good in (low, high):
        assert getattr(made(session=REFRESH | {name: good}).session, name) == good
    for bad in (low - 0.1, high + 1, "90", True, float("nan")):
        with pytest.raises(ValidationError):
            made(session=REFRESH | {name: bad})


@pytest.mark.parametrize(
    ("table", "more", "problem"),
    [
        (PLAIN, {"session": {}}, "bus.session.refresh_url: is missing"),
        (OIDC, {"session": REFRESH}, "bus.session.refresh_url: is only for provider"),
        (
            OIDC,
            {"session": {"revoke_url": "https://a.example/"}},
            "bus.session.revoke_url: is only for provider",
        ),
        (
            OIDC,
            {"password": {"sign_in_url": "https://a.example/"}},
            "bus.password: is only for provider",
        ),
        (
            PLAIN,
            {"session": REFRESH | {"post_logout_redirect_uri": "https://a.example/"}},
            "bus.session.post_logout_redirect_uri: is only for provider",
        ),
        (
            OIDC,
            {"session": {"post_logout_redirect_uri": "https://a.example/#x"}},
            "bus.session.post_logout_redirect_uri: ",
        ),
        *(
            (
                PLAIN | {"sso": OIDC_SSO | {name: "https://idp.example.com/x"}},
                {},
                f"bus.sso.{name}: needs [bus.session]",
            )
            for name in ("revocation_endpoint", "end_session_endpoint")
        ),
        (PLAIN, {"password": {}}, "bus.password.sign_in_url: is missing"),
        (PLAIN, {"session": REFRESH | {"persist": "cookie"}}, "bus.session.persist: "),
        (PLAIN, {"session": {"refresh_url": "http://a.example/"}}, "bus.session.refresh_url: "),
        (PLAIN, {"session": REFRESH | {"more": 1}}, "bus.session.more: is not a setting"),
        (PLAIN, {"session": "yes"}, "bus.session: "),
    ],
)
def test_each_problem_names_the_key(table: Table, more: Table, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(table, **more)
    [line] = settings_problems(caught.value)
    assert line.startswith(problem)


def test_a_session_with_a_provider_needs_no_address() -> None:
    plain = made(OIDC, session={}).session
    assert plain
    assert plain.refresh_url is None
    back = "https://app.example.com/" + "x" * 2024
    settings = made(OIDC, session={"post_logout_redirect_uri": back})
    assert settings.session
    assert settings.session.post_logout_redirect_uri == back
    assert settings.origins == ("https://idp.example.com",)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    for wrong in (back + "x", "https://\u00e4.example/", "/bye", "http://app.example.com/"):
        with pytest.raises(ValidationError, match="post_logout_redirect_uri"):
            made(OIDC, session={"post_logout_redirect_uri": wrong})


def test_the_bus_may_fetch_from_each_of_them_once() -> None:
    settings = made(
        session=REFRESH | {"revoke_url": "https://api.example.com/revoke"},
        password={"sign_in_url": "https://password.example.com/x"},
    )
    origins = "https://api.example.com https://refresh.example.com https://password.example.com"
    assert f"connect-src 'self' {origins};" in content_security_policy(settings)


@pytest.mark.parametrize(
    ("more", "types"),
    [
        ({}, {"AUTH.SSO", "BUS.CANCEL"}),
        (
            {"password": {"sign_in_url": "https://a.example/"}},
            {"AUTH.SSO", "BUS.CANCEL", "AUTH.EMAIL_AND_PASSWORD"},
        ),
        (
            {"session": REFRESH},
            {
                "AUTH.SSO",
                "BUS.CANCEL",
                "BUS.REGISTER",
                "BUS.INIT",
                "BUS.DESTROY",
                "AUTH.CREDENTIALS",
                "AUTH.SIGN_OUT",
            },
        ),
    ],
)
def test_what_is_served_depends_on_the_settings(more: Table, types: set[str]) -> None:
    settings = made(**more)
    assert set(served(settings)) == types
    found = re.search(r">(.*)</script>", settings_block(settings))
    assert found is not None
    assert set(json.loads(found[1])["types"]) == types
    payload = json.loads(ready(served(settings)))["payload"]
    assert payload["types"] == sorted(types)
    assert payload["services"] == ["AUTH"]
    assert served(settings)[: len(SERVED)] == SERVED


def test_what_the_page_holds_is_read_back_as_it_was() -> None:
    settings = made(session=REFRESH, password={"sign_in_url": "https://a.example/"})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_no_backend_without_a_session() -> None:
    with pytest.raises(ValueError, match="no session"):
        backend_for(
            made(),
            fetch=cast("Fetch", None),
            verify=cast("Verify", None),
            now=time.time,
            log=print,
        )


def test_the_guide_has_every_setting_with_its_default() -> None:
    text = (ROOT / "docs/session.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    fields = {**SessionSettings.model_fields, **PasswordSettings.model_fields}
    assert [name for name, _ in rows] == list(fields)
    for name, default in rows:
        field = fields[name]
        said = {None: "none"}.get(field.default, str(field.default))
        assert default.strip('`"') == ("required" if field.is_required() else said)
