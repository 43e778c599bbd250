"""Whether what the bus has sent is what the models and schemas of the protocol say."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from host.tools.types.messages import MESSAGES
from host.tools.types.schema import message_schema

MODELS = {message.type: message.adapter for message in MESSAGES}
VALIDATORS = {message.type: Draft202012Validator(message_schema(message)) for message in MESSAGES}


def assert_from_bus(text: str) -> str:
    """Assert that a message is of its model, holds nothing that the model does not name, and is of its
    schema. Returns the message's name."""
    sent: dict[str, Any] = json.loads(text)
    name = sent["type"] if sent["type"] in MODELS else "OTHER_REJECTED"
    message = MODELS[name].validate_json(text)
    assert MODELS[name].dump_python(message, mode="json", exclude_unset=True) == sent
    assert VALIDATORS[name].is_valid(sent), name
    return name
