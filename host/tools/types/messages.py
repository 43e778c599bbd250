"""Every message of the protocol as a model, under the name that hosts use.

bus/messages.py has the models of what hosts send. The bus writes its own messages as text, there and in
bus/*.js, without a model; their models are here, and tests check every message that is posted against
them. They do not ship: in bus/ they would make the snapshot 2 % larger (1.6 % compressed), and nothing
in a browser needs them.
"""

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
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from bus.errors import Code, Detail
from bus.messages import (
    SERVED,
    SERVED_WITH_PASSWORD,
    SERVED_WITH_SESSION,
    Cancel,
    Destroy,
    EmailAndPassword,
    GetCredentials,
    Holding,
    Id,
    Init,
    JsonObject,
    MigratedCredentials,
    Register,
    Restored,
    SignedIn,
    SignedOut,
    SignOut,
    Sso,
    is_request_type,
)

# An optional field that was not sent is the empty string or 0, as in SsoPayload: null is not a missing
# field.

KNOWN: Final = SERVED + SERVED_WITH_PASSWORD + SERVED_WITH_SESSION
"""The types of requests that a build may serve; the settings decide which ones it serves."""

# -- host to bus ---------------------------------------------------------------------------------

_FRAME = ConfigDict(extra="ignore")  # other keys than type, id and payload are ignored


class SsoRequest(Sso):
    """`AUTH.SSO`: sign in with a code."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it. Its length counts UTF-16 code units."""


class EmailAndPasswordRequest(EmailAndPassword):
    """`AUTH.EMAIL_AND_PASSWORD`: sign in with an e-mail address and a password."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class GetCredentialsRequest(GetCredentials):
    """`AUTH.CREDENTIALS`: return credentials that are valid now, refreshed first if necessary."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class SignOutRequest(SignOut):
    """`AUTH.SIGN_OUT`: end the session, here and in all tabs."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class RegisterRequest(Register):
    """`BUS.REGISTER`: name the host app, and return the user of the restored session."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class InitRequest(Init):
    """`BUS.INIT`: start services; AUTH starts refreshes and pushes."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class DestroyRequest(Destroy):
    """`BUS.DESTROY`: stop services. It does not sign out."""

    model_config = _FRAME

    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


class CancelRequest(Cancel):
    """`BUS.CANCEL`: give up the request with that id. It gets no reply itself."""

    model_config = _FRAME

    id: Id = ""
    """Has no effect here: there is no reply that could repeat it."""


def _other(value: str) -> str:
    if value in KNOWN or not is_request_type(value):
        raise PydanticCustomError("other", "is not a request, or is one that a bus may serve")
    return value


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class OtherRequest(_Wire):
    """A request of a type that no build serves: `UNKNOWN_TYPE`, whatever its payload."""

    type: Annotated[str, StringConstraints(max_length=64), AfterValidator(_other)]
    id: Id = ""
    """Any string that the host chooses; the reply repeats it."""


# -- bus to host ---------------------------------------------------------------------------------


def _no_bool(value: object) -> object:
    if isinstance(value, bool):  # which is 1 to Python
        raise PydanticCustomError("int_type", "must be a number")
    return value


Protocol = Annotated[Literal[1], BeforeValidator(_no_bool)]


class ListeningPayload(_Wire):
    """Which protocol this bus speaks."""

    protocol: Protocol


class Listening(_Wire):
    """`BUS.LISTENING`: messages are kept from now on."""

    type: Literal["BUS.LISTENING"]
    payload: ListeningPayload


class Authorization(_Wire):
    """How a sign-in begins at the provider of this bus: options for `startSignIn`."""

    authorizeUrl: str
    """The provider's authorization endpoint."""
    clientId: str
    scope: str
    """What is requested, separated by spaces."""
    issuer: str
    """What `iss` in an answer must be, if it is there (RFC 9207)."""
    issRequired: bool
    """Whether each answer must have an `iss`."""
    params: dict[str, str | tuple[str, ...]]
    """More parameters for the authorization endpoint; an array is a parameter that repeats."""


_UNKNOWN: Final = Authorization(
    authorizeUrl="", clientId="", scope="", issuer="", issRequired=False, params={}
)


class ReadyPayload(_Wire):
    """What this bus is, and what it serves."""

    version: str
    """The version of the bus."""
    protocol: Protocol
    services: tuple[str, ...]
    """The parts before the dot of the types that it serves, such as "AUTH"."""
    types: tuple[str, ...]
    """The types of the requests that this build serves, such as "AUTH.SSO"."""
    authorization: Authorization = _UNKNOWN
    """How a sign-in begins, with an OpenID Connect provider, as far as the build could find out."""


