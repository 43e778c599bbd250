"""The stored record of a session. Nothing else is ever stored."""

import json
from enum import Enum, auto
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Code
from ..json_text import parse_json
from ..messages import Credentials, JsonObject, MigratedCredentials, plain

VERSION: Final = 1
LIFE_SECONDS: Final = 15 * 60
"""The life of an ID token that does not state its life itself."""

Ms = Annotated[int, Field(ge=0)]
"""Milliseconds since the epoch, by this browser's clock."""


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Maker(_Stored):
    """What a session was made by. With another maker, the session is not valid."""

    provider: Literal["json", "oidc", "oidc-dpop"]
    """The last one: an OpenID Connect provider that has bound the refresh token to a key."""
    issuer: str = ""
    client_id: str = ""
    refresh_url: str = ""


class Mark(_Stored):
    """A refresh under way: since when, and which one."""

    at: Ms
    by: str


class Pause(_Stored):
    """A refresh failed: the next one has to wait."""

    at: Ms
    seconds: Annotated[float, Field(ge=0)]
    failures: Annotated[int, Field(ge=1)]
    """In a row."""
    asked: bool = False
    """Whether the backend asked for the pause (`Retry-After`): then being online again does not end it."""
    code: Code
    """The reason, for pages that have not seen the failure themselves."""


class Record(_Stored):
    """A session."""

    version: Literal[1] = VERSION
    origin: str
    """The exact origin of the host that signed in."""
    generation: str
    """Identifies the session: each sign-in makes a new one."""
    maker: Maker
    signed_in: Ms
    expires: Ms
    """When it ends by age; a refresh does not change this."""
    active: Ms
    """The time of the last accepted request, if the settings limit idleness."""
    credentials: Credentials
    user: JsonObject
    company: JsonObject
    turn: Annotated[int, Field(ge=0)] = 0
    """How many pairs of tokens came before this one."""
    arrival: Ms
    """When the ID token arrived."""
    life: Annotated[int, Field(ge=0)]
    """How long the ID token is valid, in milliseconds from its arrival."""
    skew: int = 0
    """The ID token's `iat` minus `arrival`, in milliseconds: how slow this clock is."""
    asked: Ms
    """When the request for these tokens was sent."""
    mark: Mark | None = None
    pause: Pause | None = None

    @property
    def tokens(self) -> MigratedCredentials | None:
        """The pair of tokens; None where they are legacy credentials, which are never refreshed."""
        return self.credentials if isinstance(self.credentials, MigratedCredentials) else None

    @property
    def refresh_token(self) -> str:
        """The refresh token, or "": then the session cannot be refreshed."""
        return self.tokens.refreshToken if self.tokens else ""

    def without_access_token(self) -> Self:
        """Return a record that was made when the settings gave hosts access tokens, without it."""
        if self.tokens is None or not self.tokens.accessToken:
            return self
        gone = {"accessToken": "", "accessTokenExpiresAt": 0}
        return self.but(credentials=self.tokens.model_copy(update=gone))

    def but(self, **changes: Any) -> Self:
        """Return a record with these changes."""
        return self.model_copy(update=changes)

    def text(self) -> str:
        """Return it as it is stored."""
        return json.dumps(
            {"version": VERSION} | (plain(self) or {}), ensure_ascii=False, separators=(",", ":")
        )


class Unusable(Enum):
    """A stored text that is not a session of this bus."""

    NEWER = auto()
    """It has a newer version: it is left alone."""
    FOREIGN = auto()
    """It is unreadable, or has another maker or origin: it is deleted."""


def read_record(text: str, *, origin: str, maker: Maker) -> Record | Unusable:
    """Return the session in a text that is stored under `origin`, or why there is none.

    It does not check whether the session is over.
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
