"""Checks an OpenID Connect provider: its public documents, and how its endpoints refuse bad requests."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from bus.errors import BusError, Rejected
from bus.exchange.oidc.algorithms import ALGORITHMS, PROOFS, algorithm_named
from bus.exchange.oidc.discovery import end_session_in, endpoints_in, get_json, revocation_in
from bus.exchange.oidc.jwks import Keys
from bus.exchange.oidc.token_endpoint import good_answer, token_form
from bus.exchange.reply import Reply
from bus.ports import Body, Fetch
from bus.settings.oidc import OidcSso
from bus.urls import origin_of
from host.tools.discovery import OFFLINE, scope_for

from .address import Address
from .asking import Answer, Asker
from .cors import exposed
from .report import Level, Part

Document = Mapping[str, Any]

_JSON: Final = {"Accept": "application/json"}
_FORM: Final = {**_JSON, "Content-Type": "application/x-www-form-urlencoded"}
_PKCE: Final = "code_challenge_methods_supported"
_SIGNED: Final = "id_token_signing_alg_values_supported"
_PROOFS: Final = "dpop_signing_alg_values_supported"
_NONCE: Final = "dpop-nonce"
_ALGORITHMS: Final = ", ".join(ALGORITHMS)
_COST: Final = (
    "Answers with tokens may have it: only a sign-in shows that. Without it here, a code that is wrong "
    "or expired looks to hosts like a wrong set-up (PROVIDER_MISCONFIGURED)."
)
_ENDPOINTS: Final = ("token_endpoint", "jwks_uri", "userinfo_endpoint")


def check_provider(
    sso: OidcSso, ask: Asker, bus_origin: str | None, *, session: bool
) -> list[Part]:
    """Return the rows about a provider and each of its endpoints.

    `session`: whether the bus keeps users signed in, and so signs them out at the provider as well.
    """
    document: Document = {}
    parts: list[Part] = []

    def address(title: str, url: str, severity: Level = "error") -> Address:
        parts.append(Part(f"{title}: {url}"))
        return Address(parts[-1], ask, url, bus_origin, severity)

    if sso.discovery:
        at = address("Discovery document", sso.discovery)
        found = _read(at, "discovery document", "issuer")
        if found is None:
            return parts
        document = found
        _judge_document(at.part, document, sso)
        if session:
            _judge_sign_out(at.part, document, sso)
        _leave_nothing_out(at.part, document, sso)
    else:
        parts.append(Part("Discovery document: none"))
        parts[-1].add(
            "skipped", "answer", "the bus requests none: its endpoints are in the settings"
        )
    try:
        endpoints = endpoints_in({**document, **_flawless(sso, document)}, sso)
    except BusError:
        return parts  # each endpoint was judged above
    _check_token_endpoint(address("Token endpoint", endpoints.token), sso)
    _check_keys(address("Keys", endpoints.jwks), _listed(document, _SIGNED))
    if endpoints.userinfo:
        _check_userinfo(address("Userinfo endpoint", endpoints.userinfo, "warning"), sso)
    if session and (revocation := _usable(revocation_in, document, sso)):
        _check_revocation(address("Revocation endpoint", revocation, "warning"), sso)
    return parts


# -- what is published ----------------------------------------------------------------------------


def _read(at: Address, what: str, setting: str) -> Document | None:
    """Return the JSON object at an address, checked as the bus does, and add rows about it."""
    answer = at.answer("GET", _JSON)
    if answer is None:
        return None
    try:
        document = asyncio.run(get_json(_given(answer), at.url, what, setting))
    except BusError as error:
        at.part.add("error", "answer", error.message)
        return None
    at.part.add("ok", "answer", f"status {answer.status}, a JSON object")
    at.readable(answer, "this answer")
    return document


def _check_keys(at: Address, announced: list[str]) -> None:
    """Look for a key that the bus can use; for one of the `announced` algorithms, if there are any."""
    answer = at.answer("GET", _JSON)
    if answer is None:
        return
    keys = Keys(_given(answer), time.time)
    try:
        asyncio.run(keys.load(at.url))
    except BusError as error:
        at.part.add("error", "answer", error.message)
        return
    at.part.add("ok", "answer", f"status {answer.status}, a key set")
    at.readable(answer, "this answer")
    wanted = [each for each in map(algorithm_named, announced) if each] or ALGORITHMS
    fitting = {algorithm: keys.fitting(algorithm, None) for algorithm in wanted}
    usable = [algorithm for algorithm, keys in fitting.items() if keys.usable]
    if usable:
        at.part.add("ok", "keys", f"usable for {', '.join(usable)}")
    else:
        problems = sorted({keys.problem for keys in fitting.values() if keys.problem})
        why = f": {'; '.join(problems)}" if problems else ""
        found = f"none can be used for {', '.join(fitting)}{why}"
        at.part.add("error", "keys", found, "Publish the keys that ID tokens are signed with.")


@dataclass
class _Read:
    """A `bus.ports.Body` that was read already."""

    status: int
    body: bytes | None
    retry_after: str | None = None

    def header(self, name: str) -> str | None:
        """Return None: the bus reads no header of these answers."""
        del name
        return None

    async def read(self, limit: int) -> bytes | None:
        """Return the body, which was limited when it was read."""
        del limit
        return self.body


def _given(answer: Answer) -> Fetch:
    """Return a fetch that gives this answer, so that the bus's own code can check it."""

    async def fetch(url: str, *, headers: dict[str, str], body: str | None) -> Body:
        del url, headers, body
        return _Read(answer.status, answer.body)

    return fetch


