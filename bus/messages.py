"""Every message that the bus takes or sends (protocol.md, "Envelope" and "Messages").

What it takes has its models here. What it sends is made here as text; the models of that stand beside
these in host/tools/types/messages.py, which does not ship: they would make the snapshot 2 % larger.
"""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticKnownError

from . import PROTOCOL, VERSION
from .errors import BusError, Detail, Rejected
from .urls import redirect_url_problem

MAX_DETAILS: Final = 64
"""At most so many fields are named in one `INVALID_PAYLOAD`."""
MAX_LOC: Final = 128
"""A longer name of an unknown key is cut to so many characters (UTF-16 code units)."""


def _at_most(units: int) -> AfterValidator:
    """Limit a string's length in UTF-16 code units (protocol.md, "Envelope").

    pydantic counts code points, as JSON Schema does, and there may be fewer of those.
    """

    def check(value: str) -> str:
        if _units(value) > units:
            raise PydanticKnownError("string_too_long", {"max_length": units})
        return value

    return AfterValidator(check)


def _units(text: str) -> int:
    # Not by encoding it: a page that started from a snapshot cannot import a codec.
    return len(text) + sum(char > "\uffff" for char in text)


def _cut(text: str, units: int) -> str:
    """Return the start of `text`, at most `units` UTF-16 code units, with no half of a pair."""
    end = min(len(text), units)
    while _units(text[:end]) > units:
        end -= 1
    return text[:end]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class _Wire(BaseModel):
    """What comes from a backend: unknown keys are dropped."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


# -- host to bus ---------------------------------------------------------------------------------

Id = Annotated[str, StringConstraints(min_length=1, max_length=128), _at_most(128)]
"""A request's name, of the host's choice."""
_ID: Final[TypeAdapter[str]] = TypeAdapter(Id)


class Envelope(BaseModel):
    """The loose frame of any message, so that a malformed request can be answered by name.

    `problem` is set by the early listener where the data was not JSON-shaped.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    type: str
    id: Id | None = None
    payload: dict[str, Any] | None = None
    problem: str | None = None


def _redirect_url(value: str) -> str:
    if problem := redirect_url_problem(value):
        raise PydanticCustomError("redirect_url", "{problem}", {"problem": problem})
    return value


class SsoPayload(_Strict):
    """What `AUTH.SSO` asks with (protocol.md, "Fields"); each value is passed on as received.

    An optional field that was not sent is the empty string, which none can be when sent.
    """

    code: Annotated[
        str,
        StringConstraints(min_length=1, max_length=4096),
        _at_most(4096),
        Field(repr=False),
    ]
    """What the identity provider gave after the redirect. A credential, good for one use."""
    redirectUrl: Annotated[
        str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_redirect_url)
    ]
    """The redirect URL that the code was issued for, character for character: absolute, https (http on
    a loopback host), ASCII, the host as the URL standard serialises it, no user info, no fragment."""
    codeVerifier: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9\-._~]{43,128}$"), Field(repr=False)
    ] = ""
    """The verifier of PKCE (RFC 7636). An OpenID Connect provider requires it."""
    nonce: Annotated[
        str, StringConstraints(min_length=1, max_length=255), _at_most(255), Field(repr=False)
    ] = ""
    """The nonce of OpenID Connect. Refused where the provider has no use for it."""


class CancelPayload(_Strict):
    """What `BUS.CANCEL` asks with: the id of the request to give up."""

    id: Id


class Sso(_Strict):
    """`AUTH.SSO`: sign in with a code."""

    type: Literal["AUTH.SSO"]
    id: Id | None = None
    payload: SsoPayload


class Cancel(_Strict):
    """`BUS.CANCEL`: give up a request. It has no reply of its own."""

    type: Literal["BUS.CANCEL"]
    id: Id | None = None
    payload: CancelPayload


Request = Annotated[Sso | Cancel, Field(discriminator="type")]
REQUEST: Final[TypeAdapter[Sso | Cancel]] = TypeAdapter(Request)

SERVED: Final = ("AUTH.SSO", "BUS.CANCEL")
"""The types in `Request`; the early listener gets them with the settings."""

FROM_BUS: Final = frozenset(
    {
        "BUS.LISTENING",
        "BUS.READY",
        "AUTH.TOKEN_REFRESHED",
        "AUTH.REFRESH_TOKEN_EXPIRED",
        "AUTH.SESSION_CHANGED",
    }
)
"""What only the bus sends, and unasked; the early listener gets them with the settings as well."""
_REPLY = ("_FULFILLED", "_REJECTED")
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*")
# How the early listener's text begins, whatever follows: the type, then the id if it was usable.
_HEAD = re.compile(r'\{\s*"type"\s*:\s*"([^"\\]*)"(?:\s*,\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"))?')


def is_request_type(type_: str) -> bool:
    """Whether a message of this type gets an answer at all; others would only make loops."""
    return (
        len(type_) <= 64
        and _TYPE.fullmatch(type_) is not None
        and not type_.endswith(_REPLY)
        and type_ not in FROM_BUS
    )


def parse_envelope(text: str) -> Envelope | None:
    """Return the frame of a message, or None if it is not a request and gets no reply.

    Text that begins as a request always gets a reply, even if the rest cannot be read:
    the early listener has taken it for one, and the host waits for the reply.
    """
    try:
        envelope = Envelope.model_validate_json(text)
    except ValidationError:
        head = _HEAD.match(text)
        if head is None:
            return None
        problem = "The message is not what the early listener hands on."
        envelope = Envelope(type=head[1], id=_usable_id(head[2]), problem=problem)
    return envelope if is_request_type(envelope.type) else None


