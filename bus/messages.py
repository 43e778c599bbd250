"""Every message that the bus takes or sends (protocol.md, "Envelope" and "Messages").

Incoming messages have their models here. Outgoing messages are written here as text; their models are in
host/tools/types/messages.py, which does not ship, because they would make the snapshot 2 % larger.
"""

import json
import re
from collections.abc import Callable, Collection
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
from .ports import Key
from .urls import redirect_url_problem

MAX_DETAILS: Final = 64
"""One `INVALID_PAYLOAD` names at most this many fields."""
MAX_LOC: Final = 128
"""The name of an unknown key is cut to this many characters (UTF-16 code units)."""


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
    if text.isascii():
        return len(text)  # what there is to count, mostly
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


class Wire(BaseModel):
    """Data from a backend: unknown keys are dropped."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


# -- host to bus ---------------------------------------------------------------------------------

Id = Annotated[str, StringConstraints(min_length=1, max_length=128), _at_most(128)]
"""A request's id, chosen by the host."""
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
    """The payload of `AUTH.SSO` (protocol.md, "Fields"); each value is passed on as received.

    An optional field that was not sent is the empty string, which no field can be when sent.
    """

    code: Annotated[
        str,
        StringConstraints(min_length=1, max_length=4096),
        _at_most(4096),
        Field(repr=False),
    ]
    """The code that the identity provider sent with its redirect. A credential, valid for one use."""
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
    """The payload of `BUS.CANCEL`: the id of the request to give up."""

    id: Id


class Sso(_Strict):
    """`AUTH.SSO`: sign in with a code."""

    type: Literal["AUTH.SSO"]
    id: Id | None = None
    payload: SsoPayload


class Cancel(_Strict):
    """`BUS.CANCEL`: give up a request. It gets no reply itself."""

    type: Literal["BUS.CANCEL"]
    id: Id | None = None
    payload: CancelPayload


# The requests of the session (protocol.md, "The session").


EMAIL: Final = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)
"""The HTML standard's grammar (4.10.5.1.5, "valid email address")."""


def _email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise PydanticCustomError("email", "must be an e-mail address as the HTML standard has it")
    return value


class EmailAndPasswordPayload(_Strict):
    """The payload of `AUTH.EMAIL_AND_PASSWORD`. Neither field is ever stored, logged or repeated."""

    email: Annotated[
        str, StringConstraints(max_length=254), AfterValidator(_email), Field(repr=False)
    ]
    """An e-mail address by the HTML standard's grammar."""
    password: Annotated[
        str, StringConstraints(min_length=1, max_length=1024), _at_most(1024), Field(repr=False)
    ]
    """A credential."""


class EmailAndPassword(_Strict):
    """`AUTH.EMAIL_AND_PASSWORD`: sign in with an e-mail address and a password."""

    type: Literal["AUTH.EMAIL_AND_PASSWORD"]
    id: Id | None = None
    payload: EmailAndPasswordPayload


class GetCredentialsPayload(_Strict):
    """The payload of `AUTH.CREDENTIALS`.

    A field that was not sent is -1.
    """

    minValiditySeconds: Annotated[float, Field(ge=0, le=600)] = -1
    """How many seconds the tokens must stay valid; if not sent, the margin in the settings."""


class GetCredentials(_Strict):
    """`AUTH.CREDENTIALS`: return credentials that are valid now, refreshed first if necessary."""

    type: Literal["AUTH.CREDENTIALS"]
    id: Id | None = None
    payload: GetCredentialsPayload


class SignOutPayload(_Strict):
    """The payload of `AUTH.SIGN_OUT`, which is empty."""


class SignOut(_Strict):
    """`AUTH.SIGN_OUT`: end the session, here and in all tabs."""

    type: Literal["AUTH.SIGN_OUT"]
    id: Id | None = None
    payload: SignOutPayload


Label = Annotated[str, StringConstraints(min_length=1, max_length=128), _at_most(128)]


class RegisterPayload(_Strict):
    """The payload of `BUS.REGISTER`."""

    origin: str
    """The host's own origin; the bus compares it with the sender's."""
    appName: Label
    """The host app's name; for debug lines only."""
    release: Label
    """The host app's release; for debug lines only."""


class Register(_Strict):
    """`BUS.REGISTER`: name the host app, and return the user of the restored session."""

    type: Literal["BUS.REGISTER"]
    id: Id | None = None
    payload: RegisterPayload


class ServicesPayload(_Strict):
    """The payload of `BUS.INIT` and `BUS.DESTROY`: names of services; unknown ones are skipped."""

    services: Annotated[tuple[str, ...], Field(max_length=64, strict=False)]
    """The parts of message types before the dot, such as "AUTH". May be empty."""


