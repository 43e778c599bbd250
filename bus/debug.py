"""The reports of a debug build to its host: facts, never a value (protocol.md, "Debug builds")."""

import json
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count

from .ports import Body, Fetch, Now

current: ContextVar[int | None] = ContextVar("current", default=None)
"""The early listener's number for the message that is being handled."""


@dataclass(frozen=True)
class Debug:
    """Reports each call between the bus and the backend to the host.

    bus/early.js reports what happens to each message.
    """

    tell: Callable[[str], None]
    """Gets one report, as JSON."""
    now: Now
    _calls: Iterator[int] = field(default_factory=lambda: count(1))
    """One count for all calls, whichever fetch makes them."""

    def fetch(self, fetch: Fetch) -> Fetch:
        """Return a fetch that reports each call to the host, when it begins and when it ends."""

        async def told(url: str, *, headers: dict[str, str], body: str | None) -> Body:
            call = {
                "call": next(self._calls),
                "method": "GET" if body is None else "POST",
                "url": url.partition("?")[0],
            }
            began = self.now()
            self.report("backend", **call)

            def end(**facts: object) -> None:
                self.report("backend", **call, ms=round((self.now() - began) * 1000), **facts)

            try:
                return _Told(await fetch(url, headers=headers, body=body), end)
            except BaseException as error:
                end(outcome=_outcome(error))
                raise

        return told

    def report(self, event: str, **facts: object) -> None:
        """Send a report to the host, with the message's number if it belongs to a message."""
        number = current.get()
        numbered = {} if number is None else {"number": number}
        self.tell(json.dumps({"event": event, **numbered, **facts}))

    def session(self, reason: str) -> None:
        """Tell the host where sessions are kept: in the partition, or in memory for `reason`."""
        # Without a message's number: it was found out during one message, but holds for all.
        facts = {"kept": "memory", "reason": reason} if reason else {"kept": "partition"}
        self.tell(json.dumps({"event": "session", **facts}))


class _Told:
    """A body that reports its end; see `bus.ports.Body`."""

    def __init__(self, body: Body, end: Callable[..., None]) -> None:
        self.status = body.status
        self.retry_after = body.retry_after
        self._body = body
        self._end = end

    def header(self, name: str) -> str | None:
        return self._body.header(name)

    async def read(self, limit: int) -> bytes | None:
        try:
            data = await self._body.read(limit)
        except BaseException as error:
            self._end(status=self.status, outcome=_outcome(error))
            raise
        self._end(status=self.status, outcome="answered")
        return data


def _outcome(error: BaseException) -> str:
    return "aborted" if isinstance(error, CancelledError) else "failed"
