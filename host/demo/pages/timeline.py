"""What happened on the page, message by message. Runs on MicroPython and on CPython.

Times are milliseconds since the page's navigation began. What the page sees itself and what a debug
build of the bus reports (BUS.DEBUG) come in any order; both are halves of the same rows.
"""

PAGE, BUS, BACKEND, PROVIDER, DECOY, OTHER = (
    "page", "bus", "backend", "provider", "decoy", "another window",
)  # fmt: skip

QUIET = 1500
"""After so much time without anything under way, what comes next begins a new group."""

PAUSE = 150
"""The same for what somebody sends: it is the beginning of something."""

LIMIT = 300
"""So many rows are kept; the oldest groups go first."""

FOLLOWING = ("BUS.REGISTER", "BUS.INIT", "AUTH.CREDENTIALS")
"""What the page asks by itself, because of something else: it belongs to that, and begins no group."""

OTHER_CALLS = ("AUTH.SSO", "AUTH.EMAIL_AND_PASSWORD", "AUTH.SIGN_OUT")
"""What the bus calls the backend for, besides refreshes."""


class Row:
    """A message or a call: who, to whom, what, and how it went."""

    def __init__(self, at: float, sender: str, receiver: str, what: str, state: str) -> None:
        self.at = at
        self.end = None  # None: no end yet, and the bar grows
        self.sender = sender
        self.receiver = receiver
        self.what = what
        self.state = state
        self.reason = ""
        self.facts = []  # (name, value), to be shown when the row is opened
        self.content = None  # what to show of it whole: for the view, this module never looks
        self.id = None  # of the message; ANY if the page does not know which it will be
        self.number = None  # the bus's for the message
        self.call = None  # the bus's for the call
        self.request = False  # whether the gate should let it in, when it comes from the page
        self.reply = None  # the row of the reply
        self.pushed = False  # whether what a call brought has been pushed
        self.asked = None  # the row of the request that this replies to or was made for
        self.group = None

    def under_way(self) -> bool:
        """Whether its end is still to come."""
        return self.end is None

    def went_well(self) -> bool:
        """Whether it is a call that was answered as one wishes."""
        return self.state == "answered" and self.reason == "status 200"

    def finish(self, at: float, state: str, reason: str = "") -> None:
        """The row is over."""
        self.end = max(at, self.at)
        self.state = state
        self.reason = reason

    def fact(self, name: str, value: object) -> None:
        """Keep something to show when the row is opened; None is nothing."""
        if value is not None:
            self.facts = [fact for fact in self.facts if fact[0] != name] + [(name, str(value))]


ANY = object()
"""The id of a message that the embed module sends: it makes one up."""


class Group:
    """Rows that belong together in time, and share an axis."""

    def __init__(self, at: float) -> None:
        self.start = at
        self.rows = []
        self.closed = False  # nothing more joins it

    def last(self, now: float) -> float:
        """When something last happened in it: now, while something is under way."""
        return max(
            [row.at if row.end is None else row.end for row in self.rows]
            + [now for row in self.rows if row.under_way()]
        )

    def span(self, now: float) -> float:
        """The length of its axis: a round number."""
        return rounded_up(self.last(now) - self.start)


