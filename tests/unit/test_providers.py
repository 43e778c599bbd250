"""Which OpenID Connect providers the end-to-end tests run against, and what an installation says."""

import subprocess
from collections.abc import Callable

import pytest

from host.tools.paths import ROOT
from tests.e2e.support.providers import installing
from tests.e2e.support.providers.chosen import AT_HAND, INSTALLED, chosen_providers


@pytest.mark.parametrize(
    ("named", "ci", "chosen"),
    [
        ("", "", [*AT_HAND]),
        ("", "true", [*AT_HAND, "django-oauth-toolkit"]),
        ("all", "", [*AT_HAND, *INSTALLED]),
        ("all", "true", [*AT_HAND, *INSTALLED]),
        ("lemonldap-ng authlib", "true", ["lemonldap-ng", "authlib"]),
    ],
)
def test_chosen(named: str, ci: str, chosen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSO_BUS_PROVIDERS", named)
    monkeypatch.setenv("CI", ci)
    assert chosen_providers() == chosen


def test_a_name_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSO_BUS_PROVIDERS", "authlib keycloak")
    assert installing.main() == 2
    assert "there is no keycloak; write all, or some of: oidc-provider" in capsys.readouterr().err


@pytest.mark.parametrize(
    "failure", [subprocess.CalledProcessError(1, "pip"), OSError("there is no apt-get here")]
)
def test_an_installation_that_fails(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Callable[[str], None]) -> None:
        raise failure

    monkeypatch.setenv("SSO_BUS_PROVIDERS", "authlib django-oauth-toolkit")
    monkeypatch.setitem(installing.INSTALLERS, "django-oauth-toolkit", fails)
    assert installing.main() == 2
    said = capsys.readouterr().err
    assert f"django-oauth-toolkit could not be installed ({failure})" in said
    assert 'make e2e PROVIDERS="authlib"' in said


def test_the_guide_names_them_all() -> None:
    guide = (ROOT / "docs/oidc.md").read_text()
    heads = guide.split("### What the tested providers do", 1)[1].split("|---|", 1)[0]
    for name in ("`oidc-provider`", "Authlib", "django-oauth-toolkit", "LemonLDAP::NG"):
        assert name in heads
