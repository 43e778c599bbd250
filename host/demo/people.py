"""Who can be chosen on the stand-in's login page, and what the backend does with each."""

from dataclasses import dataclass, field
from typing import Any, Literal

Backend = Literal["answers", "refuses", "is slow", "hangs", "is down"]


@dataclass(frozen=True)
class Person:
    """One row of the login page."""

    key: str
    label: str
    outcome: str
    """What the host will get, in a sentence; {life} stands for how long an ID token lives."""
    user: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    legacy: bool = False
    backend: Backend = "answers"
    late: bool = False
    """Whether the code has expired by the time it is issued."""


# Nested, with fields no bus has heard of and letters beyond ASCII: all of it has to arrive.
COMPANY = {
    "id": "c-2041",
    "name": "Blåvand Logistik ApS",
    "city": "Esbjerg",
    "plan": {"name": "Team", "seats": 25, "features": ["routing", "customs"]},
}
_MIRA = {
    "id": "u-1017",
    "name": "Mira Łukasiewicz",
    "email": "mira@blavand.example",
    "roles": ["dispatcher", "admin"],
    "locale": "da-DK",
}
_TOMAS = {
    "id": "u-0093",
    "name": "Tomás Ferreira",
    "email": "tomas@blavand.example",
    "roles": ["driver"],
    "locale": "pt-PT",
}
_JUN = {
    "id": "u-1530",
    "name": "Jun Park (박준)",
    "email": "jun@blavand.example",
    "roles": [],
    "locale": "ko-KR",
}

PEOPLE = (
    Person(
        "migrated",
        "Mira Łukasiewicz, migrated user",
        "The host gets an ID token that expires after {life}, and a refresh token.",
        _MIRA,
        COMPANY,
    ),
    Person(
        "legacy",
        "Tomás Ferreira, legacy user",
        "The host gets one legacy token, which never expires.",
        _TOMAS,
        COMPANY,
        legacy=True,
    ),
    Person(
        "refused",
        "Jun Park, suspended user",
        "The backend refuses with status 403. The host gets its JSON error unchanged.",
        _JUN,
        COMPANY,
        backend="refuses",
    ),
)

SITUATIONS = (
    Person(
        "expired",
        "A code that has expired",
        "The backend refuses it with status 400. The host gets its JSON error unchanged.",
        _MIRA,
        COMPANY,
        late=True,
    ),
    Person(
        "slow",
        "A backend that is slow",
        "The answer takes 3 seconds. The host waits, then gets the credentials.",
        _MIRA,
        COMPANY,
        backend="is slow",
    ),
    Person(
        "hanging",
        "A backend that hangs",
        "No answer at all. The host gets BACKEND_TIMEOUT once the time limit of the bus is up.",
        _MIRA,
        COMPANY,
        backend="hangs",
    ),
    Person(
        "down",
        "A backend that is down",
        "The connection breaks without an answer. The host gets BACKEND_UNREACHABLE.",
        _MIRA,
        COMPANY,
        backend="is down",
    ),
)

BY_KEY = {person.key: person for person in PEOPLE + SITUATIONS}

BY_EMAIL = {person.user["email"]: person for person in PEOPLE}
"""Who can sign in with a password."""

PASSWORD = "demo"  # noqa: S105 - everybody's, and shown on the page
"""Of everybody."""
