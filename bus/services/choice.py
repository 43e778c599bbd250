"""Makes the services that the settings enable, with their handlers."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..app import Handler
from ..exchange import Exchange
from ..exchange.json_backend import JsonPost
from ..exchange.json_session import PasswordSignIn
from ..messages import (
    Destroy,
    EmailAndPassword,
    GetCredentials,
    Init,
    Register,
    SignOut,
    Sso,
)
from ..session.around import Around
from ..settings import Settings
from .auth import Auth, forget
from .session import Password, Session


@dataclass(frozen=True)
class Services:
    """What a bus serves: a handler for each class of requests."""

    handlers: Mapping[type, Handler]
    session: Session | None
    """Must be told about the page and about other tabs; None without `[bus.session]`."""


def services_for(
    settings: Settings, *, exchange: Exchange, post: JsonPost, around: Around | None
) -> Services:
    """Return the services; `around` is set if and only if the settings have `[bus.session]`."""
    session = Session(around, settings.allowed_origins) if around else None
    keep = session.keep if session else forget
    handlers: dict[type, Handler] = {Sso: Auth(exchange, keep).sso}
    if settings.password:
        sign_in = PasswordSignIn(settings.password.sign_in_url, post)
        handlers[EmailAndPassword] = Password(sign_in, keep).email_and_password
    if session:
        handlers |= {
            Register: session.register,
            Init: session.init,
            Destroy: session.destroy,
            GetCredentials: session.credentials,
            SignOut: session.sign_out,
        }
    return Services(handlers, session)
