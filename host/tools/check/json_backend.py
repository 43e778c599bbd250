"""Checks a backend that implements the bus's own contract (protocol.md, "The backend contract")."""

from typing import Final

from bus.exchange.reply import Reply
from bus.settings import JsonSso, Settings

from .address import Address
from .asking import Answer, Asker
from .report import Part

_HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_EMPTY: Final = "{}"
"""The body that is sent: no code, no token, no password."""
_COST: Final = "Without it, the host gets BACKEND_UNREACHABLE instead of the reason."
_REVOKES: Final = "bus.session.revoke_url"


def check_backend(settings: Settings, ask: Asker, bus_origin: str | None) -> list[Part]:
    """Return the rows about each of the backend's addresses."""
    parts = []
    for name, url in _addresses(settings).items():
        part = Part(f"{name}: {url}")
        parts.append(part)
        address = Address(part, ask, url, bus_origin)
        address.preflight("POST", ["content-type"])
        if (answer := address.answer("POST", _HEADERS, _EMPTY)) is not None:
            _judge(part, answer, revokes=name == _REVOKES)
            address.readable(answer, "this answer", _COST)
    return parts


def _addresses(settings: Settings) -> dict[str, str]:
    sso, session, password = settings.sso, settings.session, settings.password
    urls = {
        "bus.sso.exchange_url": sso.exchange_url if isinstance(sso, JsonSso) else None,
        "bus.session.refresh_url": session.refresh_url if session else None,
        _REVOKES: session.revoke_url if session else None,
        "bus.password.sign_in_url": password.sign_in_url if password else None,
    }
    return {name: url for name, url in urls.items() if url}


def _judge(part: Part, answer: Answer, *, revokes: bool) -> None:
    """Add a row about how an empty request was answered."""
    status = f"status {answer.status}"
    if answer.status in (404, 405):
        part.add("error", "answer", f"{status}: it does not accept POST", "Correct the address.")
    elif answer.status == 415:
        part.add("error", "answer", f"{status}: it refuses JSON", "Accept application/json.")
    elif answer.status >= 500:
        part.add("warning", "answer", f"{status} to an empty request", "Answer it with 400.")
    elif answer.status < 400 and not revokes:
        part.add("error", "answer", f"{status} to an empty request", "Refuse it, with 400.")
    elif answer.status < 400 or _is_json(answer):
        part.add("ok", "answer", f"{status} to an empty request")
    else:
        part.add(
            "warning",
            "answer",
            f"{status} to an empty request, without JSON: the host gets BACKEND_ERROR",
            "Send errors as JSON: the host gets them unchanged, and only they end a session.",
        )


def _is_json(answer: Answer) -> bool:
    try:
        Reply(answer.status, answer.body).json()
    except ValueError:
        return False
    return True
