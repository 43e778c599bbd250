"""A stand-in for a company's identity provider and backend, as one Starlette app."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from host.demo.authorize import Authorization, Refused, Unredirectable, answer_url, authorization
from host.demo.backend import Backend, Sleep
from host.demo.codes import LIFETIME, Codes, Grant
from host.demo.families import Families
from host.demo.headers import page_headers
from host.demo.people import BY_KEY, PEOPLE, SITUATIONS, Person
from host.demo.tokens import ID_TOKEN_LIFETIME, Tokens
from host.demo.trouble import Trouble

_FOLDER = Path(__file__).parent / "login"
_LOGIN = Template((_FOLDER / "login.html").read_text("utf-8"))
_STOP = Template((_FOLDER / "stop.html").read_text("utf-8"))

CANCEL = "cancel"


@dataclass(frozen=True)
class Times:
    """How the provider tells the time."""

    lifetime: int = ID_TOKEN_LIFETIME
    """Seconds that an ID token is good."""
    clock: Callable[[], float] = time.time
    """Gives seconds since the epoch."""
    sleep: Sleep = asyncio.sleep


def provider_app(
    *,
    issuer: str,
    clients: Mapping[str, Iterable[str]],
    bus_origin: str,
    trouble: Trouble | None = None,
    times: Times = Times(),
) -> Starlette:
    """The provider at the origin `issuer`, for one bus.

    `clients` maps client ids to their exact redirect addresses. `trouble` is what goes wrong, and
    may be changed at any time. A server for it needs host.demo.reset.ResettableProtocol.
    """
    faults = Trouble() if trouble is None else trouble
    clock, lifetime = times.clock, times.lifetime
    codes = Codes(clock)
    tokens = Tokens(issuer, lambda: clock() + faults.clock_error(), lifetime)
    backend = Backend(codes, tokens, Families(clock), faults, times.sleep, next(iter(clients)))

    async def authorize(request: Request) -> Response:
        try:
            wanted = authorization(request.query_params.multi_items(), clients, issuer)
        except Unredirectable as error:
            return _stop(str(error))
        except Refused as error:
            return _onward(error.location)
        if request.method == "POST":
            return await choose(request, wanted)
        return _login(request, wanted, lifetime)

    async def choose(request: Request, wanted: Authorization) -> Response:
        async with request.form(max_files=0, max_fields=10) as form:
            choice = form.get("person")
        if choice == CANCEL:
            return _onward(
                answer_url(
                    wanted.redirect_url,
                    issuer,
                    wanted.state,
                    error="access_denied",
                    error_description="the sign-in was cancelled",
                )
            )
        if not isinstance(choice, str) or choice not in BY_KEY:
            return _login(request, wanted, lifetime)
        person = BY_KEY[choice]
        grant = Grant(person.key, wanted.client_id, wanted.redirect_url, wanted.challenge)
        code = codes.issue(grant, lifetime=-1 if person.late else LIFETIME)
        return _onward(answer_url(wanted.redirect_url, issuer, wanted.state, code=code))

    async def jwks(_: Request) -> Response:
        return JSONResponse(tokens.jwks())

    async def front(_: Request) -> Response:
        return _stop(
            "There is nothing to sign in to here. Start in the application, which sends you here.",
            200,
        )

    async def style(_: Request) -> Response:
        return FileResponse(_FOLDER / "login.css", media_type="text/css")

    for_the_bus = Middleware(
        CORSMiddleware,
        allow_origins=[bus_origin],
        allow_methods=["POST"],
        expose_headers=["Retry-After"],
    )
    called = {
        "/sso/exchange": backend.exchange,
        "/sso/refresh": backend.refresh,
        "/sso/revoke": backend.revoke,
        "/sign-in": backend.sign_in,
    }
    return Starlette(
        routes=[
            Route("/", front),
            Route("/login.css", style),
            Route("/authorize", authorize, methods=["GET", "POST"]),
            *(
                Route(path, endpoint, methods=["POST", "OPTIONS"], middleware=[for_the_bus])
                for path, endpoint in called.items()
            ),
            Route("/.well-known/jwks.json", jwks),
        ]
    )


def _login(request: Request, wanted: Authorization, lifetime: int) -> Response:
    life = spoken(lifetime)
    page = _LOGIN.substitute(
        client=escape(wanted.client_id),
        action=escape(f"/authorize?{request.url.query}"),
        people="".join(_row(person, life) for person in PEOPLE),
        situations="".join(_row(person, life) for person in SITUATIONS),
        cancel=CANCEL,
    )
    back = urlsplit(wanted.redirect_url)
    # A form's answer that redirects is held to form-action as well (Chromium).
    form_action = f"'self' {back.scheme}://{back.netloc}"
    return HTMLResponse(
        page, headers=page_headers(style_src="'self'", img_src="data:", form_action=form_action)
    )


def spoken(seconds: int) -> str:
    """A lifetime in words."""
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"


def _row(person: Person, life: str) -> str:
    return (
        f'<li><button name="person" value="{person.key}" id="person-{person.key}">'
        f'<span class="label">{escape(person.label)}</span>'
        f'<span class="outcome">{escape(person.outcome.format(life=life))}</span></button></li>\n'
    )


def _stop(reason: str, status: int = 400) -> Response:
    return HTMLResponse(
        _STOP.substitute(reason=escape(reason)),
        status,
        page_headers(style_src="'self'", img_src="data:"),
    )


def _onward(location: str) -> Response:
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return RedirectResponse(location, status_code=303, headers=headers)
