"""The settings of a bus (protocol.md, "Settings"), checked before anything starts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from bus.urls import origin_problem, url_problem


def _origin(value: str) -> str:
    if problem := origin_problem(value):
        raise PydanticCustomError(
            "origin", "{value} {problem}", {"value": repr(value), "problem": problem}
        )
    return value


def _url(value: str) -> str:
    if problem := url_problem(value):
        raise PydanticCustomError(
            "url", "{value} {problem}", {"value": repr(value), "problem": problem}
        )
    return value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise PydanticCustomError("empty", "lists no origin")
    if len(set(values)) < len(values):
        raise PydanticCustomError("distinct", "lists an origin twice")
    return values


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class JsonSso(_Table):
    """`[bus.sso]` for a backend that speaks the bus's own contract."""

    provider: Literal["json"] = "json"
    exchange_url: Annotated[str, AfterValidator(_url)]
    """Where codes are exchanged: an absolute URL, https or loopback."""


class Settings(_Table):
    """`[bus]`: who may embed the bus, and whom it asks."""

    allowed_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...],
        Field(strict=False),
        AfterValidator(_distinct),
    ]
    """Exact origins of the host pages."""
    request_timeout_seconds: Annotated[float, Field(ge=1, le=120)] = 15
    """The limit for one exchange, body included, in seconds."""
    boot_timeout_seconds: Annotated[float, Field(ge=5, le=300)] = 60
    """The limit for Python to start, in seconds."""
    sso: JsonSso


def settings_problems(error: ValidationError) -> list[str]:
    """Say in one line for each wrong setting which key it is and what is wrong with it."""
    return [f"{_key(item['loc'])} {_reason(item['type'], item['msg'])}" for item in error.errors()]


def _key(loc: tuple[str | int, ...]) -> str:
    return (
        "bus" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc) + ":"
    )


def _reason(kind: str, message: str) -> str:
    return {"extra_forbidden": "is not a setting", "missing": "is missing"}.get(
        kind, message[:1].lower() + message[1:]
    )
