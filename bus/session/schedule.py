"""When to retry a refresh (protocol.md, "The session")."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_SECONDS: Final = 300.0
LONGEST_ASKED_SECONDS: Final = 3600.0

Jitter = Callable[[], float]
"""Returns a random number, at least 0 and less than 1."""


def pause_seconds(failures: int, jitter: Jitter) -> float:
    """Return how long to wait after this many failures in a row: 1, 2, 4 ... at most 300 seconds.

    Jitter makes it between half of that and all of it, so that tabs and users do not retry in step.
    """
    longest = min(LONGEST_SECONDS, 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * jitter())


def retry_after_seconds(header: str | None, now: float) -> float:
    """Return what `Retry-After` (RFC 9110, 10.2.3) asks for, at most 3,600 seconds; 0 for nothing.

    `now` is seconds since the epoch: the header may hold a date.
    """
    if header is None:
        return 0
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:10]), LONGEST_ASKED_SECONDS)
    try:
        at = parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return 0
    return min(max(at - now, 0.0), LONGEST_ASKED_SECONDS)
