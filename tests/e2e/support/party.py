"""Two tabs of a host with a bus for an OpenID Connect provider, and a clock that all share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from playwright.sync_api import Page, Request

from tests.e2e.support.oidc import ORG, Provider, journey
from tests.e2e.support.tab import LOADED, Opener, Tab
from tests.e2e.support.world import World

DUE_SECONDS = 820
"""When an ID token with a life of 900 seconds is refreshed."""


@dataclass
class Window:
    """A host page with a bus."""

    page: Page

    def run(self, script: str, *args: Any) -> Any:
        return self.page.evaluate(f"(args) => ({script})(...args)", list(args))

    def ask(self, type_: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the payload of the reply, or the error's code."""
        got = self.run("(...asked) => request(...asked)", type_, payload or {})
        if got["type"] == f"{type_}_REJECTED":
            return got["payload"]["error"]["code"]
        assert got["type"] == f"{type_}_FULFILLED"
        return got.get("payload")

    def pushes(self, count: int) -> list[Any]:
        """Wait for a number of pushes; return all that have come since the last call."""
        got = self.run("(count) => pushes(count)", count)
        assert isinstance(got, list)
        return got


@dataclass
class Party:
    """A provider, and two tabs of a host with a bus for it; a clock that all share."""

    provider: Provider
    world: World
    src: str
    tab: Tab
    journey: Callable[..., dict[str, str]]
    one: Window
    two: Window
    asked: list[Request] = field(default_factory=list)
    """All that the buses have asked the provider since the test began."""
    ahead: float = 0.0

    def sign_in(self, **journey: Any) -> Any:
        """Sign in, in the first tab; both know of it then."""
        signed_in = self.one.ask("AUTH.SSO", self.journey(**journey))
        assert signed_in["company"] == ORG, signed_in
        user = signed_in["currentUser"]
        assert self.two.pushes(2) == [
            {"type": "AUTH.SESSION_CHANGED", "payload": {"user": user}},
            {"type": "AUTH.TOKEN_REFRESHED", "payload": signed_in["credentials"]},
        ]
        self.asked.clear()
        return signed_in

    def later(self, seconds: float = DUE_SECONDS) -> None:
        """Move all clocks, and let the buses look at theirs."""
        self.ahead += seconds
        self.provider.advance(self.ahead)
        frames = [
            frame
            for window in (self.one, self.two)
            for frame in window.page.frames
            if frame.url.startswith(self.src)
        ]
        for frame in frames:
            frame.evaluate(
                """(ms) => {
                    window.rightNow ??= Date.now.bind(Date);
                    Date.now = () => rightNow() + ms;
                }""",
                self.ahead * 1000,
            )
        for frame in frames:
            frame.evaluate("() => { dispatchEvent(new Event('focus')); }")

    def forms(self, url: str) -> list[dict[str, str]]:
        """What the buses have posted to an address."""
        posted = [
            each.post_data or "" for each in self.asked if each.url == url and each.method == "POST"
        ]
        return [{name: values[0] for name, values in parse_qs(form).items()} for form in posted]

    def refreshes(self) -> list[str]:
        """The refresh tokens that the buses have sent."""
        return [
            form["refresh_token"]
            for form in self.forms(self.provider.token_endpoint)
            if "refresh_token" in form
        ]

    def present(self, refresh_token: str) -> httpx.Response:
        """Do what a thief of a refresh token does."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.provider.client_id,
            "refresh_token": refresh_token,
        }
        return httpx.post(self.provider.token_endpoint, data=form)


def gathered(provider: Provider, world: World, src: str, tab: Tab, open_tab: Opener) -> Party:
    """Open a bus in two tabs of one profile; `open_tab` opens tabs of other profiles, for sign-ins."""
    windows: list[Window] = []
    for page in (tab.page, tab.page.context.new_page()):
        page.goto(f"{world.host}/pages/session.html")
        page.evaluate(LOADED)
        windows.append(Window(page))
        windows[-1].run("(src) => raw(src).ready", src)
        windows[-1].run("() => init()")

    def sign_in(open_tab: Opener = open_tab, **more: Any) -> dict[str, str]:
        return journey(open_tab, provider, world.page, **more)

    party = Party(provider, world, src, tab, sign_in, windows[0], windows[1])
    tab.page.context.on(
        "request",
        lambda each: party.asked.append(each) if each.url.startswith(provider.issuer) else None,
    )
    return party
