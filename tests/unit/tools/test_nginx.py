"""The nginx configuration as text; tests/e2e/test_nginx.py runs it."""

import re

import pytest

from bus import VERSION
from host.tools.nginx import nginx_file

RULES = {"/*": {"A": "1; 'x'", "B": "2"}, "/bus-1/*": {"Cache-Control": "no matter"}}


def test_each_block_has_every_header():
    blocks = re.findall(r"^location ~ .*?^}", nginx_file(RULES), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert "add_header A \"1; 'x'\" always;" in block
        assert 'add_header B "2" always;' in block
        assert block.count("add_header Cache-Control ") == 1
    assert VERSION in nginx_file(RULES)


@pytest.mark.parametrize("value", ['say "x"', "$host", "back\\slash", "two\nlines"])
def test_a_header_that_nginx_would_read_otherwise_stops_the_build(value):
    with pytest.raises(ValueError, match="nginx cannot send"):
        nginx_file({"/*": {"A": value}})
