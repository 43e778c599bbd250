"""Judges the times in a record by a wall clock that may be wrong, and may be set.

All times are milliseconds since the epoch by this browser's clock. All durations are milliseconds,
except those with `seconds` in their name.
"""

from typing import Any, Final

from ..messages import MigratedCredentials
from .around import Around
from .claims import claims_in
from .record import LIFE_SECONDS, Record

SET_BACK_SECONDS: Final = 1.0
"""If the wall clock falls this far behind the monotonic clock, it was set back. If it gets ahead, that
means nothing: the monotonic clock may stop while a machine sleeps."""
REST_MS: Final = 5_000
"""Tokens with a very short life are not refreshed more often than this, except on request."""
WARN_MS: Final = 60_000
LOOK_SECONDS: Final = 30.0
"""The longest timer (protocol.md, "The session")."""
SOON_SECONDS: Final = 0.05
DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
ACTIVE_MS: Final = 1_000
"""The precision with which the time of the last request is stored."""


class Age:
    """Judges the times of one host's record."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._anchor: tuple[float, float] | None = None
        self._lost = 0.0
        """By how much the clock was set back since the record was last seen."""
        self._set_back = 0.0
        """By how much it was set back since this pair of tokens arrived."""
        self._pair: tuple[str, int] | None = None
        self._online = False
        self._defied: int | None = None

    def ms(self) -> int:
        """Return the time now."""
        wall, mono = self._around.now(), self._around.monotonic()
        if self._anchor is not None:
            behind = (mono - self._anchor[1]) - (wall - self._anchor[0])
            if behind > SET_BACK_SECONDS:
                self._lost += behind * 1000
        self._anchor = (wall, mono)
        return round(wall * 1000)

    def see(self, record: Record) -> None:
        """Note the current record."""
        self.ms()
        pair = (record.generation, record.turn)
        self._set_back = self._lost + (self._set_back if pair == self._pair else 0)
        self._pair, self._lost = pair, 0
        if self._online and record.pause:
            self._defied = record.pause.at
        self._online = False

    def online(self) -> None:
        """The browser is online again: end the current pause, unless the backend asked for it."""
        self._online = True

    # -- the session ---------------------------------------------------------------------------------

    def over(self, record: Record) -> bool:
        """Whether the session has ended by age, by idleness, or with tokens that cannot be refreshed."""
        now, settings = self.ms(), self._around.settings
        oldest = min(record.expires, record.signed_in + round(settings.max_age_days * DAY_MS))
        if now >= oldest or (0 < self._idle() <= now - record.active):
            return True
        return record.tokens is not None and not record.refresh_token and self.left(record) <= 0

    def worth_noting(self, record: Record) -> bool:
        """Whether a request now postpones the end by idleness."""
        return bool(self._idle()) and abs(self.ms() - record.active) >= ACTIVE_MS

    def _idle(self) -> float:
        return self._around.settings.idle_minutes * MINUTE_MS

    # -- the tokens ----------------------------------------------------------------------------------

    def times(self, id_token: str, arrival: int) -> dict[str, Any]:
        """Return the fields of a record for the times of an ID token that has just arrived."""
        claims = claims_in(id_token)
        life, skew = LIFE_SECONDS * 1000, 0
        if claims.iat is not None:
            skew = _bounded(claims.iat * 1000 - arrival)
            if claims.exp is not None and claims.exp > claims.iat:
                life = _bounded((claims.exp - claims.iat) * 1000)
        if abs(skew) > WARN_MS:
            self._around.log("session: this machine's clock and the backend's differ by minutes")
        return {"arrival": arrival, "life": max(life, 1), "skew": skew}

    def left(self, record: Record) -> float:
        """Return how long all tokens are still valid; 0 or less if one is not, or may not be."""
        now = self.ms()
        if now < record.arrival - SET_BACK_SECONDS * 1000:
            return -1  # the clock was set back by an unknown amount
        return self.expires_at(record) - record.life + min(_lives(record)) - now

    def expires_at(self, record: Record) -> int:
        """Return when the ID token expires."""
        return round(record.arrival + record.life - self._set_back - self._lost)

    def dated(self, tokens: MigratedCredentials) -> MigratedCredentials:
        """Return the current tokens with the time when the access token expires, as for the ID token."""
        lost = round(self._set_back + self._lost)
        if not (tokens.accessTokenExpiresAt and lost):
            return tokens
        at = tokens.accessTokenExpiresAt - lost
        return tokens.model_copy(update={"accessTokenExpiresAt": at})

    def good(self, record: Record, seconds: float) -> bool:
        """Whether each token stays valid for `seconds`, or for half its life if that is less."""
        if self._around.backend.access_tokens and not (record.tokens and record.tokens.accessToken):
            return False  # it was made before the settings gave hosts access tokens
        return self.left(record) > 0 and self._due(record, seconds) >= 0

    def _due(self, record: Record, seconds: float) -> float:
        """Return in how many milliseconds the first token stops being good for `seconds`."""
        gone = self.ms() - self.expires_at(record) + record.life
        return min(life - min(seconds * 1000, life / 2) for life in _lives(record)) - gone

    def wants(self, record: Record) -> bool:
        """Whether the tokens need a refresh: one expires soon or is missing, or an answer may be lost."""
        if not record.refresh_token:
            return False
        margin = self._around.settings.refresh_margin_seconds
        return self.lost(record) or record.pause is not None or not self.good(record, margin)

    def rested(self, record: Record) -> bool:
        """Whether the last refresh was long enough ago."""
        return not 0 <= self.ms() - record.arrival < REST_MS

    def lost(self, record: Record) -> bool:
        """Whether a refresh was marked and never finished: its answer may be lost."""
        return record.mark is not None and not self.under_way(record)

    def under_way(self, record: Record) -> bool:
        """Whether a tab marked a refresh that may still finish."""
        limit = self._around.timeout_seconds * 1000
        return record.mark is not None and abs(self.ms() - record.mark.at) < limit

    def pausing(self, record: Record) -> bool:
        """Whether a refresh has failed and the next one has to wait."""
        return self._pause_left(record) > 0

    def _pause_left(self, record: Record) -> float:
        pause = record.pause
        if pause is None or (pause.at == self._defied and not pause.asked):
            return 0
        gone = self.ms() - pause.at
        # A pause that lies in the future began before the clock was set back.
        return pause.seconds * 1000 - gone if gone > -SET_BACK_SECONDS * 1000 else 0

    # -- the next look -------------------------------------------------------------------------------

    def next_look_seconds(self, record: Record | None) -> float:
        """Return how long to wait before the record is checked again."""
        waits = [LOOK_SECONDS]
        if record:
            now, margin = self.ms(), self._around.settings.refresh_margin_seconds
            waits.append((record.expires - now) / 1000)
            if idle := self._idle():
                waits.append((record.active + idle - now) / 1000)
            if record.mark:
                waits.append((record.mark.at - now) / 1000 + self._around.timeout_seconds)
            if record.tokens and record.pause:
                waits.append(self._pause_left(record) / 1000)
            elif record.refresh_token:
                due = self._due(record, margin)
                waits.append(max(due, record.arrival + REST_MS - now) / 1000)
            elif record.tokens:
                waits.append(self.left(record) / 1000)
        return min(wait for wait in waits if wait > 0) + SOON_SECONDS


def _lives(record: Record) -> list[int]:
    """Return how long each token lives, in milliseconds from its arrival, as far as that is known."""
    tokens, lives = record.tokens, [record.life]
    if tokens and tokens.accessTokenExpiresAt:
        lives.append(max(tokens.accessTokenExpiresAt - record.arrival, 1))
    return lives


def _bounded(value: float) -> int:
    """Return the time, limited so that a token with odd dates cannot make it too large to store."""
    return round(max(min(value, 1e14), -1e14))
