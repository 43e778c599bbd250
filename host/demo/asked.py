"""What the stand-in backend's endpoints share: a body that is checked, and answers."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

BODY_LIMIT = 65_536
"""Bytes."""

Body = TypeVar("Body", bound=BaseModel)


def answer(body: object) -> JSONResponse:
    """A good answer. Credentials are never cached."""
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def failure(status: int, reason: str, hint: str) -> JSONResponse:
    """An error in the shape of this backend's own, which the bus passes on unread."""
    return JSONResponse(
        {"error": {"reason": reason, "hint": hint}}, status, {"Cache-Control": "no-store"}
    )


async def asked(request: Request, model: type[Body]) -> Body | Response:
    """The body that a request brings, or the answer that says what is wrong with it."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip().lower()
        != "application/json"
    ):
        # A type that needs a preflight: no page but the bus can make a browser send it.
        return failure(415, "content_type", "Send application/json.")
    if (body := await at_most(request, BODY_LIMIT)) is None:
        return failure(413, "request_too_large", f"Send at most {BODY_LIMIT} bytes.")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        wrong = sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
        return failure(400, "request_invalid", f"Check: {', '.join(wrong) or 'the JSON'}.")


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
