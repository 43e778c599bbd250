"""What may be shown of a message: its secrets in outline. Runs on MicroPython and on CPython."""

CREDENTIALS = ("idToken", "refreshToken", "accessToken", "legacy_token")
"""What credentials may hold, in the order to show it: MicroPython's dicts keep none."""

SECRETS = CREDENTIALS + ("code", "codeVerifier", "nonce", "password")
"""Keys whose values are nobody's business but the receiver's."""

LONGEST = 600
"""A longer text is cut: what is sent to be too large is not shown whole."""


def masked(secret: str) -> str:
    """A secret's outline: its ends if it is long enough to spare them, and its length."""
    dots = "•" * 8
    if len(secret) < 32:
        return f"{dots} ({len(secret)} characters)"
    return f"{secret[:4]}{dots}{secret[-4:]} ({len(secret)} characters)"


def cut(text: str) -> str:
    """A text, or the beginning of one that is too long to show."""
    return text if len(text) <= LONGEST else f"{text[:40]}… ({len(text)} characters)"


def safe(key: str, value: object, error: bool = False) -> object:
    """What to show of a value that stands under `key`.

    `error`: it is part of an error, whose `code` says what went wrong and is no secret.
    """
    if not isinstance(value, str):
        return value
    if value.startswith("eyJ") or (key in SECRETS and not (error and key == "code")):
        return masked(value)
    return cut(value)
