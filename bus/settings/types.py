"""The types of values in settings, each with the error for a wrong value."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from ..urls import origin_problem, policy_problem, redirect_url_problem, url_problem


class Table(BaseModel):
    """A table of settings: nothing is converted, unknown keys are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


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


def _redirect(value: str) -> str:
    if problem := redirect_url_problem(value):
        raise PydanticCustomError(
            "url", "{value} {problem}", {"value": repr(value), "problem": problem}
        )
    return value


def _fetched(value: str) -> str:
    if problem := policy_problem(value):
        raise PydanticCustomError(
            "policy", "{value} {problem}", {"value": repr(value), "problem": problem}
        )
    return value


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return `values`, which must not be empty or hold a value twice."""
    if not values:
        raise PydanticCustomError("empty", "lists no origin")
    if len(set(values)) < len(values):
        raise PydanticCustomError("distinct", "lists an origin twice")
    return values


Origin = Annotated[str, AfterValidator(_origin)]
"""An exact origin, as browsers write it, that a policy can name."""

HttpUrl = Annotated[str, AfterValidator(_url)]
"""An absolute URL, https or loopback."""

RedirectUrl = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_redirect)]
"""An absolute URL that a provider sends the browser to, judged as a `redirectUrl` is."""

FetchedUrl = Annotated[HttpUrl, AfterValidator(_fetched)]
"""An absolute URL, https or loopback, that the bus fetches from."""
