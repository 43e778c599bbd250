"""What the host page works out without a browser: addresses, checks, and text to show.

Runs on MicroPython in the page and on CPython in the tests, so it imports only what both have.
"""

import binascii

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def base64url(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 7636, appendix A)."""
    text = binascii.b2a_base64(data).decode().strip()
    return text.replace("+", "-").replace("/", "_").rstrip("=")


def query(fields: tuple[tuple[str, str], ...]) -> str:
    """Pairs as a query string, percent-encoded."""
    return "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in fields)


def _quoted(text: str) -> str:
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8")
    )


def authorize_url(
    endpoint: str,
    client_id: str,
    redirect_url: str,
    state: str,
    challenge: str,
    more: tuple[tuple[str, str], ...] = (),
) -> str:
    """Where a sign-in begins (RFC 6749, 4.1.1; RFC 7636, 4.3). `more`: parameters beside these."""
    fields = (
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_url),
        ("state", state),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    )
    return f"{endpoint}?{query(fields + more)}"


def problem(kept: dict | None, answer: dict, provider: str) -> dict | None:
    """Why a provider's answer must not be used, as an error to show; None if its code can be sent.

    `kept` is what the page remembered when the sign-in began: without the same `state` in the
    answer, somebody else may have begun it (RFC 6749, 10.12). `iss` must be the provider that was
    asked (RFC 9207).
    """
    if kept is None or not kept.get("state") or answer.get("state") != kept["state"]:
        return {
            "code": "STATE_MISMATCH",
            "message": "the answer does not belong to a sign-in of this page",
        }
    if answer.get("iss") != provider:
        return {"code": "ISSUER_MISMATCH", "message": "the answer names another identity provider"}
    if answer.get("error"):
        return {"code": answer["error"], "message": answer.get("error_description", "")}
    if not answer.get("code"):
        return {"code": "CODE_MISSING", "message": "the answer holds neither a code nor an error"}
    return None


def kind(credentials: dict) -> str:
    """What sort of credentials these are, in words."""
    if "legacy_token" in credentials:
        return "Legacy: one token, never expires"
    return "Migrated: ID token and refresh token"


def countdown(seconds: float) -> str:
    """Time left as mm:ss, never below zero."""
    left = max(0, int(seconds + 0.999))
    return f"{left // 60:02d}:{left % 60:02d}"


def milliseconds(value: float) -> str:
    """A duration in ms, with thousands set apart."""
    digits = str(max(0, int(value + 0.5)))
    groups = []
    while digits:
        groups.insert(0, digits[-3:])
        digits = digits[:-3]
    return ",".join(groups) + " ms"


def seconds(value: float) -> str:
    """A running time, given in ms, to tenths of a second."""
    tenths = max(0, int(value / 100))
    return f"{tenths // 10}.{tenths % 10} s"


def answered_by(meta: dict | None) -> str:
    """Who made an error, from a BusError's `meta`."""
    meta = meta or {}
    who = {
        "backend": "the backend",
        "bus": "the bus",
        "provider": "the identity provider",
        "host": "this page",
    }.get(meta.get("source"), "the embed module, on this page")
    if meta.get("status") is not None:
        return f"{who}, status {meta['status']}"
    return who


class Steps:
    """How long each step of a sign-in took. Times are milliseconds, of one clock for each step."""

    NAMES = ("redirect", "listening", "ready", "exchange")

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._failed: str | None = None

    def begin(self, name: str, now: float) -> None:
        """The step starts, again if necessary."""
        self._began[name] = now
        self._took.pop(name, None)
        if self._failed == name:
            self._failed = None

    def end(self, name: str, now: float) -> None:
        """The step is done."""
        if name in self._began:
            self._took[name] = now - self._began[name]

    def fail(self, name: str) -> None:
        """The step went wrong, if it was under way."""
        if self.state(name) == "running":
            self._failed = name

    def state(self, name: str) -> str:
        """One of "pending", "running", "done", "failed"."""
        if name in self._took:
            return "done"
        if name == self._failed:
            return "failed"
        return "running" if name in self._began else "pending"

    def text(self, name: str) -> str:
        """What to show beside the step."""
        return {
            "done": milliseconds(self._took.get(name, 0)),
            "failed": "failed",
            "running": "under way",
            "pending": "not yet",
        }[self.state(name)]
