"""Messages to try on the bus, good and bad. Runs on MicroPython and on CPython."""

VERIFIER = "a-made-up-verifier-of-just-enough-characters"


class Preset:
    """A message as text, and what the bus makes of it.

    `special` names what the text alone cannot express; if that is not JSON, the text is only shown.
    """

    def __init__(self, key: str, group: str, label: str, text: str, expect: str, special: str = "") -> None:
        self.key = key
        self.group = group
        self.label = label
        self.text = text
        self.expect = expect
        self.special = special

    def editable(self) -> bool:
        """Whether the text is the message, and may be changed."""
        return self.special not in ("date", "cycle", "large", "decoy", "flood")


def _sso(code: str = '"made-up"', redirect: str = "$origin/callback", more: str = "", id_: str = "demo-1") -> str:
    return f"""{{
  "type": "AUTH.SSO",
  "id": "{id_}",
  "payload": {{
    "code": {code},
    "redirectUrl": "{redirect}",
    "codeVerifier": "{VERIFIER}"{more}
  }}
}}"""


GOOD, PAYLOAD, ENVELOPE, GATE = "Good", "Bad payload", "Bad message", "Not for the bus"

PRESETS = (
    Preset("valid", GOOD, "Sign-in with a made-up code", _sso(),
           "Accepted; the bus asks the backend, which refuses the code."),
    Preset("cancel", GOOD, "Cancel a request", '{\n  "type": "BUS.CANCEL",\n  "payload": { "id": "demo-cancel" }\n}',
           "A sign-in with that id is sent just before; it is rejected: CANCELLED.", "cancel"),
    Preset("twice", GOOD, "The same id twice", _sso(),
           "Sent twice at once; the second is dropped as a second delivery.", "twice"),
    Preset("credentials", GOOD, "Credentials that are valid now",
           '{\n  "type": "AUTH.CREDENTIALS",\n  "id": "demo-1",\n  "payload": { "minValiditySeconds": 60 }\n}',
           "With a session: refreshed first if necessary. Without one: NO_SESSION."),
    Preset("redirect", PAYLOAD, "An invalid redirectUrl", _sso(redirect="http://evil.example/#callback"),
           "Rejected: INVALID_PAYLOAD, which names the field."),
    Preset("unknown-key", PAYLOAD, "An unknown key", _sso(more=',\n    "remember": true'),
           "Rejected: INVALID_PAYLOAD, which names the key."),
    Preset("proto", PAYLOAD, "A key called __proto__", _sso(more=',\n    "__proto__": { "admin": true }'),
           "A key like any other, and unknown. Rejected: INVALID_PAYLOAD."),
    Preset("no-payload", ENVELOPE, "No payload", '{\n  "type": "AUTH.SSO",\n  "id": "demo-1"\n}',
           "Rejected: INVALID_MESSAGE."),
    Preset("date", ENVELOPE, "A Date in the payload", _sso(code="new Date()"),
           "JSON has no dates, and nothing is converted. Rejected: INVALID_MESSAGE.", "date"),
    Preset("cycle", ENVELOPE, "A circular payload", _sso(more=',\n    "self": payload'),
           "Rejected: INVALID_MESSAGE.", "cycle"),
    Preset("deep", ENVELOPE, "Nested 70 deep", _sso(code='{"a":' * 70 + "1" + "}" * 70),
           "64 levels are allowed. Rejected: INVALID_MESSAGE."),
    Preset("large", ENVELOPE, "70,000 characters", _sso(code='"x".repeat(70000)'),
           "65,536 bytes are allowed. Rejected: INVALID_MESSAGE.", "large"),
    Preset("ports", ENVELOPE, "Two reply ports", _sso(),
           "Rejected: INVALID_MESSAGE, to the page’s window.", "ports"),
    Preset("unknown-type", ENVELOPE, "A type that the bus does not serve", '{\n  "type": "CRM.OPEN",\n  "id": "demo-1",\n  "payload": {}\n}',
           "Rejected: UNKNOWN_TYPE."),
    Preset("not-a-request", GATE, "Not a request",
           '{\n  "source": "some-browser-extension",\n  "payload": { "event": "hello" }\n}',
           "Dropped without an answer: not a request."),
    Preset("decoy", GATE, "From the decoy frame", _sso(),
           "The decoy posts it to the bus. Dropped: it does not embed the bus.", "decoy"),
    Preset("flood", GATE, "200 from the decoy frame", _sso(),
           "Dropped; 20 are reported one by one, the rest as a number.", "flood"),
)  # fmt: skip


def preset(key: str) -> Preset | None:
    """The preset of that name."""
    for each in PRESETS:
        if each.key == key:
            return each
    return None


def groups() -> list:
    """The names of the groups, in order."""
    names = []
    for each in PRESETS:
        if each.group not in names:
            names.append(each.group)
    return names
