"""The demo's page and the bus agree on what is a request."""

import pytest

from bus.messages import FROM_BUS, is_request_type
from host.demo.pages import kinds
from tests.unit.type_names import TYPES


@pytest.mark.parametrize("type_", TYPES)
def test_the_page_and_the_bus_agree(type_: str) -> None:
    assert kinds.is_request(type_) is is_request_type(type_)


def test_what_the_bus_pushes() -> None:
    assert set(kinds.FROM_BUS) == FROM_BUS


@pytest.mark.parametrize(
    ("type_", "reply"), [("A.B_FULFILLED", True), ("A.B_REJECTED", True), ("A.B", False)]
)
def test_replies(type_: str, reply: bool) -> None:
    assert kinds.is_reply(type_) is reply
