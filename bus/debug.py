"""What a debug build tells its host: facts, never a value (protocol.md, "Debug builds")."""

import json
from asyncio import CancelledError
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count

from .ports import Body, Fetch, Now

current: ContextVar[int | None] = ContextVar("current", default=None)
"""The early listener's number for the message that is being worked on."""


@dataclass(frozen=True)
class Debug:
    """Stands between the bus and the backend, and tells the host what passes.

    What becomes of each message is told where it ends (bus/early.js).
    """

    tell: Callable[[str], None]
    """Gets one report, as JSON."""
    now: Now

    def fetch(self, fetch: Fetch) -> Fetch:
        """Return a fetch that tells the host of each call, when it begins and when it ends."""
        calls = count(1)

        async def told(url: str, *, headers: dict[str, str], body: str | None) -> Body:
            call = {
                "call": next(calls),
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
        """Tell the host; where it belongs to a message, with that one's number."""
        number = current.get()
        numbered = {} if number is None else {"number": number}
        self.tell(json.dumps({"event": event, **numbered, **facts}))

    def session(self, reason: str) -> None:
        """Tell the host where sessions are kept: in the partition, or in memory for `reason`."""
        # Of no message: that it is so was found out when one came along, and holds for all.
        facts = {"kept": "memory", "reason": reason} if reason else {"kept": "partition"}
        self.tell(json.dumps({"event": "session", **facts}))


class _Told:
    """A body whose end is told; see `bus.ports.Body`."""

    def __init__(self, body: Body, end: Callable[..., None]) -> None:
        self.status = body.status
        self.retry_after = body.retry_after
        self._body = body
        self._end = end

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
