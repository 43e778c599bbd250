"""Real OpenID Connect providers, and what a person does at them."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
from playwright.sync_api import Page

from host.demo.oidc import ensure_installed
from host.tools.node import start_node
from host.tools.paths import ROOT
from tests.e2e.support.authlib_provider import CLIENT, GRACE_SECONDS, AuthlibProvider
from tests.e2e.support.providers.django import Django
from tests.e2e.support.providers.lemonldap import Lemonldap
from tests.e2e.support.providers.ordered import Ordered
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import Server

API = "https://api.example.com/"
"""A resource (RFC 8707) that npm oidc-provider issues access tokens for, which live for five minutes."""
BOUND = "crm-dpop"
"""The client of npm oidc-provider that gets nothing without proofs (DPoP)."""
ORG: dict[str, Any] = {"id": 7, "name": "Analytical Engines"}


class Provider(Protocol):
    """One of the providers, as the tests see it."""

    issuer: str
    client_id: str
    scope: str
    """What a host asks for: all that the provider takes of the bus's default."""
    session_settings: dict[str, str]
    """What sessions need in `[bus.sso]` because the discovery document lacks it."""
    authorization_endpoint: str
    token_endpoint: str
    company: dict[str, Any]
    """What the bus makes of `company_claim = "org"`."""
    rotates: bool
    """Whether a refresh brings another refresh token, and the one before is good no more."""
    grace_seconds: float
    """For how long the last refresh token is good after a rotation."""
    repeats_well: bool
    """Whether its answer to the last token, within that time, is as good as the first."""
    forgets_with_its_keys: bool
    """Whether `rotate` makes it forget its refresh tokens as well."""
    binds_access_token: bool
    """Whether its ID tokens have an `at_hash`, which the code flow leaves open."""
    logs_out: bool
    """Whether there is a page that ends its own session."""
    says_who_is_unknown: bool
    """Whether it tells an unknown client by a request that has no code."""
    wrong_redirect: str
    """Its error for a redirect URL that is not the one of the code (RFC 6749, 5.2: invalid_grant)."""
    unknown_token: str
    """Its error for a refresh token that it does not have (the same)."""

    @property
    def revocation_endpoint(self) -> str | None:
        """Where it revokes, if it does."""

    def rotate(self) -> None:
        """Replace all keys."""

    def advance(self, seconds: float) -> None:
        """Put its clock ahead by so much."""

    def sign_in(self, page: Page, user: str) -> None:
        """Do at its pages what a person does, up to the redirect."""

    def sign_out(self, page: Page) -> None:
        """Confirm at its page for that what a person wants, up to the redirect."""

    def stop(self) -> None:
        """End it."""


class OidcProvider:
    """npm oidc-provider, in its own process."""

    client_id = "crm"
    scope = "openid profile email offline_access"
    company = ORG
    rotates = True
    grace_seconds = 0.0
    repeats_well = False
    forgets_with_its_keys = True
    binds_access_token = False
    logs_out = True
    says_who_is_unknown = True
    wrong_redirect = "invalid_grant"
    unknown_token = "invalid_grant"

    def __init__(self, redirect: str, bus_origin: str) -> None:
        self.session_settings: dict[str, str] = {}
        options = {
            "port": 0,
            "busOrigin": bus_origin,
            "claims": {"org": ORG},
            "api": API,
            "clients": [
                {
                    "client_id": name,
                    "redirect_uris": [redirect],
                    "post_logout_redirect_uris": [f"{redirect}?bye"],
                    "alg": alg,
                    "dpop_bound_access_tokens": name == BOUND,
                }
                for name, alg in (
                    ("crm", "RS256"),
                    ("crm-eddsa", "EdDSA"),
                    ("crm-es256", "ES256"),
                    (BOUND, "ES256"),
                )
            ],
        }
        ensure_installed(print)
        script = "tests/e2e/support/oidc_provider.mjs"
        self._process = Ordered(start_node(script, json.dumps(options), cwd=ROOT))
        self.issuer = self._process.issuer
        self.authorization_endpoint = f"{self.issuer}/auth"
        self.token_endpoint = f"{self.issuer}/token"
        self.revocation_endpoint = f"{self.issuer}/token/revocation"

    def rotate(self) -> None:
        self._process.order(rotate=True)

    def advance(self, seconds: float) -> None:
        self._process.order(advance=seconds)

    def want_nonces(self, wanted: bool) -> None:
        """Refuse proofs (DPoP) without a nonce, or accept them again."""
        self._process.order(nonce=wanted)

    def sign_in(self, page: Page, user: str) -> None:
        page.locator("input[name=login]").fill(user)
        page.locator("input[name=password]").fill("any")
        page.locator("button[type=submit]").click()
        page.get_by_role("button", name="Continue").click()

    def sign_out(self, page: Page) -> None:
        page.get_by_role("button", name="Yes, sign me out").click()

    def stop(self) -> None:
        self._process.stop()