class Ready(_Wire):
    """`BUS.READY`: Python serves."""

    type: Literal["BUS.READY"]
    payload: ReadyPayload


Status = Annotated[int, Field(ge=100, le=599)]
Count = Annotated[int, Field(ge=1)]


class BackendMeta(_Wire):
    """The payload came from the backend."""

    source: Literal["backend"]
    status: Status
    """The backend's HTTP status."""


class BusMeta(_Wire):
    """The payload is the bus's own."""

    source: Literal["bus"]
    status: Status = 0
    """The backend's HTTP status, if a response was received."""


BusCode = TypeAliasType("BusCode", Code)


class Fault(_Wire):
    """An error that the bus made. It repeats no value that was sent."""

    code: BusCode
    """The error code. Codes are part of the protocol, the wording of messages is not."""
    message: str
    details: Annotated[tuple[Detail, ...], Field(min_length=1, max_length=64)] = ()
    """Each field that is wrong, with `INVALID_PAYLOAD`."""


class BackendError(_Wire):
    """The body of the backend's error response."""

    error: Any
    """The backend's own JSON, unchanged."""


class BusFault(_Wire):
    """Why the bus could not answer."""

    error: Fault


class _Reply(_Wire):
    id: Id = ""
    """The id of the request, if it had one."""


class SsoFulfilled(_Reply):
    """`AUTH.SSO_FULFILLED`: the user is signed in."""

    type: Literal["AUTH.SSO_FULFILLED"]
    payload: SignedIn
    meta: BackendMeta


class SsoRejectedByBackend(_Reply):
    """`AUTH.SSO_REJECTED` with the backend's own error."""

    type: Literal["AUTH.SSO_REJECTED"]
    payload: BackendError
    meta: BackendMeta


class SsoRejectedByBus(_Reply):
    """`AUTH.SSO_REJECTED` with an error that the bus made."""

    type: Literal["AUTH.SSO_REJECTED"]
    payload: BusFault
    meta: BusMeta


SsoRejected = TypeAliasType("SsoRejected", SsoRejectedByBackend | SsoRejectedByBus)


class EmailAndPasswordFulfilled(_Reply):
    """`AUTH.EMAIL_AND_PASSWORD_FULFILLED`: the user is signed in."""

    type: Literal["AUTH.EMAIL_AND_PASSWORD_FULFILLED"]
    payload: SignedIn
    meta: BackendMeta


class EmailAndPasswordRejectedByBackend(_Reply):
    """`AUTH.EMAIL_AND_PASSWORD_REJECTED` with the backend's own error."""

    type: Literal["AUTH.EMAIL_AND_PASSWORD_REJECTED"]
    payload: BackendError
    meta: BackendMeta


class EmailAndPasswordRejectedByBus(_Reply):
    """`AUTH.EMAIL_AND_PASSWORD_REJECTED` with an error that the bus made."""

    type: Literal["AUTH.EMAIL_AND_PASSWORD_REJECTED"]
    payload: BusFault
    meta: BusMeta


EmailAndPasswordRejected = TypeAliasType(
    "EmailAndPasswordRejected", EmailAndPasswordRejectedByBackend | EmailAndPasswordRejectedByBus
)


class GetCredentialsFulfilled(_Reply):
    """`AUTH.CREDENTIALS_FULFILLED`: credentials that are valid now."""

    type: Literal["AUTH.CREDENTIALS_FULFILLED"]
    payload: Holding
    meta: BusMeta


class GetCredentialsRejectedByBackend(_Reply):
    """`AUTH.CREDENTIALS_REJECTED`: the old credentials have expired, and the backend refused new ones."""

    type: Literal["AUTH.CREDENTIALS_REJECTED"]
    payload: BackendError
    meta: BackendMeta


class GetCredentialsRejectedByBus(_Reply):
    """`AUTH.CREDENTIALS_REJECTED` with an error that the bus made."""

    type: Literal["AUTH.CREDENTIALS_REJECTED"]
    payload: BusFault
    meta: BusMeta


GetCredentialsRejected = TypeAliasType(
    "GetCredentialsRejected", GetCredentialsRejectedByBackend | GetCredentialsRejectedByBus
)


class SignOutFulfilled(_Reply):
    """`AUTH.SIGN_OUT_FULFILLED`: the session is over."""

    type: Literal["AUTH.SIGN_OUT_FULFILLED"]
    payload: SignedOut
    meta: BusMeta


class SignOutRejected(_Reply):
    """`AUTH.SIGN_OUT_REJECTED`: the session may not be over; send the request again."""

    type: Literal["AUTH.SIGN_OUT_REJECTED"]
    payload: BusFault
    meta: BusMeta


