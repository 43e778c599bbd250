"""A host page in Python: begins a sign-in, finishes it, shows who it is."""

from jsffi import JsException
from pyscript import document, window
from pyscript.ffi import to_js
from pyscript.js_modules import app_settings, bus_client, bus_signin

settings = app_settings.settings
status = document.getElementById("status")
button = document.getElementById("sign-in")


def failed(error: JsException) -> None:
    """Say why there is no session."""
    reason = error.args[0]  # the BusError
    status.textContent = f"Not signed in: {reason.message} ({reason.code})"


async def sign_in(*_: object) -> None:
    """Leave for the identity provider."""
    options = {
        "bus": bus,
        "authorizeUrl": settings.authorizeUrl,
        "clientId": settings.clientId,
        "redirectUrl": window.location.origin + window.location.pathname,
    }
    try:
        await bus_signin.startSignIn(to_js(options))
    except JsException as error:
        failed(error)


bus = bus_client.embed(to_js({"src": settings.bus}))
button.addEventListener("click", sign_in)
button.disabled = False
try:
    session = await bus_signin.finishSignIn(to_js({"bus": bus}))  # noqa: F704, PLE1142
except JsException as error:
    failed(error)
else:
    if session:
        button.hidden = True
        status.textContent = f"Signed in as {session.currentUser.name}"
    else:
        status.textContent = "Signed out"
