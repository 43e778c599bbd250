"""The page's idea of what is a request is the bus's."""

import pytest

from bus.messages import FROM_BUS, is_request_type
from host.demo.pages import kinds
from tests.unit.type_names import TYPES


@pytest.mark.parametrize("type_", TYPES)
def test_the_page_and_the_bus_agree(type_):
    assert kinds.is_request(type_) is is_request_type(type_)


def test_what_the_bus_pushes():
    assert set(kinds.FROM_BUS) == FROM_BUS


@pytest.mark.parametrize(
    ("type_", "reply"), [("A.B_FULFILLED", True), ("A.B_REJECTED", True), ("A.B", False)]
)
def test_replies(type_, reply):
    assert kinds.is_reply(type_) is reply
