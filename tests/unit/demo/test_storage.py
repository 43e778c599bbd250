"""The demo's bus page that gets no storage: the real one, with one script before all others."""

from pathlib import Path

import pytest

from host.demo.storage import DENIED, without_storage


def test_its_first_script_is_the_one_that_denies(tmp_path: Path) -> None:
    page = (
        '<title>Bus</title><script src="./bus-1/early.js"></script><script src="./bus-1/boot.js">'
    )
    (tmp_path / "index.html").write_text(page)
    without_storage(tmp_path)
    denied = (tmp_path / DENIED).read_text()
    assert denied == page.replace("<script", '<script src="./denied.js"></script><script', 1)
    assert "SecurityError" in (tmp_path / "denied.js").read_text()
    assert (tmp_path / "index.html").read_text() == page


def test_a_page_that_is_none_of_the_bus_s_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>Something else</title>")
    with pytest.raises(ValueError, match="no first script"):
        without_storage(tmp_path)
    assert not (tmp_path / DENIED).exists()
