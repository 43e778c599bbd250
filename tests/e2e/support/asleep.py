"""Imitates a sleeping machine: the processes of pages stop, and the clock continues."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

PAGES = ("--type=renderer", "-contentproc", "WebKitWebProcess")
"""What the processes that run pages have in their command lines, in the three engines."""


@contextmanager
def asleep() -> Iterator[None]:
    """Stop all processes that run pages in these tests' browsers, and let them continue."""
    pages = _pages()
    assert pages, "no process that runs pages was found"
    for pid in pages:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pages:
            os.kill(pid, signal.SIGCONT)


def _pages() -> list[int]:
    """Return the ids of those among the descendants of this process that run pages."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,args="], check=True, capture_output=True, text=True
    ).stdout
    commands: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        pid, parent, command = line.split(None, 2)
        commands[int(pid)] = command
        children.setdefault(int(parent), []).append(int(pid))
    ours = [os.getpid()]
    for each in ours:
        ours += children.get(each, [])
    return [pid for pid in ours if any(mark in commands[pid] for mark in PAGES)]
