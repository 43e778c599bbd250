"""Everything the page shows. Text goes in as text, never as HTML."""

import time

import idtoken
import journey
from meanings import meaning
from pyscript import document
from redact import CREDENTIALS, masked

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


def success(payload: dict) -> None:
    """Show who signed in, and the outline of the credentials."""
    user, credentials = payload["currentUser"], payload["credentials"]
    by_id("who").textContent = user.get("name") or user.get("id") or "unnamed"
    by_id("email").textContent = user.get("email") or "none given"
    by_id("company").textContent = payload["company"].get("name") or "unnamed"
    by_id("credentials-kind").textContent = journey.kind(credentials)
    by_id("expiry").hidden = "idToken" not in credentials
    secrets(credentials, False)
    id_token(credentials.get("idToken", ""))
    show("signed-in")
    _result("success-title who")


def forget() -> None:
    """Leave no trace of who was signed in."""
    for name in ("who", "email", "company", "credentials-kind", "countdown"):
        by_id(name).textContent = ""
    secrets({}, False)
    id_token("")


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
