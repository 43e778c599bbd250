"""The bus's session, as a host takes part in it: registers, hears pushes, asks for credentials."""

import asking
from inspector import read
from jsffi import JsException
from pyscript import window
from pyscript.ffi import create_proxy, to_js
from pyscript.js_modules import safely

APP = {"appName": "Demo", "release": "1"}


class Session:
    """Talks to one bus. `listener` is called with the type and the payload of each push."""

    def __init__(self, inspector, bus, listener) -> None:
        self.inspector = inspector
        self.bus = bus
        self.listener = listener
        self.served = False  # whether the bus keeps sessions

    async def begin(self, types: list):
        """The bus serves: say who this is, and start its pushes. The user whose session there is, or None."""
        self.served = "BUS.REGISTER" in types
        if not self.served:
            return None
        payload = {"origin": window.location.origin}
        payload.update(APP)
        try:
            found = await self.ask("BUS.REGISTER", payload)
        except JsException:  # the timeline shows why
            return None
        self._init(found is not None)
        return found["user"] if found else None

    async def ask(self, kind: str, payload: dict):
        """Ask the bus. Raises JsException, which holds a BusError."""
        return await asking.ask(self.inspector, self.bus, kind, payload)

    def _init(self, restored: bool) -> None:
        """Start refresh and pushes. These come to a port of its own, which no other script can hear.

        `restored`: there is a session, whose tokens are pushed first.
        """
        message = to_js({"type": "BUS.INIT", "payload": {"services": ["AUTH"]}})
        row = self.inspector.posted("BUS.INIT", None, True, window.JSON.stringify(message))
        channel = window.MessageChannel.new()
        first = [restored]

        def heard(event) -> None:
            what, payload = event.data.type, safely.get(event.data, "payload")
            if what.startswith("BUS.INIT_"):
                self.inspector.answered(row, what, payload, event.data.meta)
                return
            self.inspector.pushed(what, payload, first[0])
            first[0] = False
            self.listener(what, read(payload))

        channel.port1.onmessage = create_proxy(heard)
        transfer = window.Array.new()
        transfer.push(channel.port2)
        self.bus.iframe.contentWindow.postMessage(message, self.bus.origin, transfer)
