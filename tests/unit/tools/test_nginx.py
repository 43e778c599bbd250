"""The nginx configuration as text; tests/e2e/test_nginx.py runs it."""

import re
from hashlib import sha256

import pytest

from bus import VERSION
from host.server import dictionary
from host.tools.nginx import nginx_file

RULES = {"/*": {"A": "1; 'x'", "B": "2"}, "/bus-1/*": {"Cache-Control": "no matter"}}


def test_each_block_has_every_header() -> None:
    blocks = re.findall(r"^location ~ .*?^}", nginx_file(RULES), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert "add_header A \"1; 'x'\" always;" in block
        assert 'add_header B "2" always;' in block
        assert block.count("add_header Cache-Control ") == 1
    assert VERSION in nginx_file(RULES)


@pytest.mark.parametrize("value", ['say "it\'s"', "$host", "back\\slash", "two\nlines"])
def test_a_header_that_nginx_would_read_otherwise_stops_the_build(value: str) -> None:
    with pytest.raises(ValueError, match="nginx cannot send"):
        nginx_file({"/*": {"A": value}})


SNAPSHOT = {"/bus-1/snapshot.bin": dictionary.USE}


def test_the_snapshot_is_a_dictionary_for_the_next_releases() -> None:
    text = nginx_file(RULES | SNAPSHOT)
    assert text.count("add_header Use-As-Dictionary 'match=") == 1
    assert text.index("snapshot") < text.index("[a-z]+-")  # nginx takes the first that matches
    assert "dcz" not in text
    assert "Use-As-Dictionary" not in nginx_file(RULES)


def test_each_earlier_release_has_a_line() -> None:
    digests = [sha256(name).digest() for name in (b"1", b"2")]
    text = nginx_file(RULES | SNAPSHOT, digests)
    for digest in digests:
        assert text.count(f'"{dictionary.available(digest)}"') == 1
        assert text.count(f'"{dictionary.delta_ending(digest)}"') == 1
    # The file that was put together from a difference is a dictionary too.
    assert text.count("add_header Use-As-Dictionary 'match=") == 2
