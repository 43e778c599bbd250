"""The timeline: what the page sees and what the bus reports are halves of the same rows."""

from typing import Any

import pytest

from host.demo.pages.timeline import (
    ANY,
    BACKEND,
    BUS,
    DECOY,
    LIMIT,
    OTHER,
    PAGE,
    PAUSE,
    PROVIDER,
    QUIET,
    Row,
    Timeline,
    bar,
    rounded_up,
)

URL = "http://localhost:8002/sso/exchange"


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


def accepted(number: int = 1, type_: str = "AUTH.SSO", **facts: bool | str) -> dict[str, Any]:
    return {
        "event": "accepted",
        "number": number,
        "type": type_,
        "origin": "http://localhost:8000",
        "port": True,
        "bytes": 70,
        "state": "serving",
    } | facts


def replied(
    number: int = 1, type_: str = "AUTH.SSO_FULFILLED", source: str = "backend", **facts: Any
) -> dict[str, Any]:
    return {
        "event": "replied",
        "number": number,
        "type": type_,
        "port": True,
        "source": source,
    } | facts


def backend(number: int | None = 1, call: int = 1, **facts: int | str) -> dict[str, Any]:
    return {
        "event": "backend",
        "number": number,
        "call": call,
        "method": "POST",
        "url": URL,
    } | facts


def lines(timeline: Timeline) -> list[tuple[str, str, str, str, str]]:
    return [(row.sender, row.receiver, row.what, row.state, row.reason) for row in timeline.rows()]


# -- a request and its reply ----------------------------------------------------------------------


def test_a_sign_in(timeline: Timeline) -> None:
    asked = timeline.post(0, "AUTH.SSO", ANY)
    timeline.report(accepted(id="made-up"), 5)
    timeline.report(backend(), 10)
    timeline.report(backend(ms=80, status=200, outcome="answered"), 90)
    timeline.report(replied(status=200), 95)
    assert lines(timeline) == [
        (PAGE, BUS, "AUTH.SSO", "accepted", ""),
        (BUS, BACKEND, "POST /sso/exchange", "answered", "status 200"),
        (BUS, PAGE, "AUTH.SSO_FULFILLED", "fulfilled", ""),
    ]
    call, reply = timeline.rows()[1:]
    assert (asked.at, asked.end, call.at, call.end, reply.at, reply.end) == (0, 95, 10, 90, 95, 95)
    assert asked.reply is reply
    assert call.asked is reply.asked is asked
    assert asked.id == "made-up"
    assert dict(asked.facts)["Size"] == "70 bytes of JSON"
    assert dict(asked.facts)["Reply to"] == "a port that came along"
    assert dict(reply.facts)["Answered by"] == "the backend, status 200"
    assert dict(reply.facts)["Came by"] == "the port"


@pytest.mark.parametrize("first", ["page", "report"])
def test_a_reply_is_one_row_whoever_tells_first(timeline: Timeline, first: str) -> None:
    asked = timeline.post(0, "AUTH.SSO", "1")
    timeline.report(accepted(id="1"), 5)
    if first == "page":
        timeline.reply(asked, 50, "AUTH.SSO_REJECTED", "INVALID_PAYLOAD")
    timeline.report(replied(type_="AUTH.SSO_REJECTED", source="bus", code="INVALID_PAYLOAD"), 49)
    if first == "report":
        timeline.reply(asked, 50, "AUTH.SSO_REJECTED", "INVALID_PAYLOAD")
    assert lines(timeline) == [
        (PAGE, BUS, "AUTH.SSO", "accepted", ""),
        (BUS, PAGE, "AUTH.SSO_REJECTED", "rejected", "INVALID_PAYLOAD"),
    ]
    assert dict(asked.reply.facts)["Answered by"] == "the bus"


def test_a_reply_that_overtakes_the_report_that_its_request_was_accepted(
    timeline: Timeline,
) -> None:
    asked = timeline.post(0, "AUTH.SSO", "1")
    timeline.reply(asked, 9, "AUTH.SSO_FULFILLED")
    timeline.report(accepted(id="1"), 5)
    timeline.report(replied(), 8)
    assert len(timeline.rows()) == 2
    assert asked.number == 1


