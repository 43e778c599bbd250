"""The guides: a section for each error code, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

from bus.errors import CODES
from host.tools.paths import ROOT
from tests.unit.module_codes import MODULES, codes_of_the_modules

GUIDES = sorted((ROOT / "docs").glob("*.md"))
ERRORS = (ROOT / "docs/errors.md").read_text(encoding="utf-8")


def test_each_code_has_a_section_with_cause_and_cure() -> None:
    sections = dict(re.findall(r"^## ([A-Z_]+)\n\n(.+?)(?=\n## |\Z)", ERRORS, re.M | re.S))
    assert set(sections) == {*CODES, *codes_of_the_modules()}
    for text in sections.values():
        assert text.startswith("- **Cause:** ")
        assert "\n- **Cure:** " in text


def test_the_list_at_the_top_has_each_section_in_its_order() -> None:
    listed = re.findall(r"\[([A-Z_]+)\]\(#([a-z_]+)\)", ERRORS.split("\n## ", 1)[0])
    assert [code for code, _ in listed] == re.findall(r"^## ([A-Z_]+)$", ERRORS, re.M)
    assert all(anchor == code.lower() for code, anchor in listed)


def test_the_client_makes_the_codes_that_it_names() -> None:
    [named] = re.findall(r"^ \* module's: ([A-Z_, ]+)\.$", MODULES[0], re.M)
    assert set(named.split(", ")) <= codes_of_the_modules()


def test_boot_failed_lists_each_sentence_that_the_early_listener_says() -> None:
    early = (ROOT / "bus/early.js").read_text(encoding="utf-8")
    reasons = re.search(r"const REASONS = \{\n(.+?)\n  \};", early, re.S)
    assert reasons
    section = ERRORS.split("\n## BOOT_FAILED\n", 1)[1].split("\n## ", 1)[0]
    listed = re.findall(r"^  \| ([A-Z].+?\.) \|", section, re.M)
    assert listed == re.findall(r'^    \w+: "(.+)",$', reasons[1], re.M)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_links_lead_somewhere(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    for link in sorted(set(re.findall(r"\]\(([^)\s]+)\)", text))):
        if link.startswith("https:"):
            continue
        path, _, anchor = link.partition("#")
        page = (guide.parent / path).resolve() if path else guide
        assert page.exists(), link
        if anchor:
            assert anchor in anchors(page), link
