"""The README: short enough for a first minute, its links and commands there, its pictures described."""

import re

import pytest

from host.tools.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_takes_a_minute() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize(
    "picture", sorted(set(re.findall(r'(?:src|srcset)="(docs[^"]+)"', README)))
)
def test_pictures_are_there_and_have_words(picture: str) -> None:
    assert 0 < (ROOT / picture).stat().st_size < 200_000
    assert all("alt=" in image for image in re.findall(r"<img [^>]+>", README))


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:^|`)make ([a-z0-9]+)", README, re.MULTILINE)))
)
def test_commands_exist(command: str) -> None:
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
