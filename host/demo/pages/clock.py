"""The page's clock: milliseconds since its navigation began."""

import time

from pyscript import window


def now() -> float:
    """Milliseconds on a clock that never goes back."""
    return window.performance.now()


def on_page(at: float) -> float:
    """A time since the epoch on the page's clock.

    All processes share the wall clock; `performance.timeOrigin` is each one's own idea of it.
    """
    return now() - (time.time() * 1000 - at)


def time_of_day(at: float) -> str:
    """The time of day, where the user is, from the page's clock."""
    date = window.Date.new(time.time() * 1000 - (now() - at))
    return f"{date.getHours():02d}:{date.getMinutes():02d}:{date.getSeconds():02d}"
