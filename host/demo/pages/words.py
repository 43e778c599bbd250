"""The words of the timeline. Runs on MicroPython and on CPython."""

REASONS = {
    "made by a script": "a script in the bus’s page made the event, not the browser",
    "not from the window that embeds the bus": "it came from a window that does not embed the bus",
    "origin not allowed": "its origin is not in the bus’s settings",
    "not a request": "it is not of the form that requests have",
    "a second delivery": "a request with this id is in flight already",
    "the answer did not pass": "state or issuer are not those of this page’s sign-in",
}
"""Why a message was dropped, for readers who do not know the gate's own words."""


def pushed(what: str, by: str, user: object) -> str:
    """What a push means. `by`: where tokens come from; `user`: who is signed in now, if anybody."""
    if what == "AUTH.TOKEN_REFRESHED" and not by:
        return ""  # only a debug build reports its calls
    if what == "AUTH.TOKEN_REFRESHED":
        return f"from {by}" if by.startswith("the ") else f"refreshed by {by}"
    if what == "AUTH.SESSION_CHANGED":
        return "another tab has signed in" if user else "another tab has signed out"
    return "the session is over" if what == "AUTH.REFRESH_TOKEN_EXPIRED" else ""


def outcome(state: str, reason: str) -> str:
    """The state of a row, in words."""
    if state == "dropped":
        return f"dropped: {reason}"
    if state == "rejected":
        return f"rejected: {reason}" if reason else "rejected by the backend"
    if state in ("failed", "pushed") and reason:
        return f"{state}: {reason}"
    if state == "answered":
        return reason
    return state


def explained(state: str, reason: str) -> str:
    """The reason in a sentence, if there is more to say."""
    return REASONS.get(reason, "") if state == "dropped" else ""


def duration(value: float) -> str:
    """A duration in ms, short."""
    if value < 1:
        return "< 1 ms"
    return f"{int(value + 0.5)} ms" if value < 999.5 else f"{value / 1000:.2f} s"


def soon(seconds: float) -> str:
    """In how long something is due, for a person."""
    if seconds <= 0:
        return "due now"
    return f"in {int(seconds + 0.999)} s" if seconds < 120 else f"in {int(seconds / 60)} min"


def tick(value: float) -> str:
    """A point on an axis, whose length is a round number."""
    if value < 1000:
        return f"{int(value)} ms" if value else "0"
    text = f"{value / 1000:.1f}"
    return f"{text[:-2] if text.endswith('.0') else text} s"


def story(what: str, state: str, reason: str, reply: tuple | None, took: float | None) -> str:
    """What happened to a message from the composer, for the person who waits for it."""
    if what == "no type":
        what = "A message without a type"
    if state == "dropped":
        return f"{what}: dropped by the bus, because {REASONS.get(reason, reason)}. There is no reply."
    if reply is None:
        return f"{what}: {state}. " + ("No reply is due." if took is not None else "Waiting for the reply.")
    text = f"{what}: accepted, then {outcome(*reply)}"
    return f"{text} ({duration(took)})." if took is not None else f"{text}."
