"""The page that `BusError.help` leads to."""

import re

import pytest

from bus.errors import CODES
from host.tools.guide import guide_page
from host.tools.packages.project import PROJECT
from tests.unit.module_codes import codes_of_the_modules

PAGE = guide_page()


def test_it_has_a_section_for_each_code() -> None:
    anchors = re.findall(r'<h2 id="([a-z_]+)">([A-Z_]+)</h2>', PAGE)
    assert {code for _, code in anchors} == {*CODES, *codes_of_the_modules()}
    assert all(anchor == code.lower() for anchor, code in anchors)


def test_it_needs_nothing_that_the_policy_forbids() -> None:
    assert not re.search(r"<(script|style|img|link|iframe|form)\b| style=| on\w+=", PAGE)


def test_its_links_lead_somewhere_from_a_built_folder() -> None:
    for link in re.findall(r'href="([^"]+)"', PAGE):
        assert link.startswith("https://") or f'id="{link[1:]}"' in PAGE


def test_its_links_lead_to_the_documentation_where_the_project_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PROJECT, "urls", {"Documentation": "https://docs.example.com/bus/"})
    page = guide_page()
    assert '<a href="https://docs.example.com/bus/protocol.md#the-backend-contract">' in page
    assert "in the project's documentation" not in page


def test_a_link_to_another_document_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PROJECT, "urls", raising=False)
    page = guide_page()
    assert "see deploy.md" in page
    assert "contract (protocol.md in the project's documentation)" in page
