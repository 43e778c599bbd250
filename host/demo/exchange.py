"""The stand-in backend: `POST /sso/exchange` gives credentials for a code."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from host.demo.codes import CodeError, Codes
from host.demo.people import BY_KEY
from host.demo.reset import reset
from host.demo.tokens import Tokens

SLOW = 3.0
"""Seconds that the slow backend takes."""

BODY_LIMIT = 65_536
"""Bytes."""

Sleep = Callable[[float], Awaitable[object]]


class ExchangeRequest(BaseModel):
    """The body that the bus sends."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    code: Annotated[str, Field(min_length=1, max_length=4096)]
    redirectUrl: Annotated[str, Field(min_length=1, max_length=2048)]  # noqa: N815 - as on the wire
    codeVerifier: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$")] | None = None  # noqa: N815


def failure(status: int, reason: str, hint: str) -> JSONResponse:
    """An error in the shape of this backend's own, which the bus passes on unread."""
    return JSONResponse(
        {"error": {"reason": reason, "hint": hint}}, status, {"Cache-Control": "no-store"}
    )


async def exchange(request: Request, codes: Codes, tokens: Tokens, sleep: Sleep) -> Response:
    """Answer one exchange: check the body, let the backend do its worst, redeem the code."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip().lower()
        != "application/json"
    ):
        # A type that needs a preflight: no page but the bus can make a browser send it.
        return failure(415, "content_type", "Send application/json.")
    if (body := await at_most(request, BODY_LIMIT)) is None:
        return failure(413, "request_too_large", f"Send at most {BODY_LIMIT} bytes.")
    try:
        wanted = ExchangeRequest.model_validate_json(body)
    except ValidationError as error:
        wrong = sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
        return failure(400, "request_invalid", f"Check: {', '.join(wrong) or 'the JSON'}.")

    if (grant := codes.grant_of(wanted.code)) is not None:
        # Before the code is used up: a browser that sends a request again on a fresh connection, as
        # Chromium does when a kept-alive one breaks, has to meet the same fault again.
        match BY_KEY[grant.person].backend:
            case "is down":
                reset(request.scope)
                return await nothing(request)
            case "hangs":
                return await nothing(request)
            case "is slow":
                await unless_gone(request, sleep(SLOW))
    try:
        grant = codes.redeem(wanted.code, wanted.redirectUrl, wanted.codeVerifier)
    except CodeError as error:
        return failure(400, error.reason, error.hint)
    person = BY_KEY[grant.person]
    if person.backend == "refuses":
        return failure(403, "account_suspended", "Ask an administrator of your company to lift it.")
    answer = {
        "credentials": tokens.credentials(person, grant.client_id),
        "currentUser": person.user,
        "company": person.company,
    }
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


async def at_most(request: Request, limit: int) -> bytes | None:
    """The request's body, or None if it is over `limit` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return body


async def nothing(request: Request) -> Response:
    """Wait until the client has gone; the response then goes nowhere."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def unless_gone(request: Request, wait: Awaitable[object]) -> None:
    """Wait, but no longer than there is a client to wait for."""
    gone = asyncio.ensure_future(nothing(request))
    waited = asyncio.ensure_future(wait)
    try:
        await asyncio.wait({gone, waited}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        waited.cancel()
