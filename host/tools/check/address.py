"""One address that the bus will fetch from: requested as the bus would, and checked as a browser would."""

from dataclasses import dataclass

from . import cors
from .asking import Answer, Asker, Failure, without_query
from .report import Level, Part


@dataclass(frozen=True)
class Address:
    """An address, and the rows about it."""

    part: Part
    ask: Asker
    url: str
    bus_origin: str | None
    """None if it is not known; then there are no rows about CORS."""
    severity: Level = "error"
    """The level of a problem: the bus can do without some addresses."""

    def answer(
        self, method: str, headers: dict[str, str], body: str | None = None
    ) -> Answer | None:
        """Return the answer to a request; if the bus can use none, add a row that says why."""
        origin = {"Origin": self.bus_origin} if self.bus_origin else {}
        found = self.ask(method, self.url, headers | origin, body)
        if isinstance(found, Failure):
            self._unanswered("answer", found)
            return None
        if found.redirects:
            place = without_query(found.target(self.url))
            self.part.add(
                self.severity,
                "answer",
                f"a redirect to {place or 'no address'}; the bus follows none",
                "Set the address that answers in the settings, or answer at this one.",
            )
            return None
        return found

    def readable(self, answer: Answer, kind: str, cost: str = "") -> None:
        """Add a row about whether the bus may read an answer.

        `kind` names it, `cost` says in a sentence what happens where the bus may not.
        """
        if self.bus_origin is None:
            return
        if problem := cors.hidden(answer, self.bus_origin):
            self.part.add(self.severity, "CORS", f"{kind} {problem}", self._allow(cost))
        else:
            self.part.add("ok", "CORS", f"the bus may read {kind}")

    def preflight(self, method: str, headers: list[str]) -> None:
        """Add a row about whether a browser sends a request with these headers for the bus."""
        if self.bus_origin is None:
            return
        found = self.ask(
            "OPTIONS", self.url, cors.preflight_headers(self.bus_origin, method, headers)
        )
        if isinstance(found, Failure):
            self._unanswered("preflight", found)
        elif problem := cors.refused(found, self.bus_origin, headers):
            self.part.add(
                self.severity,
                "preflight",
                f"the answer to OPTIONS {problem}",
                f"Answer OPTIONS with status 204, Access-Control-Allow-Origin: {self.bus_origin} and "
                f"Access-Control-Allow-Headers: {', '.join(headers)}.",
            )
        else:
            self.part.add("ok", "preflight", f"{method} is allowed, with {', '.join(headers)}")

    def _unanswered(self, what: str, failure: Failure) -> None:
        if failure.again:
            self.part.add(
                "skipped", what, "not requested: that server cannot be reached, see above"
            )
        else:
            self.part.add(self.severity, what, failure.problem, failure.change)

    def _allow(self, cost: str) -> str:
        allow = f"Send Access-Control-Allow-Origin: {self.bus_origin} there, whatever the status."
        return f"{allow} {cost}".rstrip()