def test_a_request_that_the_page_does_not_know_of(timeline: Timeline) -> None:
    """The embed module sends some of its own: BUS.CANCEL, BUS.PROBE."""
    timeline.report(accepted(type_="BUS.PROBE", id="x", port=False), 5)
    timeline.report(
        replied(type_="BUS.PROBE_REJECTED", source="bus", code="UNKNOWN_TYPE", port=False), 7
    )
    assert [(row.what, row.state) for row in timeline.rows()] == [
        ("BUS.PROBE", "accepted"),
        ("BUS.PROBE_REJECTED", "rejected"),
    ]
    assert dict(timeline.rows()[1].facts)["Came by"].endswith(" window")


def test_each_report_finds_its_own_request(timeline: Timeline) -> None:
    one = timeline.post(0, "AUTH.SSO", "1")
    two = timeline.post(1, "AUTH.SSO", "2")
    other = timeline.post(2, "CRM.OPEN", "2")
    for number, (type_, id_) in enumerate(
        [("CRM.OPEN", "2"), ("AUTH.SSO", "2"), ("AUTH.SSO", "1")]
    ):
        timeline.report(accepted(number, type_, id=id_), 5)
    assert (other.number, two.number, one.number) == (0, 1, 2)


def test_without_reports_a_reply_says_that_its_request_was_accepted(timeline: Timeline) -> None:
    asked = timeline.post(0, "AUTH.SSO", "1")
    assert timeline.asked_for("AUTH.SSO_REJECTED", "1") is asked
    assert timeline.asked_for("AUTH.SSO_REJECTED", "2") is None
    assert timeline.asked_for("AUTH.OTHER_REJECTED", "1") is None
    timeline.reply(asked, 20, "AUTH.SSO_REJECTED").content = "what it held"
    assert timeline.asked_for("AUTH.SSO_REJECTED", "1") is None
    assert (asked.state, asked.end, timeline.reported) == ("accepted", 20, False)


def test_a_reply_to_the_window_comes_after_the_report_of_it(timeline: Timeline) -> None:
    asked = timeline.post(0, "AUTH.SSO", "1")
    timeline.report(accepted(id="1", port=False), 1)
    timeline.report(replied(port=False), 2)
    assert timeline.asked_for("AUTH.SSO_FULFILLED", "1") is asked


def test_what_was_dropped_is_not_answered(timeline: Timeline) -> None:
    first, second = (timeline.post(0, "AUTH.SSO", "1") for _ in range(2))
    first.finish(1, "dropped", "a second delivery")
    assert timeline.asked_for("AUTH.SSO_FULFILLED", "1") is second


def test_a_request_that_waits_for_python(timeline: Timeline) -> None:
    asked = timeline.post(0, "AUTH.SSO", None)
    timeline.report(accepted(state="booting"), 5)
    assert dict(asked.facts)["Kept"] == "until Python serves"


def test_a_cancel_is_over_at_once(timeline: Timeline) -> None:
    cancel = timeline.post(3, "BUS.CANCEL", None)
    assert not cancel.under_way()
    timeline.report(accepted(2, "BUS.CANCEL"), 5)
    assert (cancel.state, cancel.number, cancel.under_way()) == ("accepted", 2, False)


def test_a_request_that_the_page_gives_up(timeline: Timeline) -> None:
    asked = timeline.post(0, "AUTH.SSO", ANY)
    timeline.report(accepted(), 1)
    timeline.fail(asked, 30, "ABORTED")
    assert (asked.state, asked.reason, asked.end) == ("failed", "ABORTED", 30)
    timeline.report(
        replied(type_="AUTH.SSO_REJECTED", source="bus", code="CANCELLED"), 35
    )  # the bus's side of it
    assert asked.reply.reason == "CANCELLED"
    timeline.fail(asked, 40, "TIMEOUT")
    assert asked.state == "accepted"


# -- calls of the backend -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        ({"outcome": "answered", "status": 500}, "answered", "status 500"),
        ({"outcome": "failed"}, "failed", ""),
        ({"outcome": "failed", "status": 200}, "failed", ""),
        ({"outcome": "aborted"}, "aborted", ""),
    ],
)
def test_how_a_call_ends(timeline: Timeline, end: dict[str, Any], state: str, reason: str) -> None:
    timeline.report(backend(), 10)
    [row] = timeline.rows()
    assert (row.state, row.under_way()) == ("under way", True)
    timeline.report(backend(ms=25, **end), 36)
    assert (row.state, row.reason, row.end) == (state, reason, 35)