class RegisterFulfilled(_Reply):
    """`BUS.REGISTER_FULFILLED`: the user of the session. Without a payload, there is no session."""

    type: Literal["BUS.REGISTER_FULFILLED"]
    payload: Restored = Restored(user={})
    meta: BusMeta


class RegisterRejected(_Reply):
    """`BUS.REGISTER_REJECTED`: the bus does not know this host."""

    type: Literal["BUS.REGISTER_REJECTED"]
    payload: BusFault
    meta: BusMeta


class InitFulfilled(_Reply):
    """`BUS.INIT_FULFILLED`: sent even if a service fails. It has no payload."""

    type: Literal["BUS.INIT_FULFILLED"]
    meta: BusMeta


class InitRejected(_Reply):
    """`BUS.INIT_REJECTED`: the message does not validate, or this build has no session."""

    type: Literal["BUS.INIT_REJECTED"]
    payload: BusFault
    meta: BusMeta


class DestroyFulfilled(_Reply):
    """`BUS.DESTROY_FULFILLED`: the services have stopped. It has no payload."""

    type: Literal["BUS.DESTROY_FULFILLED"]
    meta: BusMeta


class DestroyRejected(_Reply):
    """`BUS.DESTROY_REJECTED`: the message does not validate, or this build has no session."""

    type: Literal["BUS.DESTROY_REJECTED"]
    payload: BusFault
    meta: BusMeta


class TokenRefreshed(_Wire):
    """`AUTH.TOKEN_REFRESHED`, pushed after `BUS.INIT` of AUTH: there are new tokens."""

    type: Literal["AUTH.TOKEN_REFRESHED"]
    payload: MigratedCredentials


class RefreshTokenExpired(_Wire):
    """`AUTH.REFRESH_TOKEN_EXPIRED`, pushed: the session is over. It has no payload."""

    type: Literal["AUTH.REFRESH_TOKEN_EXPIRED"]


class SessionChangedPayload(_Wire):
    """Who is signed in now."""

    user: JsonObject | None
    """null: another tab has signed out."""


class SessionChanged(_Wire):
    """`AUTH.SESSION_CHANGED`, pushed: another tab has signed in or out."""

    type: Literal["AUTH.SESSION_CHANGED"]
    payload: SessionChangedPayload


class OtherRejected(_Reply):
    """The reply to a request of a type that no build serves."""

    type: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*_REJECTED$")]
    payload: BusFault
    meta: BusMeta


# -- what a debug build reports ------------------------------------------------------------------


class _Report(_Wire):
    at: int
    """When, in milliseconds since the epoch."""


class ReportAccepted(_Report):
    """The gate let a request in."""

    event: Literal["accepted"]
    number: Count
    """The bus's count of messages; all reports on this one have it."""
    type: str
    id: Id = ""
    origin: str
    """The sender's origin."""
    port: bool
    """Whether the message carried a reply port."""
    bytes: Count = 0
    """The length of its JSON in UTF-8; absent if it is not JSON-shaped."""
    state: Literal["booting", "serving", "down"]
    """Python's state: a message that comes while it is booting is kept."""


class ReportDropped(_Report):
    """A message gets no reply."""

    event: Literal["dropped"]
    reason: str
    """The bus's own sentence, which shows nothing of the message."""
    number: Count = 0
    """The number of a message that was accepted before."""
    origin: str = ""
    """The sender's origin, if the message was not accepted."""
    more: Count = 0
    """Instead of both: how many more messages had that reason than were reported one by one."""


class ReportReplied(_Report):
    """A reply goes out."""

    event: Literal["replied"]
    number: Count
    type: str
    """The reply's type, such as "AUTH.SSO_FULFILLED"."""
    id: Id = ""
    origin: str
    """The receiver's origin."""
    port: bool
    """Whether it goes over the request's port."""
    source: Literal["backend", "bus"]
    status: Status = 0
    """The backend's HTTP status, if a response was received."""
    code: BusCode = "INTERNAL"
    """The code of an error that the bus made."""


class ReportBackend(_Report):
    """A call to the backend. Reported when the call begins, and again, with its outcome, when it ends."""

    event: Literal["backend"]
    number: Count = 0
    """The number of the message that caused the call; absent if no message did."""
    call: Count
    """The bus's count of calls."""
    method: Literal["GET", "POST"]
    url: str
    """The URL without its query."""
    ms: Annotated[int, Field(ge=0)] = 0
    """How long it took, in milliseconds."""
    outcome: Literal["answered", "failed", "aborted"] = "answered"
    """How the call ended; absent when it begins."""
    status: Status = 0
    """The HTTP status, if a response was received."""


