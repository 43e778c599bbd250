"""The panel that breaks things: the backend's switches, and a bus without storage."""

import asyncio

import view
from inspector import read
from jsffi import JsException
from pyscript import document, window
from pyscript.ffi import to_js

DENIED = "demo.denied"
"""Session storage: whether this tab embeds the bus that gets no storage."""

SWITCHES = (("backend", "backend-is"), ("clock", "clock-is"), ("refuseNext", "refuse-next"))
"""The backend's name for each, and its element's."""


def denied() -> bool:
    """Whether the bus is to get no storage in this tab."""
    return isinstance(window.sessionStorage.getItem(DENIED), str)


class Trouble:
    """The switches are the backend's: all tabs share them."""

    def __init__(self, settings: dict) -> None:
        view.by_id("trouble").hidden = False
        view.by_id("switches").hidden = not settings["trouble"]
        view.by_id("deny-row").hidden = not settings["denied"]
        view.by_id("deny-storage").checked = denied()
        view.by_id("deny-storage").addEventListener("change", self.deny)
        self.shared = settings["trouble"]
        if self.shared:
            for _, name in SWITCHES:
                view.by_id(name).addEventListener("change", self.set)
            document.addEventListener("visibilitychange", self.look)
            self.look()

    def deny(self, *_) -> None:
        """Start over with the other bus: a page finds out once what its storage is worth."""
        if view.by_id("deny-storage").checked:
            window.sessionStorage.setItem(DENIED, "yes")
        else:
            window.sessionStorage.removeItem(DENIED)
        window.location.reload()

    def look(self, *_) -> None:
        """Show the switches as they are now: a refusal switches itself off, another tab may set them."""
        if self.shared and document.visibilityState == "visible":
            asyncio.create_task(self._exchange(window.Object.new()))

    def set(self, event) -> None:
        """Set a switch, and no other: what is shown of those may be old."""
        element = event.target
        value = bool(element.checked) if element.type == "checkbox" else element.value
        wanted = {key: value for key, name in SWITCHES if name == element.id}
        options = {
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": window.JSON.stringify(to_js(wanted)),
        }
        asyncio.create_task(self._exchange(to_js(options)))

    async def _exchange(self, options) -> None:
        try:
            response = await window.fetch("/trouble", options)
            now = read(await response.json())
        except JsException:
            view.say_broken("The demo’s own server does not answer: it has been stopped.")
            return
        view.say_broken("")
        view.by_id("backend-is").value = now["backend"]
        view.by_id("clock-is").value = now["clock"]
        view.by_id("refuse-next").checked = now["refuseNext"]
