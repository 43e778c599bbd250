import re
from typing import Any

import pytest

from host.demo.pages.words import REASONS, duration, explained, outcome, story, tick
from host.tools.paths import ROOT

# Where the bus decides: what it says there has to be explained.
DECIDE = [
    (ROOT / "bus" / name).read_text("utf-8")
    for name in ("early.js", "requests.js", "gate.py", "app.py")
]


def test_every_reason_of_the_bus_is_explained() -> None:
    early, requests, gate, app = DECIDE
    said = set(
        re.findall(r'return "([a-z][a-z ]+)"', early.split("// ---- what a debug build")[0] + gate)
    )
    said |= set(re.findall(r'ignored\((?:why \?\? )?"([^"]+)"', early)) | set(
        re.findall(r'reason: "([^"]+)"', requests)
    )
    said |= set(re.findall(r'_ignore\([^,]+, "([^"]+)"', app))
    assert len(said) == 5
    assert said <= set(REASONS)


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        ("dropped", "not a request", "dropped: not a request"),
        ("rejected", "UNKNOWN_TYPE", "rejected: UNKNOWN_TYPE"),
        ("rejected", "", "rejected by the backend"),
        ("failed", "TIMEOUT", "failed: TIMEOUT"),
        ("failed", "", "failed"),
        ("answered", "status 200", "status 200"),
        ("accepted", "", "accepted"),
    ],
)
def test_outcomes(state: str, reason: str, shown: str) -> None:
    assert outcome(state, reason) == shown


def test_only_what_was_dropped_needs_a_sentence() -> None:
    assert explained("dropped", "not a request") == REASONS["not a request"]
    assert explained("dropped", "another reason") == ""
    assert explained("rejected", "not a request") == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "< 1 ms"), (0.9, "< 1 ms"), (1, "1 ms"), (12.5, "13 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (5646, "5.65 s"), (61_000, "61.00 s")],
)  # fmt: skip
def test_durations(value: float, shown: str) -> None:
    assert duration(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (25, "25 ms"), (500, "500 ms"), (1000, "1 s"), (2500, "2.5 s"), (10_000, "10 s")]
)  # fmt: skip
def test_points_on_an_axis(value: int, shown: str) -> None:
    assert tick(value) == shown


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (("A.B", "dropped", "not a request", None, None), f"A.B: dropped by the bus, because {REASONS['not a request']}. There is no reply."),
        (("no type", "dropped", "new", None, None), "A message without a type: dropped by the bus, because new. There is no reply."),
        (("A.B", "sent", "", None, None), "A.B: sent. Waiting for the reply."),
        (("BUS.CANCEL", "accepted", "", None, 0), "BUS.CANCEL: accepted. No reply is due."),
        (("A.B", "accepted", "", ("rejected", "UNKNOWN_TYPE"), 12.2), "A.B: accepted, then rejected: UNKNOWN_TYPE (12 ms)."),
        (("A.B", "accepted", "", ("fulfilled", ""), None), "A.B: accepted, then fulfilled."),
    ],
)  # fmt: skip
def test_what_became_of_a_message(told: tuple[Any, ...], shown: str) -> None:
    assert story(*told) == shown