class ReportSession(_Report):
    """Where sessions are kept is settled; again if that changes."""

    event: Literal["session"]
    kept: Literal["partition", "memory"]
    """In the browser's partition for this bus under the host's site. Or in memory: then a session
    ends with its page, and no other tab shares it."""
    reason: str = ""
    """Why in memory, as a sentence: the settings say so, or what the browser's storage does."""


Report = TypeAliasType(
    "Report", ReportAccepted | ReportDropped | ReportReplied | ReportBackend | ReportSession
)


class Debug(_Wire):
    """`BUS.DEBUG`: what a debug build decides and does. Facts only: no code, no token, no payload."""

    type: Literal["BUS.DEBUG"]
    payload: Report


# -- all of them ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A message and its model. `type` is also the name of its schema's file."""

    type: str
    name: str
    summary: str
    adapter: TypeAdapter[Any]


def _message(type_: str, model: Any, summary: str) -> Message:
    return Message(type_, model.__name__, summary, TypeAdapter(model))


MESSAGES: Final = (
    _message("AUTH.SSO", SsoRequest, "Sign in with a code"),
    _message("AUTH.SSO_FULFILLED", SsoFulfilled, "The user is signed in"),
    _message("AUTH.SSO_REJECTED", SsoRejected, "The user could not be signed in"),
    _message("AUTH.EMAIL_AND_PASSWORD", EmailAndPasswordRequest, "Sign in with a password"),
    _message(
        "AUTH.EMAIL_AND_PASSWORD_FULFILLED", EmailAndPasswordFulfilled, "The user is signed in"
    ),
    _message(
        "AUTH.EMAIL_AND_PASSWORD_REJECTED",
        EmailAndPasswordRejected,
        "The user could not be signed in",
    ),
    _message("AUTH.CREDENTIALS", GetCredentialsRequest, "Get credentials that are valid now"),
    _message(
        "AUTH.CREDENTIALS_FULFILLED", GetCredentialsFulfilled, "Credentials that are valid now"
    ),
    _message("AUTH.CREDENTIALS_REJECTED", GetCredentialsRejected, "There are no valid credentials"),
    _message("AUTH.SIGN_OUT", SignOutRequest, "Sign out"),
    _message("AUTH.SIGN_OUT_FULFILLED", SignOutFulfilled, "The session is over"),
    _message("AUTH.SIGN_OUT_REJECTED", SignOutRejected, "The session may not be over"),
    _message("AUTH.TOKEN_REFRESHED", TokenRefreshed, "There are new tokens"),
    _message("AUTH.REFRESH_TOKEN_EXPIRED", RefreshTokenExpired, "The session has ended"),
    _message("AUTH.SESSION_CHANGED", SessionChanged, "Another tab has signed in or out"),
    _message("BUS.REGISTER", RegisterRequest, "Restore the session"),
    _message(
        "BUS.REGISTER_FULFILLED", RegisterFulfilled, "The user of the session, if there is one"
    ),
    _message("BUS.REGISTER_REJECTED", RegisterRejected, "The host could not register"),
    _message("BUS.INIT", InitRequest, "Start services"),
    _message("BUS.INIT_FULFILLED", InitFulfilled, "The services have started"),
    _message("BUS.INIT_REJECTED", InitRejected, "The services have not started"),
    _message("BUS.DESTROY", DestroyRequest, "Stop services"),
    _message("BUS.DESTROY_FULFILLED", DestroyFulfilled, "The services have stopped"),
    _message("BUS.DESTROY_REJECTED", DestroyRejected, "The services have not stopped"),
    _message("BUS.CANCEL", CancelRequest, "Cancel a request"),
    _message("BUS.DEBUG", Debug, "What a debug build decides"),
    _message("BUS.LISTENING", Listening, "Messages are kept from now on"),
    _message("BUS.READY", Ready, "Python serves"),
    _message("OTHER", OtherRequest, "A request of a type that no build serves"),
    _message("OTHER_REJECTED", OtherRejected, "The reply to such a request"),
)
"""`OTHER` and `OTHER_REJECTED` are not types: they stand for all other types of requests."""

PUSHED: Final = ("AUTH.TOKEN_REFRESHED", "AUTH.REFRESH_TOKEN_EXPIRED", "AUTH.SESSION_CHANGED")
"""The messages that are pushed after `BUS.INIT` of AUTH, over its port if it had one."""
ANNOUNCED: Final = ("BUS.LISTENING", "BUS.READY", "BUS.DEBUG")
"""The messages that the host's window gets without a request."""