def test_a_call_of_a_provider() -> None:
    timeline = Timeline(PROVIDER)
    timeline.report(backend(method="GET", url="http://localhost:8002/jwks"), 10)
    [row] = timeline.rows()
    assert (row.receiver, row.what) == (PROVIDER, "GET /jwks")


def test_a_call_for_nobody(timeline: Timeline) -> None:
    timeline.report(backend(number=None), 10)
    assert timeline.rows()[0].asked is None


# -- what is dropped ------------------------------------------------------------------------------


def dropped(reason: str, **facts: str) -> dict[str, str]:
    return {"event": "dropped", "reason": reason, "origin": "http://localhost:8000"} | facts


def test_what_is_no_request(timeline: Timeline) -> None:
    good = timeline.post(0, "AUTH.SSO", "1")
    bad = timeline.post(1, "no type", None, request=False)
    timeline.report(dropped("not a request"), 4)
    assert (bad.state, bad.reason, bad.end) == ("dropped", "not a request", 4)
    assert good.state == "sent"


def test_a_message_from_the_decoy(timeline: Timeline) -> None:
    row = timeline.post(0, "AUTH.SSO", None, False, DECOY)
    timeline.report(dropped("not from the window that embeds the bus"), 3)
    assert lines(timeline) == [
        (DECOY, BUS, "AUTH.SSO", "dropped", "not from the window that embeds the bus")
    ]
    assert row.end == 3


def test_a_message_from_a_window_that_the_page_knows_nothing_of(timeline: Timeline) -> None:
    timeline.report(
        dropped("not from the window that embeds the bus", origin="https://e.example"), 3
    )
    [row] = timeline.rows()
    assert (row.sender, row.what, row.state) == (OTHER, "a message", "dropped")
    assert dict(row.facts)["Origin"] == "https://e.example"


def test_a_flood_is_a_number(timeline: Timeline) -> None:
    timeline.report({"event": "dropped", "reason": "origin not allowed", "more": 180}, 3)
    assert lines(timeline) == [(OTHER, BUS, "180 more messages", "dropped", "origin not allowed")]


def test_a_second_delivery(timeline: Timeline) -> None:
    first = timeline.post(0, "AUTH.SSO", "1")
    second = timeline.post(0, "AUTH.SSO", "1")
    timeline.report(accepted(1, id="1"), 1)
    timeline.report(accepted(2, id="1"), 1)
    timeline.report({"event": "dropped", "number": 2, "reason": "a second delivery"}, 2)
    assert (first.state, second.state, second.reason) == (
        "accepted",
        "dropped",
        "a second delivery",
    )


@pytest.mark.parametrize("facts", [{}, {"event": "new"}, replied(99)])
def test_reports_that_say_nothing_to_this_page(timeline: Timeline, facts: dict[str, Any]) -> None:
    assert timeline.report(facts, 1) is None
    assert timeline.rows() == []
    assert timeline.reported


# -- groups, axes, bars ---------------------------------------------------------------------------


def moment(at: int) -> Row:
    row = Row(at, BUS, PAGE, "x", "received")
    row.finish(at, "received")
    return row


def test_what_comes_after_a_while_begins_a_new_group(timeline: Timeline) -> None:
    for at in (0, QUIET, QUIET * 2 + 1):
        timeline.add(moment(at))
    assert [len(group.rows) for group in timeline.groups] == [2, 1]


def test_what_somebody_sends_begins_one_sooner(timeline: Timeline) -> None:
    timeline.add(moment(0))
    timeline.post(PAUSE, "A.B", None)
    assert len(timeline.groups) == 1
    timeline.fail(timeline.rows()[-1], PAUSE, "TIMEOUT")
    timeline.post(2 * PAUSE + 1, "A.B", None)
    assert len(timeline.groups) == 2


def test_a_group_lasts_while_something_is_under_way(timeline: Timeline) -> None:
    timeline.post(0, "AUTH.SSO", None)
    timeline.add(moment(QUIET * 5))
    assert len(timeline.groups) == 1


def test_a_group_of_its_own(timeline: Timeline) -> None:
    timeline.add(moment(-4000), apart=True)
    timeline.add(moment(0))
    assert [group.start for group in timeline.groups] == [-4000, 0]


def test_rows_stand_in_the_order_of_time(timeline: Timeline) -> None:
    for at in (10, 30, 20, 5):
        timeline.add(moment(at))
    assert [row.at for row in timeline.rows()] == [5, 10, 20, 30]
    assert timeline.groups[0].start == 5


