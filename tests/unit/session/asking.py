"""What tests share with test_session.py."""

from tests.unit.session.tokens import Message

SSO = {"code": "ann/1", "redirectUrl": "https://app.example.com/cb"}
NOBODY = {"type": "BUS.REGISTER_FULFILLED", "meta": {"source": "bus"}}


def code_of(reply: Message) -> str:
    assert reply["type"].endswith("_REJECTED")
    return str(reply["payload"]["error"]["code"])


def name_of(reply: Message) -> str:
    assert reply["type"].endswith("_FULFILLED"), reply
    return str(reply["payload"]["currentUser"]["name"])


def user(name: str) -> Message:
    return {"user": {"name": name}}
