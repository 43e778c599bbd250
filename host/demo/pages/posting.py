"""Posts composed messages to the bus, as they are: without the embed module, raw."""

from kinds import is_request
from presets import preset
from pyscript import window
from pyscript.ffi import create_proxy
from pyscript.js_modules import safely
from timeline import DECOY

FLOOD = 200


class Posting:
    """Sends what was composed, and tells the inspector."""

    def __init__(self, inspector, bus) -> None:
        self.inspector = inspector
        self.bus = bus

    def send(self, text: str, special: str, port: bool):
        """Post a message; `text` is JSON, unless `special` says otherwise. Returns its row.

        Raises ValueError where the text is no JSON.
        """
        if special in ("decoy", "flood"):
            return self._from_decoy(FLOOD if special == "flood" else 1)
        message = self._message(text, special)
        if special == "cancel":
            first = _made(preset("valid").text)
            first.id = safely.get(safely.get(message, "payload"), "id")
            self._post(first, window.JSON.stringify(first), 1 if port else 0)
        ports = 2 if special == "ports" else 1 if port else 0
        if special == "twice":
            self._post(message, text, ports)
        return self._post(message, text, ports)

    def _message(self, text: str, special: str):
        """The message as a JavaScript value: for what JSON cannot say, made by hand."""
        if special not in ("date", "cycle", "large"):
            return _made(text)
        message = _made(preset("valid").text)
        if special == "date":
            message.payload.code = window.Date.new()
        elif special == "cycle":
            message.payload.self = message.payload
        else:
            message.payload.code = "x" * 70_000
        return message

    def _post(self, message, shown: str, ports: int):
        what, id_, request = _envelope(message)
        row = self.inspector.posted(what, id_, request, shown)
        transfer = window.Array.new()
        for index in range(ports):
            channel = window.MessageChannel.new()
            if index == 0:
                self._listen(channel.port1, row)
            transfer.push(channel.port2)
        self.bus.iframe.contentWindow.postMessage(message, self.bus.origin, transfer)
        return row

    def _listen(self, port, row) -> None:
        def heard(event) -> None:
            payload = safely.get(event.data, "payload")
            self.inspector.answered(row, event.data.type, payload, event.data.meta)
            port.close()

        port.onmessage = create_proxy(heard)

    def _from_decoy(self, times: int):
        text = with_origin(preset("decoy").text)
        row = self.inspector.posted("AUTH.SSO", None, False, text, DECOY)
        # By a function of the decoy's own, so that the browser names the decoy as the sender.
        self.inspector.decoy.contentWindow.postToBus(text, self.bus.origin, times)
        return row


def with_origin(text: str) -> str:
    """A preset's text, with this page's address in it."""
    return text.replace("$origin", window.location.origin)


def _made(text: str):
    """The JavaScript value in a JSON text. Raises ValueError where there is none."""
    parsed = safely.parse(with_origin(text))
    if parsed.problem is not None:
        raise ValueError(parsed.problem)
    return parsed.value


def _envelope(message) -> tuple:
    """What the bus will call the message: type, id, and whether it takes it for a request."""
    what, id_ = safely.get(message, "type"), safely.get(message, "id")
    if not isinstance(what, str):
        return "no type", None, False
    usable = isinstance(id_, str) and 1 <= len(id_) <= 128
    return what[:64], id_ if usable else None, is_request(what)
