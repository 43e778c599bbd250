"""One complete answer of a backend or a provider, of limited size."""

from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import JsonValue

from ..errors import BusError, Rejected
from ..json_text import parse_json
from ..ports import Body, Fetch
from . import MAX_BODY_BYTES


@dataclass(frozen=True)
class Reply:
    """A status and its body; the body is None if it is larger than 1 MiB."""

    status: int
    body: bytes | None
    retry_after: str | None = None
    """The header of that name, if it can be read."""

    @property
    def good(self) -> bool:
        """Whether the status means success (RFC 9110, 15.3)."""
        return 200 <= self.status <= 299

    def json(self) -> JsonValue:
        """Return the JSON value in the body. Raises ValueError if it holds none."""
        if self.body is None:
            raise ValueError("too large")
        return parse_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises ValueError if it holds none."""
        value = self.json()
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return value


async def ask(
    fetch: Fetch, url: str, *, headers: dict[str, str], body: str | None, heads: list[Body]
) -> Reply:
    """Send one request and read its answer; the head is added to `heads` as soon as it arrives.

    Raises FetchFailed.
    """
    response = await fetch(url, headers=headers, body=body)
    heads.append(response)
    return Reply(response.status, await response.read(MAX_BODY_BYTES), response.retry_after)


def status_of(heads: list[Body]) -> int | None:
    """Return the status of the last answer whose head arrived, or None."""
    return heads[-1].status if heads else None


def refused(reply: Reply) -> NoReturn:
    """Raise the error for an error status: Rejected with its JSON, or else BusError BACKEND_ERROR."""
    try:
        error = reply.json()
    except ValueError:
        problem = "without JSON in its answer" if reply.body is not None else "and more than 1 MiB"
        raise BusError(
            "BACKEND_ERROR",
            f"The backend failed with status {reply.status} {problem}.",
            status=reply.status,
        ) from None
    raise Rejected(error, status=reply.status)
