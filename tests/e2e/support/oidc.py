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
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import Server

API = "https://api.example.com/"
"""A resource (RFC 8707) that npm oidc-provider issues access tokens for, which live for five minutes."""
BOUND = "crm-dpop"
"""The client of npm oidc-provider that gets nothing without proofs (DPoP)."""
ORG = {"id": 7, "name": "Analytical Engines"}


class Provider(Protocol):
    """One of the providers, as the tests see it."""

    issuer: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    grace_seconds: float
    """For how long the last refresh token is good after a rotation."""
    forgets_with_its_keys: bool
    """Whether `rotate` makes it forget its refresh tokens as well."""

    def rotate(self) -> None:
        """Replace all keys."""

    def advance(self, seconds: float) -> None:
        """Put its clock ahead by so much."""

    def sign_in(self, page: Page, user: str) -> None:
        """Do at its pages what a person does, up to the redirect."""

    def stop(self) -> None:
        """End it."""


class OidcProvider:
    """npm oidc-provider, in its own process."""

    def __init__(self, redirect: str, bus_origin: str) -> None:
        self.client_id = "crm"
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
        self._process = start_node(script, json.dumps(options), cwd=ROOT)
        self.issuer = self._answer()["issuer"]
        self.authorization_endpoint = f"{self.issuer}/auth"
        self.token_endpoint = f"{self.issuer}/token"
        self.revocation_endpoint = f"{self.issuer}/token/revocation"
        self.grace_seconds = 0.0
        self.forgets_with_its_keys = True

    def rotate(self) -> None:
        self._order(rotate=True)

    def advance(self, seconds: float) -> None:
        self._order(advance=seconds)

    def want_nonces(self, wanted: bool) -> None:
        """Refuse proofs (DPoP) without a nonce, or accept them again."""
        self._order(nonce=wanted)

    def sign_in(self, page: Page, user: str) -> None:
        page.locator("input[name=login]").fill(user)
        page.locator("input[name=password]").fill("any")
        page.locator("button[type=submit]").click()
        page.get_by_role("button", name="Continue").click()

    def stop(self) -> None:
        self._process.communicate(timeout=10)  # the end of its input ends it

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


class Authlib:
    """Authlib's server, in a thread."""

    def __init__(self, redirect: str, bus_origin: str) -> None:
        self.client_id = CLIENT
        self._provider = AuthlibProvider(redirect, bus_origin)
        self._server = Server(self._provider.app, "localhost")
        self.issuer = self._provider.issuer = self._server.origin
        self.authorization_endpoint = f"{self.issuer}/login"
        self.token_endpoint = f"{self.issuer}/oauth/token"
        self.revocation_endpoint = f"{self.issuer}/oauth/revoke"
        self.grace_seconds = GRACE_SECONDS
        self.forgets_with_its_keys = False

    def rotate(self) -> None:
        self._provider.rotate()

    def advance(self, seconds: float) -> None:
        self._provider.ahead = seconds

    def sign_in(self, page: Page, user: str) -> None:
        page.locator("input[name=login]").fill(user)
        page.get_by_role("button", name="Sign in").click()

    def stop(self) -> None:
        self._server.stop()


KINDS: dict[str, Callable[[str, str], Provider]] = {
    "oidc-provider": OidcProvider,
    "authlib": Authlib,
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
            "scope": "openid profile email offline_access",
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
