"""The backend that follows the bus's own contract (protocol.md, "The backend contract")."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from ..deadline import within
from ..errors import BusError
from ..messages import Answer, SignedIn, SsoPayload
from ..ports import Body, Fetch, FetchFailed, Now
from .reply import Reply, ask, refused, status_of

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_CONTRACT = ("idToken", "refreshToken", "legacy_token")


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
        sent = {"code": asked.code, "redirectUrl": asked.redirectUrl}
        if asked.codeVerifier:
            sent["codeVerifier"] = asked.codeVerifier
        post = JsonPost(self.timeout_seconds, fetch=self.fetch, now=self.now)
        return signed_in(await post(self.url, sent))


@dataclass(frozen=True)
class JsonPost:
    """POSTs JSON to a backend, once, and reads its whole answer within the time limit."""

    timeout_seconds: float
    fetch: Fetch
    now: Now

    async def __call__(self, url: str, sent: dict[str, str]) -> Reply:
        """Return the answer, whatever its status.

        Raises BusError BACKEND_UNREACHABLE or BACKEND_TIMEOUT.
        """
        heads: list[Body] = []  # for the status in errors that come after it
        asking = ask(self.fetch, url, headers=_HEADERS, body=to_json(sent).decode(), heads=heads)
        try:
            return await within(self.timeout_seconds, asking, now=self.now)
        except FetchFailed:
            raise BusError(
                "BACKEND_UNREACHABLE",
                "The backend could not be reached, or its answer broke off.",
                status=status_of(heads),
            ) from None
        except BusError as error:
            error.status = status_of(heads)
            raise


def signed_in(reply: Reply) -> Answer:
    """Return the content of an answer to a sign-in.

    Raises BusError BACKEND_ERROR or BACKEND_INVALID, or Rejected with the backend's own JSON.
    """
    if not reply.good:
        refused(reply)
    try:
        return Answer(SignedIn.model_validate(_of_contract(reply.json())), reply.status)
    except ValidationError as error:
        # The field's name helps to fix the backend. It is the contract's own, so no value shows.
        [name, *_] = error.errors(include_input=False)[0]["loc"] or ["object"]
        problem = f"does not hold what the contract says: see its {name}"
    except ValueError:
        problem = "is not JSON" if reply.body is not None else "is larger than 1 MiB"
    raise BusError("BACKEND_INVALID", f"The backend's answer {problem}.", status=reply.status)


def _of_contract(value: Any) -> Any:
    """Return an answer whose credentials have the contract's fields alone, and all of their shape."""
    credentials = value.get("credentials") if isinstance(value, dict) else None
    if not isinstance(credentials, dict):
        return value
    known = {name: credentials[name] for name in _CONTRACT if name in credentials}
    # A missing refresh token is null here, which does not validate.
    return value | {"credentials": {"refreshToken": None} | known}