class Timeline:
    """All rows, in groups; `changed` collects what the view has to show again."""

    def __init__(self, backend: str = BACKEND) -> None:
        self.backend = backend  # whom the bus asks: PROVIDER, where codes are redeemed there
        self.groups = []
        self.changed = []
        self.reported = False  # whether the bus says what it decides: a debug build does

    def rows(self) -> list:
        """All rows, the oldest first."""
        return [row for group in self.groups for row in group.rows]

    def add(self, row: Row, apart: bool = False, quiet: float = QUIET) -> Row:
        """Put a row into its group, in the order of time. `apart`: a group of its own."""
        group = self.groups[-1] if self.groups else None
        if group is None or apart or group.closed or row.at - group.last(row.at) > quiet:
            group = Group(row.at)
            group.closed = apart
            self.groups.append(group)
        place = len(group.rows)
        while place and group.rows[place - 1].at > row.at:
            place -= 1
        group.rows.insert(place, row)
        group.start = min(group.start, row.at)
        row.group = group
        while len(self.groups) > 1 and len(self.rows()) > LIMIT:
            self.groups.pop(0)
        return self.touch(row)

    def touch(self, row: Row) -> Row:
        """Have the row shown again."""
        if row not in self.changed:
            self.changed.append(row)
        return row

    def find(self, fits) -> Row | None:
        """The first row that fits."""
        for row in self.rows():
            if fits(row):
                return row
        return None

    # -- what the page itself does and hears ---------------------------------------------------

    def post(self, at: float, what: str, id_: object, request: bool = True, sender: str = PAGE) -> Row:
        """A message is posted to the bus."""
        row = Row(at, sender, BUS, what, "sent")
        row.id = id_
        row.request = request
        if not request or what == "BUS.CANCEL" or sender != PAGE:
            row.end = at  # no reply will come; that it was dropped may still be reported
        return self.add(row, False, QUIET if what in FOLLOWING else PAUSE)

    def reply(self, asked: Row, at: float, what: str, code: str = "") -> Row:
        """A reply has come: the first half to arrive makes its row. `code`: of an error of the bus."""
        if asked.reply is None:
            row = Row(at, BUS, PAGE, what, "received")
            row.asked = asked
            row.id = asked.id
            asked.reply = self.add(row)
        row = asked.reply
        row.finish(row.at, ending(what), code)
        asked.finish(row.at, "accepted")
        self.touch(asked)
        return self.touch(row)

    def fail(self, row: Row, at: float, code: str) -> None:
        """Nothing came of it, as far as the page can tell."""
        if row.under_way():
            row.finish(at, "failed", code)
            self.touch(row)

    def push(self, at: float, what: str, reason: str) -> Row:
        """The bus has pushed something to the page; `reason` says what became of the session."""
        row = Row(at, BUS, PAGE, what, "pushed")
        row.finish(at, "pushed", reason)
        return self.add(row)

    def refresh(self) -> Row | None:
        """The last refresh that this tab's bus has asked for: a call that is for no sign-in or sign-out."""
        calls = [row for row in self.rows() if row.call is not None and row.what.startswith("POST")]
        calls = [row for row in calls if row.asked is None or row.asked.what not in OTHER_CALLS]
        return calls[-1] if calls else None

    def fetched(self) -> bool:
        """Whether the tokens that have just been pushed came of a refresh by this tab; asked once for each.

        Its report and the push travel apart: the call may seem to be under way still.
        """
        row = self.refresh()
        if row is None or row.pushed or not (row.under_way() or row.went_well()):
            return False
        row.pushed = True
        return True

    def asked_for(self, what: str, id_: object) -> Row | None:
        """The request that a reply of this type and id to the page's window answers."""
        return self.find(
            lambda row: (
                row.sender == PAGE
                and row.id == id_
                and what in (row.what + "_FULFILLED", row.what + "_REJECTED")
                and (row.reply is None or row.reply.content is None)
                and row.state != "dropped"
            )
        )

    # -- what a debug build of the bus reports -------------------------------------------------

    def report(self, facts: dict, at: float) -> Row | None:
        """A report of the bus; `at` is when it was made, on the page's clock."""
        self.reported = True
        handler = {
            "accepted": self._accepted,
            "dropped": self._dropped,
            "replied": self._replied,
            "backend": self._backend,
        }.get(facts.get("event"))
        return handler(facts, at) if handler else None

    def _numbered(self, number: object) -> Row | None:
        return self.find(lambda row: number is not None and row.number == number)

    def _accepted(self, facts: dict, at: float) -> Row:
        what, id_ = facts["type"], facts.get("id")
        row = self.find(
            lambda row: (
                row.sender == PAGE
                and row.request
                and row.number is None
                and row.what == what
                and (row.id is ANY or row.id == id_)
            )
        )
        if row is None:
            row = self.add(Row(at, PAGE, BUS, what, "sent"))
            row.request = True
        row.id = id_
        row.number = facts.get("number")
        row.state = "accepted"
        if facts.get("state") == "booting":
            row.fact("Kept", "until Python serves")
        row.fact("Origin", facts.get("origin"))
        row.fact("Id", id_)
        row.fact("Reply to", "a port that came along" if facts.get("port") else "the page’s window")
        row.fact("Size", f"{facts['bytes']} bytes of JSON" if "bytes" in facts else None)
        if what == "BUS.CANCEL":  # it has no reply of its own
            row.finish(row.at, "accepted")
        return self.touch(row)

    def _dropped(self, facts: dict, at: float) -> Row:
        reason = facts.get("reason", "")
        row = self._numbered(facts.get("number")) or self._unheard(reason)
        if "more" in facts:
            row = self.add(Row(at, OTHER, BUS, f"{facts['more']} more messages", "sent"))
            row.fact("Reported", "as a number: a flood is not told message by message")
        elif row is None:
            row = self.add(Row(at, OTHER, BUS, "a message", "sent"))
        row.fact("Origin", facts.get("origin"))
        row.fact("Why", reason)
        row.finish(at, "dropped", reason)
        return self.touch(row)

    def _unheard(self, reason: str) -> Row | None:
        """What this page knows of, that a refusal without a number must be about."""
        if reason == "not a request":
            return self.find(
                lambda row: row.sender == PAGE and row.state == "sent" and not row.request
            )
        return self.find(lambda row: row.sender == DECOY and row.state == "sent")

    def _replied(self, facts: dict, at: float) -> Row | None:
        asked = self._numbered(facts.get("number"))
        if asked is None:
            return None
        row = self.reply(asked, at, facts["type"], facts.get("code") or "")
        by = "the backend" if facts.get("source") == "backend" else "the bus"
        status = facts.get("status")
        row.fact("Answered by", by if status is None else f"{by}, status {status}")
        row.fact("Came by", "the port" if facts.get("port") else "the page’s window")
        row.fact("Id", facts.get("id"))
        return row

    def _backend(self, facts: dict, at: float) -> Row:
        row = self.find(lambda row: row.call == facts["call"])
        if row is None:
            what = f"{facts['method']} {facts['url'].split('/', 3)[-1]}"
            row = Row(at, BUS, self.backend, what.replace(" ", " /", 1), "under way")
            row.call = facts["call"]
            row.asked = self._numbered(facts.get("number"))
            row.fact("Address", facts["url"])
            self.add(row)
        if "ms" in facts:
            outcome, status = facts.get("outcome", "failed"), facts.get("status")
            answered = outcome == "answered"
            row.finish(row.at + facts["ms"], outcome, f"status {status}" if answered else "")
            row.fact("Status", status)
        return self.touch(row)


def ending(what: str) -> str:
    """The state of a reply, by its type."""
    return "rejected" if what.endswith("_REJECTED") else "fulfilled"


def rounded_up(span: float) -> float:
    """The next round number of milliseconds: 1, 2 or 5 with zeros, 10 at least."""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if span <= size * factor:
                return size * factor
        size *= 10


def bar(row: Row, now: float) -> tuple:
    """Where the row's bar begins and how long it is, in percent of its group's axis."""
    span = row.group.span(now)
    end = now if row.end is None else row.end
    return 100 * (row.at - row.group.start) / span, 100 * max(0, end - row.at) / span
