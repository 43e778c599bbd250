"""What tests share with test_session.py."""

SSO = {"code": "ann/1", "redirectUrl": "https://app.example.com/cb"}
NOBODY = {"type": "BUS.REGISTER_FULFILLED", "meta": {"source": "bus"}}


def code_of(reply):
    assert reply["type"].endswith("_REJECTED")
    return reply["payload"]["error"]["code"]


def name_of(reply):
    assert reply["type"].endswith("_FULFILLED"), reply
    return reply["payload"]["currentUser"]["name"]


def user(name):
    return {"user": {"name": name}}
