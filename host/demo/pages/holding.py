"""What the page knows of a session, and what a host would show. Runs on MicroPython and on CPython.

Times are seconds since the epoch, by the clock of the user's machine.
"""

HERE, ELSEWHERE, KEPT = "this tab", "another tab", "the record that was kept"
"""Where the tokens of a push come from."""

SKEWED = 60
"""Seconds: a clock that is wrong by less is not mentioned."""

SEEN = {
    "": "A button to sign in.",
    "signed out": "“You are signed out.”, and a button to sign in.",
    "expired": "“Your session has ended. Please sign in again.”",
    "another tab": "“You have signed out in another tab.”, and a button to sign in.",
    "good": "The app, as always.",
    "failing": "The app, as always. A refresh has failed; the bus tries again, and the token is still valid.",
    "late": "A moment’s wait.",
    "unreachable": "“We cannot reach our service right now. You are still signed in, and we keep trying.”",
}
"""What the host's user would see, by the state of the session."""

PLACES = {
    "": "",
    "partition": "by the browser, for this bus under this site",
    "memory": "in memory: it ends with this page",
}


def place(kept: str, why: str) -> str:
    """Where the bus keeps the session, in words; `why` in memory, if it is."""
    return f"{PLACES.get(kept, kept)} ({why})" if why else PLACES.get(kept, kept)


class Holding:
    """A session as its host sees it; empty while nobody is signed in."""

    def __init__(self, margin: float) -> None:
        self.margin = margin  # seconds: the bus's refresh_margin_seconds
        self.clear("")

    def clear(self, ended: str) -> None:
        """Nobody is signed in; `ended` says why, by a key of SEEN."""
        self.user = None
        self.company = None
        self.credentials = {}
        self.ended = ended
        self.expires = None  # when the ID token does; None: never, or not known yet
        self.life = 0.0  # of the ID token, in seconds
        self.skew = 0.0  # by how many seconds the clock that made the token is ahead
        self.refreshed = None  # when tokens came last
        self.by = ""  # where they came from
        self.failing = False  # whether the last refresh has failed
        self.error = ""  # the code that AUTH.CREDENTIALS was rejected with, if it was

    def met(self, user: dict) -> None:
        """It is known who is signed in, and nothing else yet."""
        self.clear("")
        self.user = user

    def take(self, payload: dict, claims: dict) -> None:
        """Credentials have come. `claims`: those of the ID token, empty if there are none."""
        self.user = payload["currentUser"]
        self.company = payload["company"]
        self.credentials = payload["credentials"]
        self.ended = self.error = ""
        self.failing = False
        exp, iat = claims.get("exp"), claims.get("iat")
        self.expires = payload["expiresAt"] / 1000 if "expiresAt" in payload else exp
        self.life = exp - iat if exp and iat else 0.0
        self.skew = exp - self.expires if exp and self.expires else 0.0

    def left(self, now: float) -> float:
        """How many seconds the ID token is still good; 0 if it is not."""
        return max(0.0, self.expires - now) if self.expires is not None else 0.0

    def share(self, now: float) -> float:
        """The same in percent of its life."""
        return min(100.0, 100 * self.left(now) / self.life) if self.life else 0.0

    def ahead(self) -> float:
        """How many seconds before its end the ID token is refreshed (protocol.md, "The session")."""
        return min(self.margin, self.life / 2)

    def mark(self) -> float:
        """The same in percent of its life."""
        return 100 * self.ahead() / self.life if self.life else 0.0

    def to_refresh(self, now: float) -> float:
        """In how many seconds it will be refreshed; 0: it is due."""
        return max(0.0, self.left(now) - self.ahead())

    def over(self, now: float) -> bool:
        """Whether the ID token has expired."""
        return self.expires is not None and now >= self.expires

    def clock(self) -> str:
        """What is wrong with the clocks, in words; "" for nothing."""
        if abs(self.skew) <= SKEWED:
            return ""
        minutes = int(abs(self.skew) / 60 + 0.5)
        which = "ahead of" if self.skew > 0 else "behind"
        return f"The backend’s is {minutes} minutes {which} this machine’s. The bus counts from the token’s arrival."

    def state(self, now: float) -> str:
        """What has become of it, as a key of SEEN."""
        if self.user is None:
            return self.ended
        if self.error:
            return "unreachable"
        if self.over(now) or not self.credentials:
            return "late"
        return "failing" if self.failing else "good"
