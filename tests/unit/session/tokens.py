"""What tests share with test_fault_run.py."""

import json
from base64 import urlsafe_b64decode
from typing import Any

Message = dict[str, Any]
"""A JSON object, as it goes over the wire."""


def claims(token: str) -> Message:
    part = token.split(".")[1]
    found: Message = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
