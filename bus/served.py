"""Which types of requests a bus serves, by its settings."""

from .messages import SERVED, SERVED_WITH_PASSWORD, SERVED_WITH_SESSION
from .settings import Settings


def served(settings: Settings) -> tuple[str, ...]:
    """Return the types; the early listener gets them with the settings (protocol.md, "Messages")."""
    return (
        SERVED
        + (SERVED_WITH_SESSION if settings.session else ())
        + (SERVED_WITH_PASSWORD if settings.password else ())
    )
