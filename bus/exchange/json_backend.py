"""The backend that speaks the bus's own contract (protocol.md, "The backend contract")."""

from dataclasses import dataclass
from typing import NoReturn

from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from bus.deadline import within
from bus.errors import BusError, Rejected
from bus.exchange import MAX_BODY_BYTES
from bus.json_text import parse_json
from bus.messages import Answer, SignedIn, SsoPayload
from bus.ports import Body, Fetch, FetchFailed, Now

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True)
class JsonExchange:
    """POSTs the code to `url`. A code is single use, so nothing is ever sent twice."""

    url: str
    timeout_seconds: float
    fetch: Fetch
    now: Now
    uses_nonce: bool = False

    async def __call__(self, asked: SsoPayload) -> Answer:
        """Exchange the code.

        Raises BusError BACKEND_UNREACHABLE, BACKEND_TIMEOUT, BACKEND_ERROR or BACKEND_INVALID, or
        Rejected with the backend's own JSON.
        """
        head: list[Body] = []  # filled as soon as there is a status, for errors that come later
        try:
            status, body = await within(self.timeout_seconds, self._send(asked, head), now=self.now)
        except FetchFailed:
            raise BusError(
                "BACKEND_UNREACHABLE",
                "The backend could not be reached, or its answer broke off.",
                status=_status(head),
            ) from None
        except BusError as error:
            error.status = _status(head)
            raise
        if not 200 <= status <= 299:
            _refused(status, body)
        return _signed_in(status, body)

    async def _send(self, asked: SsoPayload, head: list[Body]) -> tuple[int, bytes | None]:
        sent = {"code": asked.code, "redirectUrl": asked.redirectUrl}
        if asked.codeVerifier:
            sent["codeVerifier"] = asked.codeVerifier
        response = await self.fetch(self.url, headers=_HEADERS, body=to_json(sent).decode())
        head.append(response)
        return response.status, await response.read(MAX_BODY_BYTES)


def _status(head: list[Body]) -> int | None:
    return head[0].status if head else None


def _signed_in(status: int, body: bytes | None) -> Answer:
    try:
        return Answer(SignedIn.model_validate(_json(body)), status)
    except ValidationError as error:
        # The name helps whoever runs the backend, and is the contract's own: no value shows.
        [name, *_] = error.errors(include_input=False)[0]["loc"] or ["object"]
        problem = f"does not hold what the contract says: see its {name}"
    except ValueError:
        problem = "is not JSON" if body is not None else "is larger than 1 MiB"
    raise BusError("BACKEND_INVALID", f"The backend's answer {problem}.", status=status)


def _refused(status: int, body: bytes | None) -> NoReturn:
    try:
        error = _json(body)
    except ValueError:
        problem = "without JSON in its answer" if body is not None else "and more than 1 MiB"
        raise BusError(
            "BACKEND_ERROR", f"The backend failed with status {status} {problem}.", status=status
        ) from None
    raise Rejected(error, status=status)


def _json(body: bytes | None) -> JsonValue:
    if body is None:
        raise ValueError("too large")
    return parse_json(body)