# -- what the discovery document says -------------------------------------------------------------


def _judge_document(part: Part, document: Document, sso: OidcSso) -> None:
    if problem := _judged(document, sso, "issuer"):
        part.add(
            "error",
            "issuer",
            problem,
            "If the provider is yours, copy its issuer into bus.sso.issuer.",
        )
    else:
        part.add("ok", "issuer", "the one in the settings, character for character")
    for name in _ENDPOINTS:
        if problem := _judged(document, sso, name):
            part.add("error", "endpoints", problem)
    verified = ", ".join(filter(algorithm_named, _listed(document, _SIGNED)))
    for row, name, told, change in (
        ("PKCE", _PKCE, "S256 is offered", "Make sure that the client may use PKCE with S256."),
        (
            "algorithms",
            _SIGNED,
            f"ID tokens may be signed with {verified}, which the bus verifies",
            f"Make sure that ID tokens are signed with one of {_ALGORITHMS}.",
        ),
    ):
        if problem := _judged(document, sso, name):
            part.add("error", row, problem)
        elif _listed(document, name):
            part.add("ok", row, told)
        else:
            part.add("warning", row, f"the document has no {name}", change)
    _judge_lists(part, document, sso)


def _judge_sign_out(part: Part, document: Document, sso: OidcSso) -> None:
    for name, find, without in (
        ("revocation", revocation_in, "the refresh token stays valid after AUTH.SIGN_OUT"),
        ("logout", end_session_in, "AUTH.SIGN_OUT answers without logoutUrl"),
    ):
        try:
            found = find(document, sso)
        except BusError as error:
            part.add("error", name, error.message)
        else:
            part.add("ok", name, "there is an endpoint" if found else f"no endpoint: {without}")


def _usable(
    find: Callable[[Document, OidcSso], str | None], document: Document, sso: OidcSso
) -> str | None:
    try:
        return find(document, sso)
    except BusError:
        return None  # reported above


def _judge_lists(part: Part, document: Document, sso: OidcSso) -> None:
    grants = _listed(document, "grant_types_supported")
    if grants and "authorization_code" not in grants:
        part.add("error", "grants", "authorization_code is not offered", "Allow that grant there.")
    elif grants and "refresh_token" not in grants and sso.refresh_token == "optional":  # noqa: S105
        part.add("ok", "grants", "no refresh_token is announced: sessions end with their tokens")
    elif grants and "refresh_token" not in grants:
        part.add(
            "warning",
            "grants",
            "refresh_token is not announced",
            "Allow that grant for this client: the bus refuses a sign-in without a refresh token. Or set "
            'bus.sso.refresh_token = "optional": sessions then end with their tokens.',
        )
    elif grants:
        part.add("ok", "grants", "authorization_code and refresh_token are offered")
    scopes = _listed(document, "scopes_supported")
    asked = scope_for(document, sso, lambda _: None)
    if unknown := [scope for scope in asked.split() if scopes and scope not in scopes]:
        part.add(
            "warning",
            "scopes",
            f"not announced: {', '.join(unknown)}",
            "If the provider answers with invalid_scope, leave it out of bus.sso.scope.",
        )
    elif asked != sso.scope:
        part.add(
            "ok",
            "scopes",
            f"all of {asked} are offered; the build leaves {OFFLINE}, which is not, out of the scope",
        )
    elif scopes:
        part.add("ok", "scopes", f"all of {asked} are offered")
    _judge_proofs(part, document, sso)


def _judge_proofs(part: Part, document: Document, sso: OidcSso) -> None:
    proofs = _listed(document, _PROOFS)
    told = f"offered, with {', '.join(proofs)}" if proofs else "not announced"
    if sso.dpop == "off":
        told += "; the bus sends no DPoP proofs, so the client must not require them"
        part.add("ok", "DPoP", told)
    elif problem := _judged(document, sso, _PROOFS):
        part.add("error", "DPoP", problem)
    else:
        bound = "all tokens" if sso.dpop == "all" else "the refresh token"
        part.add("ok", "DPoP", f"{told}; {bound} must be bound, which only a sign-in shows")


def _judged(document: Document, sso: OidcSso, name: str) -> str | None:
    """Return why the bus refuses one member of a document, or None."""
    try:
        endpoints_in({**_flawless(sso), name: document.get(name)}, sso)
    except BusError as error:
        return error.message
    return None


