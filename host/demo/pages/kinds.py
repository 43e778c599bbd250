"""Which types of messages a bus answers at all. Runs on MicroPython and on CPython."""

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FROM_BUS = (
    "BUS.LISTENING",
    "BUS.READY",
    "AUTH.TOKEN_REFRESHED",
    "AUTH.REFRESH_TOKEN_EXPIRED",
    "AUTH.SESSION_CHANGED",
)


def is_request(what: str) -> bool:
    """Whether a type has the form of a request's (protocol.md, "Messages")."""
    parts = what.split(".")
    return (
        len(parts) == 2
        and len(what) <= 64
        and all(_name(part) for part in parts)
        and not is_reply(what)
        and what not in FROM_BUS
    )


def is_reply(what: str) -> bool:
    """Whether a type is a reply's."""
    return what.endswith("_FULFILLED") or what.endswith("_REJECTED")


def _name(part: str) -> bool:
    return bool(part) and part[0] in UPPER and all(c in UPPER + "0123456789_" for c in part)