class Authlib:
    """Authlib's server, in a thread."""

    client_id = CLIENT
    scope = "openid profile email offline_access"
    company = ORG
    rotates = True
    grace_seconds = GRACE_SECONDS
    repeats_well = True
    forgets_with_its_keys = False
    binds_access_token = True
    logs_out = False
    says_who_is_unknown = True
    wrong_redirect = "invalid_grant"
    unknown_token = "invalid_grant"

    def __init__(self, redirect: str, bus_origin: str) -> None:
        self.session_settings: dict[str, str] = {}
        self._provider = AuthlibProvider(redirect, bus_origin)
        self._server = Server(self._provider.app, "localhost")
        self.issuer = self._provider.issuer = self._server.origin
        self.authorization_endpoint = f"{self.issuer}/login"
        self.token_endpoint = f"{self.issuer}/oauth/token"
        self.revocation_endpoint = f"{self.issuer}/oauth/revoke"

    def rotate(self) -> None:
        self._provider.rotate()

    def advance(self, seconds: float) -> None:
        self._provider.ahead = seconds

    def sign_in(self, page: Page, user: str) -> None:
        page.locator("input[name=login]").fill(user)
        page.get_by_role("button", name="Sign in").click()

    def sign_out(self, page: Page) -> None:
        raise AssertionError("it has no such page")

    def stop(self) -> None:
        self._server.stop()


KINDS: dict[str, Callable[[str, str], Provider]] = {
    "oidc-provider": OidcProvider,
    "authlib": Authlib,
    "lemonldap-ng": lambda redirect, bus_origin: Lemonldap(redirect, bus_origin, ORG),
    "django-oauth-toolkit": lambda redirect, bus_origin: Django(redirect, bus_origin, ORG),
}


@contextmanager
def running(kind: str, redirect: str, bus_origin: str) -> Iterator[Provider]:
    provider = KINDS[kind](redirect, bus_origin)
    try:
        yield provider
    finally:
        provider.stop()


@dataclass(frozen=True)
class Begun:
    """A sign-in that a host has begun."""

    redirect: str
    nonce: str
    more: dict[str, str] = field(default_factory=dict)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def url(self, provider: Provider, client_id: str) -> str:
        """Return the address that the host sends the browser to."""
        digest = sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect,
            "scope": provider.scope,
            "prompt": "consent",
            "state": self.state,
            **({"nonce": self.nonce} if self.nonce else {}),
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **self.more,
        }
        return f"{provider.authorization_endpoint}?{urlencode(query)}"

    def ended(self, url: str) -> dict[str, str]:
        """Return what to ask the bus with, from the address that the provider has answered with."""
        answer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert answer["state"] == self.state
        return {
            "code": answer["code"],
            "redirectUrl": self.redirect,
            "codeVerifier": self.verifier,
            "nonce": self.nonce,
        }


def journey_without_browser(
    provider: OidcProvider, redirect: str, *, client_id: str, user: str = "ada"
) -> dict[str, str]:
    """Sign in by the forms of npm oidc-provider's pages; returns what to ask the bus with."""
    begun = Begun(redirect, "a-nonce")
    with httpx.Client() as client:
        answer = client.get(begun.url(provider, client_id))
        while not answer.headers.get("location", "").startswith(redirect):
            if answer.is_redirect:
                answer = client.get(urljoin(str(answer.url), answer.headers["location"]))
                continue
            assert answer.status_code == 200, answer.text
            prompt = "login" if 'name="login"' in answer.text else "consent"
            form = {"prompt": prompt, "login": user, "password": "any"}
            answer = client.post(answer.url, data=form)
    return begun.ended(answer.headers["location"])


def journey(
    open_tab: Opener,
    provider: Provider,
    redirect: str,
    *,
    client_id: str = "",
    user: str = "ada",
    nonce: str = "a-nonce",
    more: dict[str, str] | None = None,
) -> dict[str, str]:
    """Sign in at the provider's pages in a new profile; returns what to ask the bus with.

    `more`: parameters of the authorization request, also in the place of others.
    """
    begun = Begun(redirect, nonce, more or {})
    tab = open_tab()
    page = tab.page
    try:
        page.goto(begun.url(provider, client_id or provider.client_id))
        provider.sign_in(page, user)
        page.wait_for_url(f"{redirect}?*")
        url = page.url
    finally:
        tab.close()  # what the provider's own pages do wrong is not for the tests to judge
    return begun.ended(url)