def _usable_id(text: str | None) -> str | None:
    try:
        return None if text is None else _ID.validate_json(text)
    except ValidationError:
        return None


def require(envelope: Envelope) -> None:
    """Check what must hold before a request takes a slot.

    Raises BusError UNKNOWN_TYPE or INVALID_MESSAGE, whichever comes first.
    """
    if envelope.type not in SERVED:
        raise BusError("UNKNOWN_TYPE", "This bus does not serve messages of this type.")
    if envelope.problem is not None:
        raise BusError("INVALID_MESSAGE", envelope.problem)
    if envelope.payload is None:
        raise BusError("INVALID_MESSAGE", "The message has no payload object.")


def parse_payload(envelope: Envelope) -> Sso | Cancel:
    """Return the request in an envelope of a served type. Raises BusError INVALID_PAYLOAD."""
    try:
        return REQUEST.validate_python(
            {"type": envelope.type, "id": envelope.id, "payload": envelope.payload}
        )
    except ValidationError as error:
        raise invalid_payload(error.errors(include_url=False, include_input=False)) from None


def invalid_payload(errors: list[ErrorDetails]) -> BusError:
    """Turn pydantic's errors on a request into the one that the host gets, without any value."""
    details = tuple(
        # The first two parts of a place are the union's tag and "payload".
        Detail(
            tuple(
                _cut(part, MAX_LOC) if isinstance(part, str) else part for part in item["loc"][2:]
            ),
            _MESSAGES.get(item["type"], item["msg"]),
        )
        for item in errors[:MAX_DETAILS]
    )
    return BusError("INVALID_PAYLOAD", "The payload does not fit; see details.", details=details)


_MESSAGES: Final = {
    "extra_forbidden": "is not a field of this message",
    "missing": "is missing",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must be 43 to 128 unreserved characters (RFC 7636, 4.1)",
}

# -- what a sign-in gives ------------------------------------------------------------------------

Token = Annotated[str, StringConstraints(min_length=1), Field(repr=False)]


class MigratedCredentials(_Wire):
    """The vast majority: the ID token lives 15 minutes, the refresh token 90 days."""

    idToken: Token
    refreshToken: Token


class LegacyCredentials(_Wire):
    """Some users: a token that never expires, spelled as its backend spells it."""

    legacy_token: Token


def _one_shape(value: object) -> object:
    # A null stands for a field that is not there, as many backends write it.
    if isinstance(value, dict):
        there = {name for name, token in value.items() if token is not None}
        if there & LegacyCredentials.model_fields.keys() and (
            there & MigratedCredentials.model_fields.keys()
        ):
            raise PydanticCustomError("two_shapes", "holds both kinds of credentials at once")
    return value


Credentials = Annotated[MigratedCredentials | LegacyCredentials, BeforeValidator(_one_shape)]
JsonObject = dict[str, Any]
"""An object that came out of a JSON parser. Not pydantic's JsonValue: that one stops at 49 levels
where it is compiled to WebAssembly, and the parser has seen to it that all of this is JSON."""


class SignedIn(_Wire):
    """What a backend answers a good code with, and what the host gets."""

    credentials: Credentials
    currentUser: JsonObject
    company: JsonObject


@dataclass(frozen=True)
class Answer:
    """What meets a request, and the HTTP status that it came with."""

    payload: BaseModel
    status: int


# -- bus to host ---------------------------------------------------------------------------------


def ready() -> str:
    """`BUS.READY`, as JSON."""
    payload = {
        "version": VERSION,
        "protocol": PROTOCOL,
        "services": sorted(_services()),
        "types": SERVED,
    }
    return _text({"type": "BUS.READY", "payload": payload})


def _services() -> set[str]:
    return {type_.split(".")[0] for type_ in SERVED} - {"BUS"}


def fulfilled(envelope: Envelope, answer: Answer) -> str:
    """The reply to a request that was met, as JSON."""
    meta: JsonObject = {"source": "backend", "status": answer.status}
    payload = {
        name: value.model_dump() if isinstance(value, BaseModel) else value
        for name, value in answer.payload  # not dumped as a whole: see _text
    }
    return _reply(envelope, "_FULFILLED", payload, meta)


def rejected(envelope: Envelope, error: BusError | Rejected) -> str:
    """The reply to a request that failed, as JSON."""
    meta: JsonObject = {"source": "backend" if isinstance(error, Rejected) else "bus"}
    if error.status is not None:
        meta["status"] = error.status
    body = error.error if isinstance(error, Rejected) else _error(error)
    return _reply(envelope, "_REJECTED", {"error": body}, meta)


def _error(error: BusError) -> dict[str, object]:
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = [
            {"loc": list(item.loc), "message": item.message} for item in error.details
        ]
    return body


def _reply(envelope: Envelope, ending: str, payload: object, meta: JsonObject) -> str:
    reply: dict[str, object] = {"type": envelope.type + ending, "payload": payload}
    if envelope.id is not None:
        reply["id"] = envelope.id
    return _text(reply | {"meta": meta})


def _text(value: object) -> str:
    # Not pydantic's to_json: compiled to WebAssembly, it stops at 49 levels, and what a backend
    # sent may have 200.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
