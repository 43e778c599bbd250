"""A host page in Python that keeps its user signed in, calls an API, and signs out."""

from jsffi import JsException
from pyscript import document, window
from pyscript.ffi import to_js
from pyscript.js_modules import app_settings, bus_client, bus_session, bus_signin

settings = app_settings.settings
status = document.getElementById("status")
sign_in_button = document.getElementById("sign-in")
orders_button = document.getElementById("orders")
sign_out_button = document.getElementById("sign-out")


def show(state: object) -> None:
    """Show who is signed in."""
    user, error = state.user, state.error
    if user:
        status.textContent = f"Signed in as {user.name}"
    elif error:
        status.textContent = f"Not signed in: {error.message} ({error.code})"
    else:
        status.textContent = "Signed out"
    sign_in_button.hidden = bool(user)
    orders_button.hidden = sign_out_button.hidden = not user


def changed(change: object) -> None:
    """Show what has changed."""
    show(change.after)


def failed(error: JsException) -> None:
    """Say why something did not work."""
    status.textContent = error.args[0].message


async def sign_in(*_: object) -> None:
    """Leave for the identity provider."""
    options = {
        "authorizeUrl": settings.authorizeUrl,
        "clientId": settings.clientId,
        "redirectUrl": window.location.origin + window.location.pathname,
    }
    try:
        await session.signIn(to_js(options))
    except JsException as error:
        failed(error)


async def sign_out(*_: object) -> None:
    """End the session in all tabs, and the provider's own."""
    try:
        await session.signOut(to_js({"everywhere": True}))
    except JsException as error:
        failed(error)


async def orders(*_: object) -> None:
    """Call the API with the user's token."""
    try:
        response = await session.fetch(f"{settings.api}/orders")
    except JsException as error:
        failed(error)
    else:
        show(session)
        orders_button.textContent = f"Orders {response.status}"


bus = bus_client.embed(to_js({"src": settings.bus}))
about = {
    "bus": bus,
    "appName": "CRM",
    "release": "1",
    "origins": [settings.api],
    "signin": bus_signin,
}
session = bus_session.openSession(to_js(about))
session.on("change", changed)
sign_in_button.addEventListener("click", sign_in)
orders_button.addEventListener("click", orders)
sign_out_button.addEventListener("click", sign_out)