def _leave_nothing_out(part: Part, document: Document, sso: OidcSso) -> None:
    """Add why the bus refuses a document as a whole, if no row says it yet."""
    try:
        endpoints_in(document, sso)
    except BusError as error:
        if not any(row.level == "error" for row in part.rows):
            part.add("error", "document", error.message)


def _flawless(sso: OidcSso, document: Document | None = None) -> dict[str, object]:
    """Return members that the bus accepts; the endpoints of a `document` stay."""
    origin = sso.connect_origins[0] if sso.connect_origins else origin_of(sso.issuer)
    endpoints = {"token_endpoint": f"{origin}/", "jwks_uri": f"{origin}/"}
    lists = {_PKCE: None, _SIGNED: None, _PROOFS: [PROOFS]}
    return {"issuer": sso.issuer, **lists, **({} if document else endpoints)}


def _listed(document: Document, name: str) -> list[str]:
    """Return the strings in a list; none if there is no such list."""
    value = document.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


# -- how endpoints refuse -------------------------------------------------------------------------


def _check_token_endpoint(at: Address, sso: OidcSso) -> None:
    """Send a token request without a code (RFC 6749, 4.1.3), which must be refused."""
    headers = [*(name.lower() for name in sso.extra_headers), *_proof(sso)]
    if headers:  # without them, a token request needs no preflight
        at.preflight("POST", headers)
    form = token_form(sso, {"grant_type": "authorization_code"})
    answer = at.answer("POST", _FORM | sso.extra_headers, form)
    if answer is None:
        return
    try:
        good_answer(Reply(answer.status, answer.body))
    except Rejected as refusal:
        at.part.add("ok", "answer", f"{_refusal(answer, refusal.error)}, without a code")
    except BusError as error:
        at.part.add("error", "answer", f"status {answer.status}: {error.message}")
    else:
        at.part.add(
            "warning",
            "answer",
            f"status {answer.status} to a request without a code, and no error in it",
            "Check bus.sso.token_endpoint: a token endpoint refuses with an error.",
        )
    at.readable(answer, "this answer", _COST)
    _check_nonce(at, answer)


def _check_userinfo(at: Address, sso: OidcSso) -> None:
    """Send a request without a token, which must be refused. The bus can do without userinfo."""
    at.preflight(
        "GET", ["authorization", *(name.lower() for name in sso.extra_headers), *_proof(sso)]
    )
    answer = at.answer("GET", _JSON | sso.extra_headers)
    if answer is None:
        return
    if answer.status in (400, 401, 403):
        at.part.add("ok", "answer", f"status {answer.status} without a token")
    else:
        at.part.add(
            "warning",
            "answer",
            f"status {answer.status} without a token, where 401 is usual",
            "Check the address; or set bus.sso.userinfo = false to use the ID token's claims.",
        )
    at.readable(answer, "this answer")


def _proof(sso: OidcSso) -> list[str]:
    return [] if sso.dpop == "off" else ["dpop"]


def _check_nonce(at: Address, answer: Answer) -> None:
    """Check whether the bus may read the nonces that a server sends (RFC 9449, 8 and 9)."""
    if at.bus_origin is None or _NONCE not in answer.headers:
        return
    if exposed(answer, _NONCE):
        at.part.add("ok", "nonce", "the bus may read DPoP-Nonce")
    else:
        at.part.add(
            "error",
            "nonce",
            "this answer has a DPoP-Nonce that the bus may not read",
            "Send Access-Control-Expose-Headers: DPoP-Nonce, WWW-Authenticate there, whatever the status.",
        )


def _check_revocation(at: Address, sso: OidcSso) -> None:
    """Send a revocation without a token (RFC 7009, 2.1), which must be refused. A sign-out works without it."""
    if sso.extra_headers:
        at.preflight("POST", [name.lower() for name in sso.extra_headers])
    form = {"client_id": sso.client_id, "token_type_hint": "refresh_token"}
    answer = at.answer("POST", _FORM | sso.extra_headers, urlencode(form))
    if answer is None:
        return
    if 400 <= answer.status <= 499 and answer.status not in (404, 405):
        found = _refusal(answer, _json(answer))
        at.part.add("ok", "answer", f"{found}, without a token")
    else:
        at.part.add(
            "warning",
            "answer",
            f"status {answer.status} to a request without a token",
            "Check the address: signing out ends the session in the bus, but not at the provider.",
        )
    at.readable(answer, "this answer")


def _refusal(answer: Answer, error: object) -> str:
    name = error.get("error") if isinstance(error, dict) else None
    return (
        f"status {answer.status}, {name[:64]}"
        if isinstance(name, str)
        else f"status {answer.status}"
    )


def _json(answer: Answer) -> object:
    try:
        return Reply(answer.status, answer.body).json()
    except ValueError:
        return None
