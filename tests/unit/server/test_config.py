"""The errors for a settings file that a bus cannot be built with."""

from pathlib import Path

import pytest

from bus.settings import Settings
from host.server.config import ConfigError, load_settings
from host.tools.paths import ROOT

GOOD = """
[bus]
allowed_origins = ["https://app.example.com"]
request_timeout_seconds = 7
[bus.sso]
provider = "json"
exchange_url = "https://api.example.com/sso/exchange"
"""


def load(tmp_path: Path, text: bytes | str, name: str = "my.toml") -> Settings:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path)


def test_good_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.allowed_origins == ("https://app.example.com",)
    assert settings.request_timeout_seconds == 7


def test_the_settings_in_the_tree_are_good() -> None:
    assert load_settings(ROOT / "pyscript.toml").allowed_origins


def test_pyscript_toml_may_hold_what_is_pyscripts(tmp_path: Path) -> None:
    assert load(tmp_path, 'packages = ["pydantic"]\n' + GOOD, "pyscript.toml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "[bus] is missing"),
        ("[other]", "[bus] is missing"),
        ("bus = 1", "bus: "),
        ("[bus", "is not TOML"),
        (b"x = '\xff'", "is not TOML"),
        ("title = 1" + GOOD, "title: is not a setting"),
        (GOOD + "[more]", "more: is not a setting"),
        (GOOD.replace("exchange_url", "exchange_uri"), "bus.sso.exchange_url: is missing"),
        (GOOD.replace("exchange_url", "exchange_uri"), "bus.sso.exchange_uri: is not a setting"),
        (
            GOOD.replace("https://app", "https://*.app"),
            "bus.allowed_origins[0]: 'https://*.app.example.com' must not be",
        ),
        (GOOD.replace('["https://app.example.com"]', "[]"), "bus.allowed_origins: lists no origin"),
        (
            GOOD.replace("= 7", "= 0"),
            "bus.request_timeout_seconds: input should be greater than or equal to 1",
        ),
        (GOOD.replace("= 7", "= nan"), "bus.request_timeout_seconds: "),
        (GOOD.replace("https://api", "http://api"), "bus.sso.exchange_url: "),
        (GOOD.replace('"json"', '"saml"'), "bus.sso.provider: "),
    ],
)
def test_each_problem_names_the_file_the_key_and_the_reason(
    tmp_path: Path, text: bytes | str, line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert all(one.startswith(f"{tmp_path / 'my.toml'}: ") for one in lines)
    assert any(line in one for one in lines)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[bus]\nx = 1")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path / name)
