"""An authorization request, checked (RFC 6749, 4.1.1; PKCE: RFC 7636, 4.3)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE = re.compile(r"[\x20-\x7e]{1,1024}", re.ASCII)


class Unredirectable(Exception):
    """A request from an unknown client or redirect address: the person is told, never redirected."""


class Refused(Exception):
    """A request that is sent back to the client: `location` holds the error, to redirect to."""

    def __init__(self, location: str) -> None:
        super().__init__("the authorization request was refused")
        self.location = location


@dataclass(frozen=True)
class Authorization:
    """What a client asks for, every field checked."""

    client_id: str
    redirect_url: str
    state: str | None
    challenge: str


def authorization(
    query: Iterable[tuple[str, str]], clients: Mapping[str, Iterable[str]], issuer: str
) -> Authorization:
    """The authorization that a query string's pairs ask for. Raises Unredirectable or Refused."""
    pairs = [
        (key, value) for key, value in query if value
    ]  # an empty value counts as absent: RFC 6749, 3.1
    fields = dict(pairs)
    repeated = {key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1}

    client_id = fields.get("client_id", "")
    if client_id not in clients or "client_id" in repeated:
        raise Unredirectable("The application that asks is not registered here (client_id).")
    redirect_url = fields.get("redirect_uri", "")
    if redirect_url not in clients[client_id] or "redirect_uri" in repeated:
        raise Unredirectable(
            "The address to return to is not registered for this application (redirect_uri)."
        )

    state = fields.get("state") if "state" not in repeated else None
    if state is not None and not _STATE.fullmatch(state):
        state = None

    def refuse(error: str, description: str) -> Refused:
        return Refused(
            answer_url(redirect_url, issuer, state, error=error, error_description=description)
        )

    if repeated:
        raise refuse("invalid_request", "a parameter is given twice")
    if fields.get("state") != state:
        raise refuse("invalid_request", "state must be 1 to 1024 printable ASCII characters")
    if "response_type" not in fields:
        raise refuse("invalid_request", "response_type is missing")
    if fields["response_type"] != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if "code_challenge" not in fields:
        raise refuse("invalid_request", "code_challenge is missing: PKCE is required")
    if fields.get("code_challenge_method") != "S256":
        raise refuse("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(fields["code_challenge"]):
        raise refuse("invalid_request", "code_challenge must be 43 base64url characters")
    return Authorization(client_id, redirect_url, state, fields["code_challenge"])


def answer_url(redirect_url: str, issuer: str, state: str | None, **answer: str) -> str:
    """The address that takes an answer to the client, with `state` as it came and `iss` (RFC 9207)."""
    if state is not None:
        answer["state"] = state
    joint = "&" if urlsplit(redirect_url).query else "?"
    return redirect_url + joint + urlencode({**answer, "iss": issuer})