class Init(_Strict):
    """`BUS.INIT`: start services; AUTH starts refreshes and pushes."""

    type: Literal["BUS.INIT"]
    id: Id | None = None
    payload: ServicesPayload


class Destroy(_Strict):
    """`BUS.DESTROY`: stop services. It does not sign out."""

    type: Literal["BUS.DESTROY"]
    id: Id | None = None
    payload: ServicesPayload


AnyRequest = Sso | Cancel | EmailAndPassword | GetCredentials | SignOut | Register | Init | Destroy
Request = Annotated[AnyRequest, Field(discriminator="type")]
REQUEST: Final[TypeAdapter[AnyRequest]] = TypeAdapter(Request)

SERVED: Final = ("AUTH.SSO", "BUS.CANCEL")
"""The types in `Request` that every build serves. `bus.served` adds those that the settings enable."""
SERVED_WITH_SESSION: Final = (
    "AUTH.CREDENTIALS", "AUTH.SIGN_OUT", "BUS.DESTROY", "BUS.INIT", "BUS.REGISTER",
)  # fmt: skip
SERVED_WITH_PASSWORD: Final = ("AUTH.EMAIL_AND_PASSWORD",)

FROM_BUS: Final = frozenset(
    {
        "BUS.LISTENING",
        "BUS.READY",
        "AUTH.TOKEN_REFRESHED",
        "AUTH.REFRESH_TOKEN_EXPIRED",
        "AUTH.SESSION_CHANGED",
    }
)
"""The types that only the bus sends, unasked. The early listener gets them with the settings."""
_REPLY = ("_FULFILLED", "_REJECTED")
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*")
# The early listener's text always begins with the type, then the id if it was usable.
_HEAD = re.compile(r'\{\s*"type"\s*:\s*"([^"\\]*)"(?:\s*,\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"))?')


def is_request_type(type_: str) -> bool:
    """Whether a message of this type gets an answer at all; to answer others would cause loops."""
    return (
        len(type_) <= 64
        and _TYPE.fullmatch(type_) is not None
        and not type_.endswith(_REPLY)
        and type_ not in FROM_BUS
    )


