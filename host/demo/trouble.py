"""What the demo's page lets go wrong in the backend, for everybody who uses it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

HOUR = 3600.0
"""Seconds by which the backend's clock can be made wrong."""

RETRY_AFTER = 5
"""Seconds that an overloaded backend asks its callers to wait."""

Flag = Annotated[bool, Field(strict=True)]


class Trouble(BaseModel):
    """The switches, as the page reads and sets them."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)
    backend: Literal["answers", "down", "overloaded"] = "answers"
    """"down": connections break without an answer. "overloaded": status 503, with Retry-After."""
    refuseNext: Flag = False  # noqa: N815 - as on the wire
    """Whether the next refresh is refused and its tokens revoked; it is off again by then."""
    clock: Literal["right", "ahead", "behind"] = "right"
    """The backend's clock against the one of the user's machine; wrong by an hour."""

    def clock_error(self) -> float:
        """By how many seconds the backend's clock is wrong."""
        return {"right": 0.0, "ahead": HOUR, "behind": -HOUR}[self.clock]
