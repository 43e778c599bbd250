"""docs/protocol.md, the contract: its tables against the models, and every citation of a section."""

import json
import re
import subprocess

import pytest

from bus.errors import CODES
from bus.messages import FROM_BUS, SERVED
from bus.settings import JsonSso, Settings
from bus.settings.oidc import OidcSso
from bus.settings.session import PasswordSettings, SessionSettings
from host.tools.paths import ROOT

PROTOCOL = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
OIDC = (ROOT / "docs/oidc.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^#{2,3} (.+)$", PROTOCOL, re.MULTILINE))
CITATION = re.compile(r'protocol\.md,\s+("[^"]+"(?:(?:,| and) "[^"]+")*)')


def section(title: str) -> str:
    return PROTOCOL.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> dict[str, bool]:
    """The first cell of each row of a table, and whether it is marked as not served yet."""
    found = re.findall(r"^\| `([^`|]+)`([^|]*)\|", text, re.MULTILINE)
    return {name: "†" in rest for name, rest in found}


def test_the_error_table_has_every_code() -> None:
    table = rows(section("Errors"))
    assert [code for code in table if code in CODES] == list(CODES)
    assert {code for code in table if code not in CODES} <= {
        c for c, later in table.items() if later
    }


def test_the_message_table_has_every_message_and_marks_what_is_not_served() -> None:
    table = {name: later for name, later in rows(section("Messages")).items() if "." in name}
    replies = {f"{type_}_FULFILLED" for type_ in SERVED} & set(table)
    served = set(SERVED) | replies | {"AUTH.SSO_REJECTED", "BUS.LISTENING", "BUS.READY"}
    assert {name for name, later in table.items() if not later} == served
    assert set(table) >= FROM_BUS


def settings_rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)


def test_the_settings_table_has_every_setting_with_its_default() -> None:
    tables = ("sso", "session", "password")
    fields = {name: field for name, field in Settings.model_fields.items() if name not in tables}
    fields |= {f"sso.{name}": field for name, field in JsonSso.model_fields.items()}
    found = settings_rows(section("Settings"))
    assert [name for name, _ in found] == list(fields)
    for name, default in found:
        field = fields[name]
        expected = "required" if field.is_required() else str(field.default)
        assert default.strip('`"') == expected


def test_the_settings_of_a_session_are_listed() -> None:
    rows_ = re.findall(
        r"^\| `(session|password)\.([^`]+)` \|", section("The session"), re.MULTILINE
    )
    assert rows_ == [
        *(("session", name) for name in SessionSettings.model_fields),
        *(("password", name) for name in PasswordSettings.model_fields),
    ]


def test_the_table_for_openid_connect_has_every_setting_with_its_default() -> None:
    table = OIDC.split("\n## Settings\n", 1)[1].split("\n## ", 1)[0]
    found = settings_rows(table)
    assert [name for name, _ in found] == list(OidcSso.model_fields)
    for name, default in found:
        field = OidcSso.model_fields[name]
        if field.is_required():
            assert default == "required"
        elif default.startswith("`") and name != "discovery_url":
            assert default.strip("`") == str(field.default)
        else:  # said in words: nothing of its own
            assert not field.get_default(call_default_factory=True)


def test_the_versions_of_providers_that_were_tested() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    assert f"`oidc-provider` {package['devDependencies']['oidc-provider']} " in OIDC
    [authlib] = re.findall(r'"authlib==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert f"Authlib {authlib}," in OIDC
    lock = (ROOT / "providers.lock").read_text()
    [toolkit] = re.findall(r"^django-oauth-toolkit==(\S+)", lock, re.MULTILINE)
    assert f"django-oauth-toolkit {toolkit}, on Django" in OIDC


# -- citations ------------------------------------------------------------------------------------


def citations() -> list[tuple[str, str]]:
    """Each section of protocol.md that a file of the tree cites, with the file."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found = []
    for name in tracked.stdout.splitlines():
        if name == "tests/unit/tools/test_types.py":
            continue  # it has made-up ones
        if name.endswith((".py", ".js", ".mjs", ".ts", ".json", ".html", ".toml")):
            # A citation may run over two lines of a comment.
            text = re.sub(r"\n\s*(?://|\*|#)?\s*", " ", (ROOT / name).read_text(encoding="utf-8"))
            found += [
                (name, cited)
                for match in CITATION.finditer(text)
                for cited in re.findall(r'"([^"]+)"', match[1])
            ]
    return found


def test_code_cites_the_contract() -> None:
    assert len(citations()) > 15


@pytest.mark.parametrize(("name", "cited"), sorted(set(citations())))
def test_every_citation_leads_to_a_section(name: str, cited: str) -> None:
    del name
    assert cited in SECTIONS


def test_a_citation_that_leads_nowhere_would_be_noticed() -> None:
    [match] = CITATION.finditer("x (protocol" + '.md, "Envelope" and "Nowhere")')
    assert re.findall(r'"([^"]+)"', match[1]) == ["Envelope", "Nowhere"]
    assert "Nowhere" not in SECTIONS
