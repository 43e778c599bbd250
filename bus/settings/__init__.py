"""The settings of a bus (protocol.md, "Settings"), checked before anything starts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from ..urls import origin_of
from .oidc import OidcSso
from .types import FetchedUrl, Origin, Table, distinct


class JsonSso(Table):
    """`[bus.sso]` for a backend that speaks the bus's own contract."""

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
    """`[bus]`: who may embed the bus, and whom it asks."""

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


def settings_problems(error: ValidationError) -> list[str]:
    """Say in one line for each wrong setting which key it is and what is wrong with it."""
    return [
        f"{_key(item['loc'], item['type'])} {_reason(item['type'], item['msg'])}"
        for item in error.errors()
    ]


def _key(loc: tuple[str | int, ...], kind: str) -> str:
    if kind == "union_tag_invalid":
        loc = (*loc, "provider")
    elif loc[:1] == ("sso",):
        loc = loc[:1] + loc[2:]  # the second part is which table of the union it is
    return (
        "bus" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc) + ":"
    )


def _reason(kind: str, message: str) -> str:
    return {
        "extra_forbidden": "is not a setting",
        "missing": "is missing",
        "union_tag_invalid": "must be 'json' or 'oidc'",
    }.get(kind, message[:1].lower() + message[1:])
