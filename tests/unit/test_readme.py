"""The README's tables against the models, and its links against the tree."""

import json
import re

import pytest

from bus.errors import CODES
from bus.messages import FROM_BUS, SERVED
from bus.oidc_settings import OidcSso
from bus.settings import JsonSso, Settings
from host.build.runtime import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
OIDC = (ROOT / "docs/oidc.md").read_text(encoding="utf-8")
TABLES = {"sso", "session", "password"}  # docs/session.md has the last two
NOT_MET_YET = {"ORIGIN_MISMATCH", "NO_SESSION"}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def test_the_error_table_has_every_code() -> None:
    assert first_cells(section("Errors")) == [code for code in CODES if code not in NOT_MET_YET]


def test_the_settings_table_has_every_setting_with_its_default() -> None:
    fields = {name: field for name, field in Settings.model_fields.items() if name not in TABLES}
    fields |= {f"sso.{name}": field for name, field in JsonSso.model_fields.items()}
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", section("Build and deploy it"), re.MULTILINE
    )
    assert [name for name, _ in rows] == list(fields)
    for name, default in rows:
        field = fields[name]
        expected = "required" if field.is_required() else str(field.default)
        assert default.strip('`"') == expected


def test_the_table_for_openid_connect_has_every_setting_with_its_default() -> None:
    table = OIDC.split("\n## Settings\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", table, re.MULTILINE)
    assert [name for name, _ in rows] == list(OidcSso.model_fields)
    for name, default in rows:
        field = OidcSso.model_fields[name]
        if field.is_required():
            assert default == "required"
        elif default.startswith("`") and name != "discovery_url":
            assert default.strip("`") == str(field.default)
        else:  # said in words: nothing of its own
            assert not field.get_default(call_default_factory=True)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", OIDC))))
def test_links_from_the_page_on_openid_connect(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


def test_the_versions_that_were_tested() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    assert f"`oidc-provider` {package['devDependencies']['oidc-provider']} " in OIDC
    [authlib] = re.findall(r'"authlib==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert f"Authlib {authlib}," in OIDC


def test_the_message_table_has_every_message() -> None:
    types = {name for name in first_cells(section("Messages")) if "." in name}
    replies = {"AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED"}
    pushed_later = {name for name in FROM_BUS if name.startswith("AUTH.")}
    assert types == set(SERVED) | replies | (FROM_BUS - pushed_later)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    if link.startswith("#"):
        headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
        assert link[1:] in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    elif not link.startswith("https://"):
        assert (ROOT / link).exists()


@pytest.mark.parametrize("picture", sorted(set(re.findall(r'(?:src|srcset)="([^"]+)"', README))))
def test_pictures_are_there_and_have_words(picture: str) -> None:
    assert 0 < (ROOT / picture).stat().st_size < 200_000
    assert all("alt=" in image for image in re.findall(r"<img [^>]+>", README))


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\bmake ([a-z0-9]+)", README))))
def test_commands_exist(command: str) -> None:
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
