"""The record of a session, as it is stored: all that is kept, and nothing else is."""

import json
from enum import Enum, auto
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Code
from ..json_text import parse_json
from ..messages import Credentials, JsonObject, MigratedCredentials, plain

VERSION: Final = 1
LIFE_SECONDS: Final = 15 * 60
"""How long an ID token lives that does not say so itself."""

Ms = Annotated[int, Field(ge=0)]
"""Milliseconds since the epoch, by this browser's clock."""


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Maker(_Stored):
    """What a session was made by. Under another one, it is none."""

    provider: Literal["json", "oidc"]
    issuer: str = ""
    client_id: str = ""
    refresh_url: str = ""


class Mark(_Stored):
    """A refresh under way: since when, and which one."""

    at: Ms
    by: str


class Pause(_Stored):
    """A refresh that failed: no other one for a while."""

    at: Ms
    seconds: Annotated[float, Field(ge=0)]
    failures: Annotated[int, Field(ge=1)]
    """In a row."""
    asked: bool = False
    """Whether the backend asked for the pause (`Retry-After`): then it holds online again, too."""
    code: Code
    """Why: what pages are told that have not seen the failure itself."""


class Record(_Stored):
    """A session."""

    version: Literal[1] = VERSION
    origin: str
    """The exact origin of the host that signed in."""
    generation: str
    """Which session this is: another one for each sign-in."""
    maker: Maker
    signed_in: Ms
    expires: Ms
    """When it ends by age; no refresh moves it."""
    active: Ms
    """The last accepted request, as far as the settings ask for it."""
    credentials: Credentials
    user: JsonObject
    company: JsonObject
    turn: Annotated[int, Field(ge=0)] = 0
    """How many pairs of tokens came before this one."""
    arrival: Ms
    """When the ID token came."""
    life: Annotated[int, Field(ge=0)]
    """How long the ID token is good, in milliseconds from its arrival."""
    skew: int = 0
    """The ID token's `iat` less `arrival`, in milliseconds: by how much this clock is slow."""
    asked: Ms
    """When the request went out that brought the tokens."""
    mark: Mark | None = None
    pause: Pause | None = None

    @property
    def tokens(self) -> MigratedCredentials | None:
        """The pair of tokens; None where they are legacy credentials, which are never refreshed."""
        return self.credentials if isinstance(self.credentials, MigratedCredentials) else None

    def but(self, **changes: Any) -> Self:
        """Return a record with these changes."""
        return self.model_copy(update=changes)

    def text(self) -> str:
        """Return it as it is stored."""
        return json.dumps(
            {"version": VERSION} | (plain(self) or {}), ensure_ascii=False, separators=(",", ":")
        )


class Unusable(Enum):
    """A stored text that is no session here."""

    NEWER = auto()
    """Of a newer version: left alone."""
    FOREIGN = auto()
    """Unreadable, made by another maker, or under another origin: deleted."""


def read_record(text: str, *, origin: str, maker: Maker) -> Record | Unusable:
    """Return the session in a text that is filed under `origin`, or why there is none.

    Whether it is over is not looked at.
    """
    try:
        value = parse_json(text.encode())
        version = value.get("version") if isinstance(value, dict) else None
        if isinstance(version, int) and version > VERSION:
            return Unusable.NEWER
        record = Record.model_validate(value)
    except (ValueError, ValidationError):
        return Unusable.FOREIGN
    if record.origin != origin or record.maker != maker:
        return Unusable.FOREIGN
    return record
