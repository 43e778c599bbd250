"""Refresh, revocation and password sign-in with a `json` backend (protocol.md, "The session")."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ..errors import BusError, Rejected
from ..messages import Answer, EmailAndPasswordPayload, Refreshed
from ..ports import Now
from ..session.backend import Bound, Failed, Fresh
from ..session.claims import claims_in
from ..session.record import Maker
from ..session.schedule import retry_after_seconds
from .json_backend import JsonPost, signed_in
from .reply import Reply, refused

REFUSALS: Final = (400, 401, 403)
"""With a JSON body, these statuses end a session; without one, the answer came from a proxy."""


@dataclass(frozen=True)
class JsonSession:
    """Implements `bus.session.backend.Backend` by the bus's own contract."""

    refresh_url: str
    revoke_url: str | None
    post: JsonPost
    now: Now
    access_tokens: bool = False

    @property
    def maker(self) -> Maker:
        """The identity of this backend, for the records of its sessions."""
        return Maker(provider="json", refresh_url=self.refresh_url)

    async def refresh(
        self, refresh_token: str, *, id_token: str, bound: Bound | None = None
    ) -> Fresh | Failed:
        """Ask for new tokens, which such a backend binds to nothing."""
        del bound
        try:
            reply = await self.post(self.refresh_url, {"refreshToken": refresh_token})
        except BusError as error:
            return Failed(error)
        if reply.good:
            return _fresh(reply, id_token)
        wait = retry_after_seconds(reply.retry_after, self.now())
        try:
            refused(reply)
        except Rejected as error:
            return Failed(error, refused=reply.status in REFUSALS, retry_after_seconds=wait)
        except BusError as error:
            return Failed(error, retry_after_seconds=wait)

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke, if the settings have an address for it."""
        if self.revoke_url is None:
            return True
        try:
            return (await self.post(self.revoke_url, {"refreshToken": refresh_token})).good
        except BusError:
            return False

    async def logout_url(self) -> str:
        """Return "": such a backend has no session of its own."""
        return ""


@dataclass(frozen=True)
class PasswordSignIn:
    """Signs a user in with an e-mail address and a password, once."""

    url: str
    post: JsonPost

    async def __call__(self, asked: EmailAndPasswordPayload) -> Answer:
        """Ask the backend; raises as its exchange does (`bus.exchange.Exchange`)."""
        return signed_in(
            await self.post(self.url, {"email": asked.email, "password": asked.password})
        )


def _fresh(reply: Reply, before: str) -> Fresh | Failed:
    problem: str
    value: Any = None
    try:
        value = reply.json()
        found = Refreshed.model_validate(value)
    except ValidationError as wrong:
        [name, *_] = wrong.errors(include_input=False)[0]["loc"] or ["object"]
        problem = f"does not hold what the contract says: see its {name}"
    except ValueError:
        problem = "is not JSON" if reply.body is not None else "is larger than 1 MiB"
    else:
        tokens = found.credentials
        return Fresh(
            refresh_token=tokens.refreshToken,
            id_token=tokens.idToken,
            user=found.currentUser,
            company=found.company,
            other_user=claims_in(before).of_another(claims_in(tokens.idToken)),
        )
    error = BusError(
        "BACKEND_INVALID", f"The backend's answer to a refresh {problem}.", status=reply.status
    )
    # The old token may be used up by now, so the new one is kept even if the rest is wrong.
    token = _refresh_token(value)
    return Fresh(refresh_token=token, error=error) if token else Failed(error)


def _refresh_token(value: Any) -> str:
    credentials = value.get("credentials") if isinstance(value, dict) else None
    token = credentials.get("refreshToken") if isinstance(credentials, dict) else None
    return token if isinstance(token, str) else ""