def test_the_oldest_groups_go_first(timeline: Timeline) -> None:
    for n in range(LIMIT + 5):
        timeline.add(moment(n * (QUIET + 1)))
    assert len(timeline.rows()) == LIMIT
    assert timeline.rows()[0].at == 5 * (QUIET + 1)


def test_one_group_is_never_cut(timeline: Timeline) -> None:
    for _ in range(LIMIT + 5):
        timeline.add(moment(0))
    assert len(timeline.rows()) == LIMIT + 5


@pytest.mark.parametrize(
    ("span", "axis"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (1900, 2000), (5001, 10_000)]
)  # fmt: skip
def test_an_axis_ends_at_a_round_number(span: int, axis: int) -> None:
    assert rounded_up(span) == axis


def test_bars_share_the_axis_of_their_group(timeline: Timeline) -> None:
    long, short = timeline.post(100, "AUTH.SSO", None), timeline.add(moment(150))
    assert bar(long, 200) == (0, 100)
    assert bar(short, 200) == (50, 0)
    timeline.reply(long, 300, "AUTH.SSO_FULFILLED")
    assert bar(long, 9999) == (0, 100)
    assert bar(short, 9999) == (25, 0)


def test_what_has_changed_is_collected_once(timeline: Timeline) -> None:
    row = timeline.post(0, "AUTH.SSO", "1")
    timeline.report(accepted(id="1"), 1)
    assert timeline.changed == [row]


def test_a_fact_is_told_once_and_nothing_is_no_fact() -> None:
    row = moment(0)
    row.fact("Id", None)
    row.fact("Id", 1)
    row.fact("Id", 2)
    assert row.facts == [("Id", "2")]


# -- pushes, and whose refresh they came of --------------------------------------------------------


def refresh(timeline: Timeline, at: float, call: int, **end: int | str) -> Row | None:
    url = "http://localhost:8002/sso/refresh"
    return timeline.report(backend(number=9, call=call, url=url, **end), at)


DONE: dict[str, int | str] = {"ms": 5, "outcome": "answered", "status": 200}


def test_a_push_is_a_row_of_its_own(timeline: Timeline) -> None:
    row = timeline.push(40.0, "AUTH.TOKEN_REFRESHED", "refreshed by this tab")
    assert (row.sender, row.receiver, row.state, row.end) == (BUS, PAGE, "pushed", 40.0)


def test_tokens_are_this_tab_s_if_it_has_just_refreshed(timeline: Timeline) -> None:
    assert not timeline.fetched()
    refresh(timeline, 10, 1)
    assert timeline.fetched()  # its report may come after the push
    refresh(timeline, 10, 1, **DONE)
    assert not timeline.fetched()  # each brings tokens once: these are another tab's
    refresh(timeline, 99, 2, **DONE)
    assert timeline.fetched()


@pytest.mark.parametrize("end", [{"outcome": "failed"}, {"outcome": "answered", "status": 503}])
def test_a_refresh_that_fails_brings_nothing(timeline: Timeline, end: dict[str, Any]) -> None:
    refresh(timeline, 10, 1, ms=5, **end)
    assert not timeline.fetched()


@pytest.mark.parametrize("what", ["AUTH.SSO", "AUTH.EMAIL_AND_PASSWORD", "AUTH.SIGN_OUT"])
def test_a_call_for_something_else_is_no_refresh(timeline: Timeline, what: str) -> None:
    timeline.post(0, what, ANY)
    timeline.report(accepted(9, what), 1)
    refresh(timeline, 10, 1, **DONE)
    timeline.report(backend(number=None, call=2, method="GET", **DONE), 20)
    assert timeline.refresh() is None
    assert not timeline.fetched()


def test_what_the_page_asks_by_itself_begins_no_group(timeline: Timeline) -> None:
    timeline.push(0, "AUTH.TOKEN_REFRESHED", "")
    timeline.post(PAUSE + 1, "AUTH.CREDENTIALS", ANY)
    assert len(timeline.groups) == 1
    timeline.post(PAUSE + 2, "AUTH.SIGN_OUT", ANY)
    assert len(timeline.groups) == 1  # something is under way


def test_what_a_person_does_begins_a_group(timeline: Timeline) -> None:
    timeline.push(0, "AUTH.TOKEN_REFRESHED", "")
    timeline.post(PAUSE + 1, "AUTH.SIGN_OUT", ANY)
    assert len(timeline.groups) == 2
