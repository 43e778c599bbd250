"""Shows the timeline: groups, the newest first; in each its rows, with bars on one axis."""

import asyncio

from clock import now, time_of_day
from pyscript import document
from timeline import bar
from words import duration, explained, outcome, tick


class Rows:
    """The elements of the timeline's groups and rows."""

    def __init__(self, timeline) -> None:
        self.timeline = timeline
        self.whole = False  # whether secrets are shown
        self._place = document.getElementById("groups")
        self._groups = []  # (group, its element)
        self._rows = []  # (row, its element)
        self._ticking = False

    def show(self) -> None:
        """Show what has changed."""
        changed, self.timeline.changed = self.timeline.changed, []
        for row in changed:
            if row.group in self.timeline.groups:
                self._fill(row, self._of(row))
        self._prune()
        self._measure()
        if not self._ticking and any(row.under_way() for row in self.timeline.rows()):
            asyncio.create_task(self._tick())

    def again(self) -> None:
        """Show all rows again."""
        self.timeline.changed = self.timeline.rows()
        self.show()

    async def _tick(self) -> None:
        """Let the bars of what is under way grow."""
        self._ticking = True
        while any(row.under_way() for row in self.timeline.rows()):
            await asyncio.sleep(0.25)
            self._measure()
        self._ticking = False

    def _of(self, row):
        """The row's element, made and put in its place where there is none yet."""
        for known, element in self._rows:
            if known is row:
                return element
        element = _copy("row-template")
        rows = row.group.rows
        later = rows[rows.index(row) + 1 :]
        before = next((other for known, other in self._rows if known in later[:1]), None)
        self._list(row.group).insertBefore(element, before)
        self._rows.append((row, element))
        return element

    def _list(self, group):
        for known, element in self._groups:
            if known is group:
                return element.querySelector("ol")
        element = _copy("group-template")
        element.querySelector("h3").textContent = time_of_day(group.start)
        self._place.prepend(element)
        self._groups.append((group, element))
        return element.querySelector("ol")

    def _prune(self) -> None:
        kept = self.timeline.groups
        for group, element in self._groups:
            if group not in kept:
                element.remove()
        self._groups = [pair for pair in self._groups if pair[0] in kept]
        self._rows = [pair for pair in self._rows if pair[0].group in kept]

    def _fill(self, row, element) -> None:
        """Put the row's words into its element."""
        element.setAttribute("data-state", row.state)
        element.setAttribute("data-kind", "reply" if row.what.endswith(("_FULFILLED", "_REJECTED")) else "message")
        element.classList.toggle("inner", row.call is not None)
        _text(element, ".when", "+" + duration(row.at - row.group.start) if row.at > row.group.start else "0")
        for name, party in ((".from", row.sender), (".to", row.receiver)):
            _text(element, name, party)
            element.querySelector(name).setAttribute("data-party", party)
        _text(element, ".what", row.what)
        _text(element, ".outcome", outcome(row.state, row.reason))
        facts = element.querySelector(".facts")
        facts.replaceChildren()
        more = explained(row.state, row.reason)
        for name, value in row.facts + ([("That is", more)] if more else []):
            pair, term, text = [document.createElement(tag) for tag in ("div", "dt", "dd")]
            term.textContent = name
            text.textContent = value
            pair.append(term, text)
            facts.append(pair)
        shown = row.content.shown(self.whole) if row.content else ""
        element.querySelector(".content").hidden = not shown
        _text(element, ".content", shown)

    def _measure(self) -> None:
        """Set bars and axes, in groups where they may have changed."""
        time = now()
        for group, element in self._groups:
            last = group.last(time)
            if element.getAttribute("data-last") == str(last):
                continue
            element.setAttribute("data-last", str(last))
            span = group.span(time)
            for index, mark in enumerate(element.querySelectorAll(".axis span")):
                mark.textContent = tick(span * index / 2)
            for row in group.rows:
                self._bar(row, self._of(row), time)

    def _bar(self, row, element, time: float) -> None:
        start, length = bar(row, time)
        style = element.querySelector(".fill").style
        style.setProperty("--start", f"{start:.2f}%")
        style.setProperty("--length", f"{length:.2f}%")
        took = (time if row.end is None else row.end) - row.at
        _text(element, ".took", duration(took) if took >= 0.05 else "")


def _copy(template: str):
    return document.getElementById(template).content.firstElementChild.cloneNode(True)


def _text(element, selector: str, text: str) -> None:
    element.querySelector(selector).textContent = text
