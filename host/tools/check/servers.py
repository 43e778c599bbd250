"""Checks a server as a whole: its TLS and its clock."""

from email.utils import parsedate_to_datetime
from typing import Final

from bus.settings import JsonSso, Settings
from bus.settings.oidc import OidcSso

from .asking import Answer, Asker
from .report import Part

RENEW_DAYS: Final = 14
"""A certificate that expires within this many days gets a warning."""

_SKEW: Final = 60.0
"""By how many seconds a `json` backend's clock may differ without a warning."""
_DAY: Final = 86_400


def check_servers(settings: Settings, ask: Asker) -> Part:
    """Return the rows about each origin that has got a request so far."""
    part = Part("Servers")
    for origin, answer in ask.answers.items():
        look_at_tls(part, origin, answer)
        _look_at_clock(part, origin, answer, settings.sso)
    return part


def look_at_tls(part: Part, origin: str, answer: Answer) -> None:
    """Add a row about an origin's TLS."""
    if answer.tls is None:  # the settings allow that only on this machine
        part.add("warning", "TLS", f"none: {origin} is on this machine", "For development only.")
        return
    days = int((answer.tls.ends_at - answer.arrived_at) / _DAY)
    found = f"{answer.tls.version}; the certificate of {origin} expires in {days} days"
    if days < RENEW_DAYS:
        part.add("warning", "TLS", found, "Renew it in time.")
    else:
        part.add("ok", "TLS", found)


def clock_error(answer: Answer) -> float | None:
    """Return by how many seconds, at least, the server's clock is ahead of ours; None if it is silent.

    Its Date (RFC 9110, 6.6.1) has whole seconds, and was written some time between question and
    answer; a cache says how old it is (RFC 9111, 5.1).
    """
    try:
        date = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        date += int(answer.headers.get("age", "0"))
    except (ValueError, OverflowError):
        return None
    if date > answer.arrived_at:
        return date - answer.arrived_at
    return min(date + 1 - answer.sent_at, 0.0)


def _look_at_clock(part: Part, origin: str, answer: Answer, sso: JsonSso | OidcSso) -> None:
    error = clock_error(answer)
    strict = isinstance(sso, OidcSso)  # tokens of the other kind are timed from their arrival
    skew = sso.clock_skew_seconds if isinstance(sso, OidcSso) else _SKEW
    if error is None:
        part.add("skipped", "clock", f"{origin} sends no Date that can be read")
    elif abs(error) <= skew / 2:
        part.add("ok", "clock", f"{origin} and this machine agree")
    else:
        off = "ahead of" if error > 0 else "behind"
        part.add(
            "error" if strict and abs(error) > skew else "warning",
            "clock",
            f"{origin} is {abs(error):.0f} s {off} this machine; {skew:g} s are accepted",
            "Set the clock that is wrong by a time server (NTP). Browsers' clocks count as well.",
        )
