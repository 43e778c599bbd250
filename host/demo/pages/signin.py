"""Begins a sign-in, and takes up its answer: PKCE, state, and the browser tab's session storage."""

import json
import time

from journey import authorize_url, base64url
from pyscript import window

JOURNEY = "sso.journey"
"""Session storage: what this page must remember until the provider answers."""

ANSWER = "sso.answer"
"""Session storage: the provider's answer, left by the callback page."""


def _random() -> str:
    """256 random bits: 43 characters, as long as a code verifier must be."""
    values = window.crypto.getRandomValues(window.Uint8Array.new(32))
    return base64url(bytes([int(values[i]) for i in range(32)]))


async def _s256(verifier: str) -> str:
    data = window.TextEncoder.new().encode(verifier)
    digest = window.Uint8Array.new(await window.crypto.subtle.digest("SHA-256", data))
    return base64url(bytes([int(digest[i]) for i in range(32)]))


async def begin(settings: dict, authorization: dict | None) -> None:
    """Leave for the provider's login page; `authorization` is what the bus says of it, if it does."""
    endpoint, client_id, more = settings["provider"] + "/authorize", settings["clientId"], ()
    state, verifier = _random(), _random()
    redirect_url = window.location.origin + "/callback"
    kept = {
        "state": state,
        "verifier": verifier,
        "redirectUrl": redirect_url,
        "began": time.time() * 1000,  # not Date.now(): integers reach MicroPython cut to 32 bits
    }
    if authorization:
        kept["nonce"] = _random()
        endpoint, client_id = authorization["authorizeUrl"], authorization["clientId"]
        more = (("scope", authorization["scope"]), ("nonce", kept["nonce"]))
        more += tuple(authorization["params"].items())
    challenge = await _s256(verifier)
    url = authorize_url(endpoint, client_id, redirect_url, state, challenge, more)
    window.sessionStorage.setItem(JOURNEY, json.dumps(kept))
    window.location.assign(url)


def take() -> tuple:
    """What was kept and what the provider answered, dicts or None. Once: both are deleted."""
    answer = _taken(ANSWER)
    if answer is None:
        return None, None  # the journey may still be under way: keep what it needs
    return _taken(JOURNEY), answer


def _taken(key: str):
    text = window.sessionStorage.getItem(key)
    window.sessionStorage.removeItem(key)
    return json.loads(text) if isinstance(text, str) else None
