"""The stand-in backend: gives credentials for a code or a password, refreshes and revokes them."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from host.demo.asked import answer, asked, failure, nothing, unless_gone
from host.demo.codes import CodeError, Codes
from host.demo.families import Families, TokenError
from host.demo.people import BY_EMAIL, BY_KEY, PASSWORD, Person
from host.demo.reset import reset
from host.demo.tokens import Tokens
from host.demo.trouble import RETRY_AFTER, Trouble

SLOW = 3.0
"""Seconds that the slow backend takes."""

Sleep = Callable[[float], Awaitable[object]]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ExchangeRequest(_Body):
    """The body of `POST /sso/exchange`."""

    code: Annotated[str, Field(min_length=1, max_length=4096)]
    redirectUrl: Annotated[str, Field(min_length=1, max_length=2048)]  # noqa: N815 - as on the wire
    codeVerifier: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$")] | None = None  # noqa: N815


class SignInRequest(_Body):
    """The body of `POST /sign-in`."""

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class TokenRequest(_Body):
    """The body of `POST /sso/refresh` and `POST /sso/revoke`."""

    refreshToken: Annotated[str, Field(min_length=1, max_length=4096)]  # noqa: N815 - as on the wire


@dataclass(frozen=True)
class Backend:
    """The endpoints that the bus calls; each takes a request and answers it."""

    codes: Codes
    tokens: Tokens
    families: Families
    trouble: Trouble
    sleep: Sleep
    client_id: str
    """For whom the ID tokens of a password sign-in are: no client is named there."""

    async def exchange(self, request: Request) -> Response:
        """Give credentials for a code: check the body, let the backend do its worst, redeem."""
        wanted = await asked(request, ExchangeRequest)
        if isinstance(wanted, Response):
            return wanted
        if trouble := await self._trouble(request):
            return trouble
        if (grant := self.codes.grant_of(wanted.code)) is not None:
            # Before the code is used up: a browser that sends a request again on a fresh connection,
            # as Chromium does when a kept-alive one breaks, has to meet the same fault again.
            match BY_KEY[grant.person].backend:
                case "is down":
                    reset(request.scope)
                    return await nothing(request)
                case "hangs":
                    return await nothing(request)
                case "is slow":
                    await unless_gone(request, self.sleep(SLOW))
        try:
            grant = self.codes.redeem(wanted.code, wanted.redirectUrl, wanted.codeVerifier)
        except CodeError as error:
            return failure(400, error.reason, error.hint)
        return self._signed_in(BY_KEY[grant.person], grant.client_id)

    async def sign_in(self, request: Request) -> Response:
        """Give credentials for an e-mail address and a password."""
        wanted = await asked(request, SignInRequest)
        if isinstance(wanted, Response):
            return wanted
        if trouble := await self._trouble(request):
            return trouble
        person = BY_EMAIL.get(wanted.email.lower())
        right = hmac.compare_digest(wanted.password.encode(), PASSWORD.encode())
        if person is None or not right:
            # One answer for both: nobody finds out who has an account here.
            return failure(401, "wrong_email_or_password", "Check both, and try again.")
        return self._signed_in(person, self.client_id)

    async def refresh(self, request: Request) -> Response:
        """Give new credentials for a refresh token, which is spent by that."""
        wanted = await asked(request, TokenRequest)
        if isinstance(wanted, Response):
            return wanted
        if trouble := await self._trouble(request):
            return trouble
        if self.trouble.refuseNext:
            self.trouble.refuseNext = False
            self.families.revoke(wanted.refreshToken)
            return failure(401, "session_revoked", "An administrator has ended it. Sign in again.")
        try:
            rotated = self.families.rotate(wanted.refreshToken)
        except TokenError as error:
            return failure(401, error.reason, error.hint)
        person = BY_KEY[rotated.person]
        id_token = self.tokens.id_token(person, rotated.client_id)
        return answer({"credentials": {"idToken": id_token, "refreshToken": rotated.token}})

    async def revoke(self, request: Request) -> Response:
        """End what came of a sign-in. Any token will do, also an unknown one (RFC 7009, 2.2)."""
        wanted = await asked(request, TokenRequest)
        if isinstance(wanted, Response):
            return wanted
        if trouble := await self._trouble(request):
            return trouble
        self.families.revoke(wanted.refreshToken)
        return Response(status_code=204)

    async def _trouble(self, request: Request) -> Response | None:
        match self.trouble.backend:
            case "down":
                reset(request.scope)
                return await nothing(request)
            case "overloaded":
                busy = failure(503, "overloaded", f"Try again in {RETRY_AFTER} seconds.")
                busy.headers["Retry-After"] = str(RETRY_AFTER)
                return busy
        return None

    def _signed_in(self, person: Person, client_id: str) -> Response:
        if person.backend == "refuses":
            return failure(
                403, "account_suspended", "Ask an administrator of your company to lift it."
            )
        return answer(
            {
                "credentials": self._credentials(person, client_id),
                "currentUser": person.user,
                "company": person.company,
            }
        )

    def _credentials(self, person: Person, client_id: str) -> dict[str, Any]:
        """In the protocol's migrated shape, for a legacy person in its legacy one."""
        if person.legacy:
            return {"legacy_token": self.tokens.legacy_token()}
        return {
            "idToken": self.tokens.id_token(person, client_id),
            "refreshToken": self.families.begin(person.key, client_id),
        }
