"""The settings of a bus (protocol.md, "Settings"), checked before anything starts."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ..urls import origin_of
from .oidc import OidcSso
from .session import PasswordSettings, SessionSettings
from .types import FetchedUrl, Origin, Table, distinct


class JsonSso(Table):
    """`[bus.sso]` for a backend that follows the bus's own contract."""

    provider: Literal["json"] = "json"
    exchange_url: FetchedUrl
    """Where codes are exchanged: an absolute URL, https or loopback."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from."""
        return (origin_of(self.exchange_url),)


def _with_provider(value: object) -> object:
    return {"provider": "json", **value} if isinstance(value, dict) else value


class Settings(Table):
    """`[bus]`: who may embed the bus, and which backend it uses."""

    allowed_origins: Annotated[
        tuple[Origin, ...],
        Field(strict=False),
        AfterValidator(distinct),
    ]
    """Exact origins of the host pages."""
    request_timeout_seconds: Annotated[float, Field(ge=1, le=120)] = 15
    """The limit for one exchange, body included, in seconds."""
    boot_timeout_seconds: Annotated[float, Field(ge=5, le=300)] = 60
    """The limit for Python to start, in seconds."""
    sso: Annotated[
        JsonSso | OidcSso, Field(discriminator="provider"), BeforeValidator(_with_provider)
    ]
    session: SessionSettings | None = None
    """`[bus.session]`; without it, the bus keeps nothing."""
    password: PasswordSettings | None = None
    """`[bus.password]`; without it, there is no `AUTH.EMAIL_AND_PASSWORD`."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the bus fetches from, each once."""
        tables = (self.sso, self.session, self.password)
        return tuple(dict.fromkeys(origin for table in tables if table for origin in table.origins))

    @model_validator(mode="after")
    def _fit_the_provider(self) -> Self:
        if self.sso.provider == "json":
            if self.session and not self.session.refresh_url:
                raise _unfit("session.refresh_url", "is missing")
            if self.session and self.session.post_logout_redirect_uri:
                raise _unfit("session.post_logout_redirect_uri", "is only for provider = 'oidc'")
            return self
        if self.session and self.session.refresh_url:
            raise _unfit(
                "session.refresh_url",
                "is only for provider = 'json': with oidc, the token endpoint refreshes",
            )
        if self.session and self.session.revoke_url:
            raise _unfit(
                "session.revoke_url",
                "is only for provider = 'json': with oidc, set sso.revocation_endpoint",
            )
        if self.password:
            raise _unfit("password", "is only for provider = 'json'")
        for name in ("revocation_endpoint", "end_session_endpoint"):
            if getattr(self.sso, name) and not self.session:
                raise _unfit(f"sso.{name}", "needs [bus.session]")
        if self.sso.dpop != "off" and not self.session:
            raise _unfit(
                "sso.dpop",
                "needs [bus.session], which keeps the key that the refresh token is bound to",
            )
        return self


def _unfit(key: str, problem: str) -> PydanticCustomError:
    return PydanticCustomError("unfit", "{problem}", {"problem": problem, "key": key})


def settings_problems(error: ValidationError) -> list[str]:
    """Return one line for each wrong setting: its key, and what is wrong with it."""
    return [f"{_key(item)} {_reason(item['type'], item['msg'])}" for item in error.errors()]


def _key(item: ErrorDetails) -> str:
    loc, kind = item["loc"], item["type"]
    if kind == "unfit":  # found by a check across tables
        loc = (item["ctx"]["key"],)
    elif kind == "union_tag_invalid":
        loc = (*loc, "provider")
    elif loc[:1] == ("sso",):
        loc = loc[:1] + loc[2:]  # the second part names the table of the union
    return (
        "bus" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc) + ":"
    )


def _reason(kind: str, message: str) -> str:
    return {
        "extra_forbidden": "is not a setting",
        "missing": "is missing",
        "union_tag_invalid": "must be 'json' or 'oidc'",
    }.get(kind, message[:1].lower() + message[1:])
