"""Everything that a session gets as arguments."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..ports import Log, Now, Window
from ..settings.session import SessionSettings
from .backend import Backend
from .keyring import KeyRing
from .ports import Channel, Locks
from .schedule import Jitter
from .shelf import Shelf

T = TypeVar("T")

StartTask = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]
"""Starts a task."""


@dataclass
class Around:
    """What the sessions of a frame need, and the tasks that they have started."""

    settings: SessionSettings
    timeout_seconds: float
    """The time limit of one refresh, and of one request (`request_timeout_seconds`)."""
    shelf: Shelf
    locks: Locks
    channel: Channel
    window: Window
    backend: Backend
    now: Now
    monotonic: Now
    """A monotonic clock, in seconds: it shows by how much the wall clock was set back."""
    jitter: Jitter
    new_id: Callable[[], str]
    """Returns a new unguessable string each time."""
    log: Log
    report: Callable[[Exception], None]
    """Gets a defect of the bus (`bus.app.Bus.report`)."""
    keys: KeyRing | None = None
    """The keys of the sessions, if the settings have `dpop`: then each session has one."""
    start: StartTask = asyncio.ensure_future
    """Starts a task. In a browser, its first step comes at once (`asyncio.eager_task_factory`)."""
    _tasks: set["asyncio.Task[Any]"] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Start background work; an exception that it raises is reported."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def revoke(self, refresh_token: str) -> None:
        """Try to revoke a refresh token; log a failure."""
        if not await self.backend.revoke(refresh_token):
            self.log("session: a refresh token could not be revoked")

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.report(error)
