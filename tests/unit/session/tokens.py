"""What tests share with test_fault_run.py."""

import json
from base64 import urlsafe_b64decode


def claims(token):
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
