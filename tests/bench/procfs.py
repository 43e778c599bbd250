"""What a browser's processes use, as Linux tells it in /proc (proc(5)): memory, processor time, wakes."""

import os
import re
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
GONE = (FileNotFoundError, ProcessLookupError)
"""What reading about a process raises that has ended meanwhile."""

TICK = 1000 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 10.0
"""Milliseconds."""


def missing(proc: Path = PROC) -> str | None:
    """Return why nothing can be measured here, or None."""
    if sys.platform != "linux":
        return "only Linux tells in /proc what a browser's processes use"
    if not (proc / "self/smaps_rollup").exists():
        return "this Linux has no smaps_rollup in /proc: it is older than 4.14, or built without it"
    return None


@dataclass(frozen=True)
class Stat:
    """One process (proc_pid_stat(5))."""

    parent: int
    group: int
    ticks: int
    """Its processor time, with that of its children that have ended, in ticks of the clock."""

    @classmethod
    def parse(cls, text: str) -> "Stat":
        """Read a /proc/PID/stat. The name in it may hold anything, blanks and brackets too."""
        fields = text[text.rindex(")") + 1 :].split()  # from the third on
        parent, group = fields[1:3]
        return cls(int(parent), int(group), sum(map(int, fields[11:15])))


def pss(text: str) -> int:
    """Return the bytes that a /proc/PID/smaps_rollup counts: shared memory in parts, swapped out or not."""
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE))
    return 1024 * (int(found["Pss"]) + int(found.get("SwapPss", 0)))


def switches(text: str) -> int:
    """Return how often the main thread of a /proc/PID/status has gone to sleep by itself."""
    (count,) = re.findall(r"^voluntary_ctxt_switches:\s+(\d+)$", text, re.MULTILINE)
    return int(count)


def processes(root: int, proc: Path = PROC) -> dict[int, Stat]:
    """Return the processes that belong to a browser: those in its group, and all their descendants."""
    there = {}
    for path in proc.glob("[0-9]*/stat"):
        with suppress(*GONE):
            there[int(path.parent.name)] = Stat.parse(path.read_text(errors="replace"))
    own = {pid for pid, stat in there.items() if root in (pid, stat.group)}
    while more := {pid for pid, stat in there.items() if stat.parent in own} - own:
        own |= more
    return {pid: there[pid] for pid in own}


def memory(root: int, proc: Path = PROC) -> int:
    """Return the bytes of all of a browser's processes. Raises PermissionError if they are secret."""
    return sum(map(pss, _read(processes(root, proc), "smaps_rollup", proc).values()))


def strangers(root: int, proc: Path = PROC) -> int:
    """Return how many processes run the same program and do not belong to this browser.

    They share its code, so that its own part of that memory seems smaller.
    """
    own, program = processes(root, proc), proc / str(root) / "exe"
    count = 0
    for path in proc.glob("[0-9]*/exe"):
        with suppress(OSError):  # it has ended, or is somebody else's
            count += int(path.parent.name) not in own and path.readlink() == program.readlink()
    return count


@dataclass(frozen=True)
class Usage:
    """What a browser has used so far."""

    at: float
    """Seconds of the monotonic clock."""
    ticks: int
    switches: dict[int, int]
    """Of the main thread of each process that renders pages."""


def usage(root: int, proc: Path = PROC) -> Usage:
    """Return what a browser has used so far."""
    own = processes(root, proc)
    named = _read(own, "cmdline", proc)
    renderers = [pid for pid, command in named.items() if "--type=renderer" in command]
    slept = _read(renderers, "status", proc)
    return Usage(
        at=time.monotonic(),
        ticks=sum(stat.ticks for stat in own.values()),
        switches={pid: switches(text) for pid, text in slept.items()},
    )


@dataclass(frozen=True)
class Spent:
    """What a browser has used in a minute."""

    milliseconds: float
    """Of processor time, in all processes."""
    wakes: float
    """Of the main threads that were there all the time and that render pages."""


def spent(before: Usage, after: Usage) -> Spent:
    """Return what was used between two moments, for a minute."""
    minutes = (after.at - before.at) / 60
    both = before.switches.keys() & after.switches.keys()
    return Spent(
        milliseconds=(after.ticks - before.ticks) * TICK / minutes,
        wakes=sum(after.switches[pid] - before.switches[pid] for pid in both) / minutes,
    )


def _read(pids: Iterable[int], name: str, proc: Path) -> dict[int, str]:
    found = {}
    for pid in pids:
        with suppress(*GONE):
            found[pid] = (proc / str(pid) / name).read_text(errors="replace")
    return found
