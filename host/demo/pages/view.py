"""Everything the page shows. Text goes in as text, never as HTML."""

import time

import idtoken
import journey
from clock import on_page, time_of_day
from holding import SEEN, place
from meanings import meaning
from pyscript import document
from redact import CREDENTIALS, masked
from words import soon

STATES = {
    "signed-out": "signed-out",
    "waiting": "waiting",
    "signed-in": "result",
    "failed": "result",
}
"""States of the page, and the part of it that each shows."""


def by_id(name: str):
    """The element with that id."""
    return document.getElementById(name)


def show(state: str) -> None:
    """Switch to one of STATES and show its part of the page."""
    document.body.setAttribute("data-state", state)
    for name in ("signed-out", "waiting", "result"):
        by_id(name).hidden = STATES[state] != name
    by_id("success").hidden = state != "signed-in"
    by_id("failure").hidden = state != "failed"


def say(text: str) -> None:
    """Show a line that screen readers announce when they get to it."""
    by_id("status").textContent = text


def parties(host: str, bus: str, provider: str) -> None:
    """Name the three origins."""
    by_id("origin-host").textContent = host
    by_id("origin-bus").textContent = bus
    by_id("origin-provider").textContent = provider


def steps(taken: journey.Steps) -> None:
    """Show how far the sign-in has got."""
    for name in journey.Steps.NAMES:
        item = by_id("step-" + name)
        item.setAttribute("data-step", taken.state(name))
        item.querySelector(".time").textContent = taken.text(name)


def waiting(what: str) -> None:
    """Say what the page waits for, once."""
    if by_id("waiting-for").textContent != what:
        by_id("waiting-for").textContent = what
        say(what)


def success(holding, focus: bool) -> None:
    """Show who is signed in, and the outline of the credentials."""
    user, company = holding.user, holding.company or {}
    by_id("who").textContent = user.get("name") or user.get("id") or "unnamed"
    by_id("email").textContent = user.get("email") or "none given"
    by_id("company").textContent = company.get("name") or ("" if holding.company is None else "unnamed")
    tokens(holding.credentials, False)
    show("signed-in")
    if focus:
        _result("success-title who")


def tokens(credentials: dict, revealed: bool) -> None:
    """Show credentials, new ones in the place of those before."""
    by_id("credentials-kind").textContent = journey.kind(credentials) if credentials else "none yet"
    secrets(credentials, revealed)
    id_token(credentials.get("idToken", ""))


def life(holding, kept: str, why: str) -> None:
    """Show how long the ID token is good, what comes next, and where the session is kept."""
    at = time.time()
    counted, lasting = holding.expires is not None, kept != ""
    by_id("expiry").hidden = by_id("life").hidden = not counted
    by_id("next").hidden = not (counted and lasting)
    by_id("last").hidden = holding.refreshed is None
    by_id("kept").hidden = not lasting
    by_id("clocks").hidden = not holding.clock()
    _text("kept-where", place(kept, why))
    _text("clocks-differ", holding.clock())
    if holding.refreshed is not None:
        when = time_of_day(on_page(holding.refreshed * 1000))
        _text("last-refresh", f"{when}, by {holding.by}" if holding.by else when)
    if not counted:
        return
    left = holding.left(at)
    _text("countdown", journey.countdown(left) if left else "expired")
    _text("next-refresh", "failed, and tried again" if holding.failing else soon(holding.to_refresh(at)))
    style = by_id("life").style
    style.setProperty("--left", f"{holding.share(at):.1f}%")
    style.setProperty("--mark", f"{holding.mark():.1f}%")
    by_id("life").setAttribute("data-left", "none" if not left else "little" if not holding.to_refresh(at) else "much")


def seen(state: str) -> None:
    """Show what the host's user would see."""
    _text("user-sees", SEEN[state])
    by_id("user-sees").setAttribute("data-seen", state or "signed out")


def say_broken(text: str) -> None:
    """Say that the switches do not work; "" if they do."""
    by_id("no-switches").hidden = not text
    _text("no-switches", text)


def _text(name: str, text: str) -> None:
    element = by_id(name)
    if element.textContent != text:  # screen readers announce what is set
        element.textContent = text


def not_signed_out(code: str) -> None:
    """Say that a sign-out has failed; "" if none has."""
    by_id("sign-out-failed").hidden = not code
    _text("sign-out-failed", f"The sign-out failed ({code}). Try again." if code else "")


def signed_out(text: str, logout: str) -> None:
    """Nobody is signed in, and no trace is left of who was; `text` says why.

    `logout` is where the provider's own session can be ended; "" if that is not known.
    """
    by_id("logout").hidden = not logout
    by_id("logout-link").href = logout or "/"
    within = by_id("result").contains(document.activeElement)
    for name in ("who", "email", "company", "countdown", "next-refresh", "last-refresh"):
        by_id(name).textContent = ""
    tokens({}, False)
    by_id("credentials-kind").textContent = ""
    not_signed_out("")
    show("signed-out")
    say(text)
    if within:  # what had the focus is gone
        by_id("sign-in").focus()


def id_token(token: str) -> None:
    """Show what an ID token holds; nothing for what is none."""
    parts = {"header": idtoken.header(token), "claims": idtoken.claims(token)}
    by_id("id-token").hidden = not parts["claims"]
    for name, part in parts.items():
        body = by_id("id-token-" + name)
        body.replaceChildren()
        for field, means, value in idtoken.rows(part, time.time()):
            row, head, cell = [document.createElement(tag) for tag in ("tr", "th", "td")]
            head.setAttribute("scope", "row")
            head.textContent = field
            if means:
                note = document.createElement("small")
                note.textContent = means
                head.append(" ", note)
            cell.textContent = value
            row.append(head, cell)
            body.append(row)


def secrets(credentials: dict, revealed: bool) -> None:
    """Show the credentials, whole or in outline; none at all for an empty dict."""
    by_id("reveal").setAttribute("aria-pressed", "true" if revealed else "false")
    rows = by_id("credentials")
    rows.replaceChildren()
    for name in CREDENTIALS:
        if name not in credentials:
            continue
        secret = credentials[name]
        row, term, value = [document.createElement(tag) for tag in ("div", "dt", "dd")]
        code = document.createElement("code")
        term.textContent = name
        code.textContent = secret if revealed else masked(secret)
        value.append(code)
        row.append(term, value)
        rows.append(row)


def failure(code: str, message: str, meta: dict, error_json: str) -> None:
    """Show what the host got instead of credentials; `error_json` may be empty: no error object."""
    by_id("error-meaning").textContent = meaning(code)
    by_id("error-code").textContent = code
    by_id("error-message").textContent = message
    by_id("error-source").textContent = journey.answered_by(meta)
    by_id("error-body").hidden = not error_json
    by_id("error-json").textContent = error_json
    show("failed")
    _result("failure-title error-meaning")


def _result(label: str) -> None:
    say("")  # the result is announced by moving the focus to it
    result = by_id("result")
    result.setAttribute("aria-labelledby", label)
    result.focus()
