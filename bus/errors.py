"""The error that the bus answers with."""

from dataclasses import dataclass
from typing import Literal, get_args

Code = Literal[
    "INVALID_MESSAGE",
    "INVALID_PAYLOAD",
    "UNKNOWN_TYPE",
    "NO_SESSION",
    "ORIGIN_MISMATCH",
    "BACKEND_UNREACHABLE",
    "BACKEND_TIMEOUT",
    "BACKEND_ERROR",
    "BACKEND_INVALID",
    "PROVIDER_MISCONFIGURED",
    "ID_TOKEN_INVALID",
    "CANCELLED",
    "PAGE_HIDDEN",
    "OVERLOADED",
    "BOOT_FAILED",
    "RUNTIME_DIED",
    "INTERNAL",
]
"""The protocol's error codes (protocol.md, "Errors"). The codes are API, the wording is not."""

CODES: tuple[Code, ...] = get_args(Code)


@dataclass(frozen=True)
class Detail:
    """One field that is wrong: where it is, and what is wrong with it. Never its value."""

    loc: tuple[str | int, ...]
    message: str


class BusError(Exception):
    """An expected failure that becomes a `_REJECTED` reply (protocol.md, "Errors").

    `message` and `details` never repeat a value that was sent. `status` is the backend's HTTP
    status where a response was received.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: tuple[Detail, ...] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code: Code = code
        self.message = message
        self.details = details
        self.status = status


def invalid_field(name: str, message: str) -> BusError:
    """Return a BusError INVALID_PAYLOAD about one field of the payload."""
    return BusError(
        "INVALID_PAYLOAD",
        "The payload does not fit; see details.",
        details=(Detail((name,), message),),
    )


class Rejected(Exception):
    """The backend refused the request with its own JSON, which the host gets unchanged."""

    def __init__(self, error: object, *, status: int) -> None:
        super().__init__(f"the backend rejected the request with status {status}")
        self.error = error
        self.status = status


def misconfigured(message: str, *, status: int | None = None) -> BusError:
    """Return a BusError PROVIDER_MISCONFIGURED; `message` says what to change, and where."""
    return BusError("PROVIDER_MISCONFIGURED", message, status=status)
