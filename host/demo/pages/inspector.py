"""Feeds the timeline: what this page posts and hears, and what a debug build of the bus reports."""

import json

import rows
import words
from clock import now, on_page
from view import by_id
from content import Content
from holding import ELSEWHERE, HERE, KEPT
from pyscript import window
from pyscript.ffi import create_proxy
from pyscript.js_modules import safely
from timeline import ANY, BUS, DECOY, OTHER, PAGE, PROVIDER, Row, Timeline


class Inspector:
    """Sees every message event of this window, and is told what the page itself does."""

    def __init__(self, decoy, backend: str) -> None:
        self.timeline = Timeline(backend)
        self.view = rows.Rows(self.timeline)
        self.decoy = decoy  # the decoy's iframe
        self.heard = 0  # what the decoy has heard, by its own count
        self.watchers = []  # called after each change
        self.fetched_by = ""  # whose refresh has brought the last tokens that were pushed
        self.kept = ""  # where the bus keeps its session: "partition" or "memory"
        self.kept_why = ""  # why in memory
        self._bus = None  # the bus's iframe
        self._served = False  # whether the bus has said READY
        self._start = {}  # type of a pushed message -> the row that waits for it
        window.addEventListener("message", create_proxy(self._event))

    # -- what the page does --------------------------------------------------------------------

    def redirected(self, began: float, arrived: float, problem) -> None:
        """The sign-in at the provider, which is over when this page loads. Times since the epoch."""
        row = Row(on_page(began), PAGE, PROVIDER, "redirect and back", "done")
        row.finish(on_page(arrived), "done")
        if problem:
            row.finish(row.end, "dropped", "the answer did not pass")
        row.fact("Brings", "a code, to be sent to the bus if state and issuer are those of this sign-in")
        self.timeline.add(row, True)
        self.changed()

    def embedded(self, bus) -> None:
        """The bus's frame is in the page, and begins to load."""
        self._bus = bus.iframe
        self._await("BUS.LISTENING", now())

    def asked(self, what: str, payload) -> Row:
        """The embed module was asked to send a request."""
        row = self.timeline.post(now(), what, ANY)
        row.content = Content(window.JSON.stringify(payload))
        self.changed()
        return row

    def posted(self, what: str, id_, request: bool, content: str, sender: str = PAGE) -> Row:
        """A message was posted to the bus as it is."""
        row = self.timeline.post(now(), what, id_, request, sender)
        row.content = Content(content)
        self.changed()
        return row

    def answered(self, row: Row, what: str, payload, meta) -> None:
        """The reply to a request, or to a message that brought a port, is here."""
        by_bus = meta and meta.source == "bus" and what.endswith("_REJECTED")
        reply = self.timeline.reply(row, now(), what, payload.error.code if by_bus else "")
        text = safely.stringify(payload)
        if text is not None:
            reply.content = Content(text, what.endswith("_REJECTED"))
        self.changed()

    def pushed(self, what: str, payload, first: bool) -> None:
        """A push is here. `first`: the first one, of what was kept from before this page."""
        refreshed = what == "AUTH.TOKEN_REFRESHED"
        by = ""
        if refreshed and self.timeline.reported:
            by = HERE if self.timeline.fetched() else KEPT if first else ELSEWHERE
            self.fetched_by = by
        row = self.timeline.push(now(), what, words.pushed(what, by, safely.get(payload, "user")))
        text = safely.stringify(payload)
        if text is not None:
            row.content = Content(text)
        row.fact("Came by", "the port that BUS.INIT brought")
        self.changed()

    def failed(self, row: Row, code: str) -> None:
        """The embed module gave a request up."""
        self.timeline.fail(row, now(), code)
        self.changed()

    def never(self, code: str) -> None:
        """The bus does not start."""
        for row in self._start.values():
            self.timeline.fail(row, now(), code)
        self.changed()

    def forget(self) -> None:
        """Keep no secret of what was shown."""
        for row in self.timeline.rows():
            if row.content:
                row.content.forget()
                self.timeline.touch(row)
        self.changed()

    def unmask(self) -> None:
        """Show secrets, or their outlines again."""
        self.view.whole = not self.view.whole
        by_id("unmask").setAttribute("aria-pressed", "true" if self.view.whole else "false")
        self.view.again()

    def clear(self, *_) -> None:
        """Start over, with an empty timeline."""
        self.timeline.groups = []
        self.changed()

    def changed(self) -> None:
        """Show what is new."""
        self.view.show()
        by_id("decoy-total").textContent = str(self.heard)
        by_id("no-reports").hidden = self.timeline.reported or not self._served
        for watcher in self.watchers:
            watcher()

    # -- what it hears -------------------------------------------------------------------------

    def _event(self, event) -> None:
        data = read(event.data)
        what = data.get("type") if isinstance(data, dict) else None
        what = what if isinstance(what, str) else "no type"
        if same(event.source, self._bus.contentWindow if self._bus else None):
            self._from_bus(what, data, event)
        elif same(event.source, self.decoy.contentWindow) and what == "DECOY.HEARD":
            self._from_decoy(data["payload"])
        else:
            row = Row(now(), OTHER, PAGE, what[:64], "ignored")
            row.finish(row.at, "ignored", "")
            row.fact("Origin", event.origin)
            row.fact("Why", "it does not come from the bus’s window")
            self.timeline.add(row)
        self.changed()

    def _from_bus(self, what: str, data: dict, event) -> None:
        payload = data.get("payload")
        if what == "BUS.DEBUG":
            self.timeline.report(payload, on_page(payload["at"]))
            if payload.get("event") == "session":
                self.kept, self.kept_why = payload["kept"], payload.get("reason", "")
        elif what in self._start:
            row = self._start.pop(what)
            row.finish(now(), "received")
            row.content = Content(window.JSON.stringify(event.data.payload))
            self.timeline.touch(row)
            self._served = what == "BUS.READY"
            if what == "BUS.LISTENING":
                self._await("BUS.READY", row.end)
        elif asked := self.timeline.asked_for(what, data.get("id")):
            self.answered(asked, what, safely.get(event.data, "payload"), event.data.meta)

    def _await(self, what: str, at: float) -> None:
        """A message that the bus will push; its bar shows how long that took."""
        self._start[what] = self.timeline.add(Row(at, BUS, PAGE, what, "awaited"))
        self.changed()

    def _from_decoy(self, payload: dict) -> None:
        self.heard = payload["count"]
        row = Row(now(), PAGE if payload["fromParent"] else OTHER, DECOY, payload["type"], "heard")
        row.finish(row.at, "heard")
        row.fact("Counted", f"message {self.heard} that the decoy has heard")
        self.timeline.add(row)


def read(value, only=None):
    """A JavaScript value as Python's, by way of JSON; None where there is none. `only`: what to keep."""
    text = safely.stringify(value, only)
    return None if text is None else json.loads(text)


def same(one, other) -> bool:
    """Whether two JavaScript values are the same object, windows of other origins included."""
    return bool(window.Object["is"](one, other))