def parse_envelope(text: str) -> Envelope | None:
    """Return the frame of a message, or None if it is not a request and gets no reply.

    Text that begins like a request always gets a reply, even if the rest cannot be read: the early
    listener has taken it for a request, and the host waits for the reply.
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


def require(envelope: Envelope, served: Collection[str] = SERVED) -> None:
    """Check a request before it takes a slot; `served` are the types that this build serves.

    Raises BusError UNKNOWN_TYPE or INVALID_MESSAGE, whichever comes first.
    """
    if envelope.type not in served:
        raise BusError("UNKNOWN_TYPE", "This bus does not serve messages of this type.")
    if envelope.problem is not None:
        raise BusError("INVALID_MESSAGE", envelope.problem)
    if envelope.payload is None:
        raise BusError("INVALID_MESSAGE", "The message has no payload object.")


def parse_payload(envelope: Envelope) -> AnyRequest:
    """Return the request in an envelope of a served type. Raises BusError INVALID_PAYLOAD."""
    try:
        return REQUEST.validate_python(
            {"type": envelope.type, "id": envelope.id, "payload": envelope.payload}
        )
    except ValidationError as error:
        raise invalid_payload(error.errors(include_url=False, include_input=False)) from None


def invalid_payload(errors: list[ErrorDetails]) -> BusError:
    """Turn pydantic's errors about a request into the error that the host gets, without any value."""
    details = tuple(
        # The first two parts of a location are the union's tag and "payload".
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
JsonObject = dict[str, Any]
"""An object from a JSON parser, which has checked that everything in it is JSON. Not pydantic's
JsonValue, which stops at 49 levels when it is compiled to WebAssembly."""


class MigratedCredentials(Wire):
    """The vast majority: the ID token lives 15 minutes, the refresh token 90 days.

    A token that is not there is the empty string here, which no token is; it is never sent or stored.
    A `json` backend gives the first two, and must give both.
    """

    idToken: Token
    refreshToken: Token = ""
    """Absent only where an OpenID Connect provider gave none, and the settings have
    `refresh_token = "optional"`."""
    accessToken: Token = ""
    """The OpenID Connect provider's access token, for APIs that ask for one; only if the settings have
    `access_token = true`."""
    accessTokenExpiresAt: int = 0
    """When the access token expires, in milliseconds since the epoch by this browser's clock. Absent if
    the provider does not say."""

    def sent(self) -> JsonObject:
        """Return the fields that are there."""
        return self.model_dump(exclude_defaults=True)


class LegacyCredentials(Wire):
    """Some users: a token that never expires, spelled as its backend spells it."""

    legacy_token: Token


def _one_shape(value: object) -> object:
    # Many backends write null for a missing field.
    if isinstance(value, dict):
        there = {name for name, token in value.items() if token is not None}
        if there & LegacyCredentials.model_fields.keys() and (
            there & MigratedCredentials.model_fields.keys()
        ):
            raise PydanticCustomError("two_shapes", "holds both kinds of credentials at once")
    return value


Credentials = Annotated[MigratedCredentials | LegacyCredentials, BeforeValidator(_one_shape)]


class SignedIn(Wire):
    """A backend's answer to a valid code, which the host gets."""

    credentials: Credentials
    currentUser: JsonObject
    company: JsonObject


class Holding(Wire):
    """The answer to `AUTH.CREDENTIALS`."""

    credentials: Credentials
    currentUser: JsonObject
    company: JsonObject
    expiresAt: int = 0
    """When the ID token expires, in milliseconds since the epoch by this browser's clock. Absent for
    legacy credentials."""


class Restored(Wire):
    """The answer to `BUS.REGISTER` if there is a session."""

    user: JsonObject


class SignedOut(Wire):
    """The answer to `AUTH.SIGN_OUT`."""

    logoutUrl: str = ""
    """Where the host may send the browser to end the provider's own session."""


def _absent(value: object) -> object:
    return "" if value is None else value


class RefreshedTokens(Wire):
    """The credentials in a `json` backend's answer to a refresh; a missing token is ""."""

    idToken: Token
    refreshToken: Annotated[str, BeforeValidator(_absent), Field(repr=False)] = ""
    legacy_token: None = None


class Refreshed(Wire):
    """A `json` backend's answer to a refresh; a missing field stays as it was."""

    credentials: RefreshedTokens
    currentUser: JsonObject | None = None
    company: JsonObject | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a request that succeeded."""

    payload: BaseModel | None
    """None: the reply has no payload. Fields that are not set are not sent."""
    status: int | None = None
    """The backend's HTTP status, if the payload came from the backend."""
    then: Callable[[], None] | None = None
    """If set, the reply's port or window is kept for pushes, and this runs once the reply is sent."""
    key: Key | None = None
    """What the refresh token of a sign-in is bound to (`bus.exchange.oidc.dpop`); it is not sent."""


# -- bus to host ---------------------------------------------------------------------------------


def ready(served: Collection[str] = SERVED, authorization: JsonObject | None = None) -> str:
    """`BUS.READY` of a bus that serves these types, as JSON; `authorization`: `bus.authorization`."""
    payload: JsonObject = {
        "version": VERSION,
        "protocol": PROTOCOL,
        "services": sorted({type_.split(".")[0] for type_ in served} - {"BUS"}),
        "types": sorted(served),
    }
    if authorization:
        payload["authorization"] = authorization
    return _text({"type": "BUS.READY", "payload": payload})


def token_refreshed(credentials: MigratedCredentials) -> str:
    """`AUTH.TOKEN_REFRESHED`, as JSON."""
    return _text({"type": "AUTH.TOKEN_REFRESHED", "payload": credentials.sent()})


def refresh_token_expired() -> str:
    """`AUTH.REFRESH_TOKEN_EXPIRED`, as JSON."""
    return _text({"type": "AUTH.REFRESH_TOKEN_EXPIRED"})


def session_changed(user: JsonObject | None) -> str:
    """`AUTH.SESSION_CHANGED`, as JSON; None: signed out."""
    return _text({"type": "AUTH.SESSION_CHANGED", "payload": {"user": user}})


def fulfilled(envelope: Envelope, answer: Answer) -> str:
    """The reply to a request that succeeded, as JSON."""
    meta: JsonObject = {"source": "bus"}
    if answer.status is not None:
        meta = {"source": "backend", "status": answer.status}
    return _reply(envelope, "_FULFILLED", plain(answer.payload), meta)


def plain(model: BaseModel | None) -> JsonObject | None:
    """Return the fields that are set in a model, ready to be written as JSON."""
    if model is None:
        return None
    return {
        name: _dumped(value)
        for name, value in model  # not dumped as a whole: see _text
        if name in model.model_fields_set
    }


def _dumped(value: object) -> object:
    if isinstance(value, MigratedCredentials):
        return value.sent()
    return value.model_dump() if isinstance(value, BaseModel) else value


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
    reply: dict[str, object] = {"type": envelope.type + ending}
    if payload is not None:
        reply["payload"] = payload
    if envelope.id is not None:
        reply["id"] = envelope.id
    return _text(reply | {"meta": meta})


def _text(value: object) -> str:
    # Not pydantic's to_json: compiled to WebAssembly, it stops at 49 levels, and what a backend
    # sent may have 200.
    return _JSON.encode(value)


_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
