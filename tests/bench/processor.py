"""A slower processor for a browser: all of its processes run for a part of the time only."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.005
"""Seconds that the processes run at a time."""


@contextmanager
def slowed(group: int, times: int) -> Iterator[None]:
    """Stop a process group, over and over, so that it runs for one `times`-th of the time.

    On a busy machine it runs for longer, because this thread is late to stop it.
    """
    over = threading.Event()

    def pause() -> None:
        while not over.wait(SLICE):
            os.killpg(group, signal.SIGSTOP)
            time.sleep(SLICE * (times - 1))
            os.killpg(group, signal.SIGCONT)

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
