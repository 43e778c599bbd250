"""The composer: any message to the bus, from presets or written by hand."""

import view
from posting import Posting, with_origin
from presets import PRESETS, groups, preset
from pyscript import document
from words import story

OWN = "own"
"""The entry of the list for what the user has written."""


class Composer:
    """A list of presets, a text, and the outcome of the last message."""

    def __init__(self, inspector, bus) -> None:
        self.inspector = inspector
        self.posting = Posting(inspector, bus)
        self.draft = ""  # what the user wrote: choosing a preset does not lose it
        self.row = None  # the last message that was sent
        self._list = view.by_id("preset")
        self._text = view.by_id("message")
        for name in groups():
            group = document.createElement("optgroup")
            group.label = name
            for each in PRESETS:
                if each.group == name:
                    group.append(_option(each.key, each.label))
            self._list.append(group)
        own = document.createElement("optgroup")
        own.label = "By hand"
        own.append(_option(OWN, "Your own message"))
        self._list.append(own)
        self._list.addEventListener("change", self.chosen)
        self._text.addEventListener("input", self.written)
        view.by_id("send").addEventListener("click", self.send)
        self.inspector.watchers.append(self.tell)
        self.chosen()

    def chosen(self, *_) -> None:
        """Show the preset that was chosen."""
        each = preset(self._list.value)
        text = with_origin(each.text) if each else self.draft
        self._text.value = text
        self._text.readOnly = each is not None and not each.editable()
        view.by_id("expect").textContent = each.expect if each else "Any JSON value may be sent."
        port = view.by_id("with-port")
        special = each.special if each else ""
        port.disabled = special in ("decoy", "flood", "ports")
        self._complain("")

    def written(self, *_) -> None:
        """The user has typed: the message is their own from now on."""
        each = preset(self._list.value)
        self.draft = self._text.value
        if each is None or not each.special:  # what is special stays so: "twice" with another id
            self._list.value = OWN
            view.by_id("expect").textContent = "Any JSON value may be sent."
        self._complain("")

    def send(self, *_) -> None:
        """Send it. Text that is not JSON stays, and the error says where it is wrong."""
        each = preset(self._list.value)
        port = view.by_id("with-port").checked
        try:
            self.row = self.posting.send(self._text.value, each.special if each else "", port)
        except ValueError as error:
            self._complain(f"This is not JSON, so nothing was sent. {error}.")
            self._text.focus()
            return
        self._complain("")
        self.tell()

    def tell(self) -> None:
        """Say what became of the last message, as far as it is known."""
        if self.row is None:
            return
        row, reply = self.row, self.row.reply
        ended = reply and (reply.state, reply.reason)
        took = reply.at - row.at if reply else 0 if row.end is not None else None
        text = story(row.what, row.state, row.reason, ended, took)
        place = view.by_id("sent")
        if place.textContent != text:
            place.textContent = text
            place.setAttribute("data-state", reply.state if reply else row.state)

    def _complain(self, text: str) -> None:
        view.by_id("bad-json").textContent = text
        view.by_id("bad-json").hidden = not text
        self._text.setAttribute("aria-invalid", "true" if text else "false")


def _option(value: str, label: str):
    option = document.createElement("option")
    option.value = value
    option.textContent = label
    return option
