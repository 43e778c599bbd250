"""The bus page, filled in."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from bus.messages import FROM_BUS, SERVED
from bus.settings import Settings
from host.server.integrity import script_source
from host.server.page import (
    INTEGRITY_MARK,
    POLICY_MARK,
    SETTINGS_BLOCK,
    fill_page,
    settings_block,
)
from host.server.policy import content_security_policy
from host.tools.paths import ROOT

PAGE = (ROOT / "index.html").read_text(encoding="utf-8")
SETTINGS = Settings.model_validate(
    {
        "allowed_origins": ["https://app.example.com", "http://localhost:8000"],
        "boot_timeout_seconds": 42,
        "sso": {
            "exchange_url": "https://api.example.com/sso?a=</script><script>alert(1)</script>&b='\"<!--"
        },
    }
)


class Reader(HTMLParser):
    """Collects elements in the order in which they start, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Any] = []
        self.scripts: list[Any] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and self.cdata_elem:
            self.scripts[-1] += data

    def all(self, tag: str) -> list[Any]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def page() -> Reader:
    return Reader(fill_page(PAGE, SETTINGS, {}))


def test_the_settings_are_read_back_as_they_were(page: Reader) -> None:
    data = json.loads(page.scripts[0])
    assert Settings.model_validate(data["settings"]) == SETTINGS
    assert data["types"] == list(SERVED)
    assert data["fromBus"] == sorted(FROM_BUS)


def test_a_debug_build_is_one_only_if_it_was_asked_for(page: Reader) -> None:
    assert "debug" not in json.loads(page.scripts[0])
    asked = Reader(fill_page(PAGE, SETTINGS, {}, debug=True))
    assert json.loads(asked.scripts[0]) == json.loads(page.scripts[0]) | {"debug": True}


def ahead(found: str | None = None, **sso: Any) -> Any:
    table = {"allowed_origins": ["https://app.example.com"], "sso": sso}
    block = settings_block(Settings.model_validate(table), jwks_uri=found)
    return json.loads(block.partition(">")[2].removesuffix("</script>"))["ahead"]


OIDC = {"provider": "oidc", "issuer": "https://id.example.com/acme", "client_id": "crm"}
DISCOVERY = "https://id.example.com/acme/.well-known/openid-configuration"
KEYS = "https://keys.example.com/"


def test_what_may_be_asked_before_python_is_there() -> None:
    assert ahead(exchange_url="https://api.example.com/sso") == {
        "origins": ["https://api.example.com"],
        "urls": [],
        "options": {
            "method": "GET",
            "mode": "cors",
            "credentials": "omit",
            "cache": "no-store",
            "redirect": "error",
            "referrerPolicy": "no-referrer",
            "headers": {"Accept": "application/json"},
        },
    }
    assert ahead(**OIDC)["urls"] == [DISCOVERY]
    origins = ["https://id.example.com", "https://keys.example.com"]
    assert ahead(KEYS, **OIDC, connect_origins=origins)["origins"] == origins
    assert ahead(KEYS, **OIDC)["urls"] == [DISCOVERY, KEYS]
    # What is set counts, and where all is set, nothing is discovered.
    own = "https://own.example.com/keys"
    assert ahead(KEYS, **OIDC, jwks_uri=own)["urls"] == [DISCOVERY, own]
    endpoints = {"token_endpoint": "https://id.example.com/token", "jwks_uri": own}
    assert ahead(**OIDC, **endpoints, userinfo=False)["urls"] == [own]


def test_no_setting_ends_the_script_element(page: Reader) -> None:
    assert [script.get("src") for script in page.all("script")] == [
        None,
        "./.runtime/pyscript/core.js",
        "./bus/main.py",
        "./bus/requests.js",
        "./bus/early.js",
        "./bus/boot.js",
    ]
    assert "<" not in settings_block(SETTINGS).removeprefix("<script").removesuffix("</script>")


def test_the_policy_stands_before_the_first_script(page: Reader) -> None:
    names = [name for name, _ in page.elements]
    [policy] = [
        meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy["content"] == content_security_policy(SETTINGS, in_page=True)
    at = page.elements.index(("meta", policy))
    assert at < names.index("script")
    assert names.index("meta") < at  # the encoding comes first


HASHES = {"./bus-1/early.js": "sha256-a", "./bus-1/</script>.mjs": "sha256-b"}


def test_the_import_map_is_read_back_and_allowed_by_its_hash() -> None:
    """It stands before the first module is asked for, which older engines insist on."""
    page = Reader(fill_page(PAGE, SETTINGS, {}, HASHES))
    assert page.all("script")[0]["type"] == "importmap"
    assert json.loads(page.scripts[0]) == {"integrity": HASHES}
    [policy] = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert f" {script_source(page.scripts[0])} " in policy
    assert not any(
        "importmap" in str(of) for _, of in Reader(fill_page(PAGE, SETTINGS, {})).elements
    )


def test_the_page_runs_no_script_of_its_own_text(page: Reader) -> None:
    """The policy would not let it: every script has an address, or is data."""
    for script in page.all("script"):
        assert "src" in script or script["type"] == "application/json"
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert page.all("style") == []


def test_replacements(page: Reader) -> None:
    filled = fill_page(PAGE, SETTINGS, {"./bus/boot.js": "./bus-123/boot.js"})
    assert Reader(filled).all("script")[-1]["src"] == "./bus-123/boot.js"


@pytest.mark.parametrize("mark", [SETTINGS_BLOCK, POLICY_MARK, INTEGRITY_MARK])
@pytest.mark.parametrize("times", [0, 2])
def test_a_page_that_does_not_fit_the_build(mark: str, times: int) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        fill_page(PAGE.replace(mark, mark * times), SETTINGS, {})


def test_a_replacement_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        fill_page(PAGE, SETTINGS, {"./nowhere.js": "x"})
