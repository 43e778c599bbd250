"""What goes wrong in other sign-in SDKs: each row of the list has its tests here."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from bus.session.words import LOOK, word
from tests.unit.session.asking import NOBODY, SSO, code_of, name_of, user
from tests.unit.session.server import Answered
from tests.unit.session.tokens import Message
from tests.unit.session.world import DAYS, HOST, HOURS, Sim, Sims, Tab

LATE = 850
"""Seconds after a sign-in, when a refresh is due."""


def signed_in(sim: Sim, **facts: Any) -> Tab:
    return all_signed_in(sim, 1, **facts)[0]


def all_signed_in(sim: Sim, tabs: int, **facts: Any) -> list[Tab]:
    made = [sim.tab(**facts) for _ in range(tabs)]
    made[0].sign_in("ann")
    for tab in made:
        tab.register()
        tab.init()
    sim.run(1)
    for tab in made:
        tab.pushed()
    return made


# -- two tabs refresh at once ---------------------------------------------------------------------


@pytest.mark.parametrize("locks", [True, False])
def test_one_request_over_all_tabs_and_the_others_take_its_result(sim: Sim, locks: bool) -> None:
    tabs = all_signed_in(sim, 5, locks_missing=not locks)
    sim.net.delay = 4
    for n in range(1, 20):
        sim.run(815)
        assert sim.refreshes() == n
        assert [tab.pushed() for tab in tabs] == [["TOKEN_REFRESHED"]] * 5
    assert sim.server.reused == []
    assert sim.net.overlaps == []


@pytest.mark.parametrize("locks", [True, False])
def test_a_storm_of_credentials_in_all_tabs_is_one_request(sim: Sim, locks: bool) -> None:
    tabs = [sim.tab(locks_missing=not locks) for _ in range(4)]
    tabs[0].sign_in("ann")
    sim.run(HOURS)
    replies = [tab.send("AUTH.CREDENTIALS") for tab in tabs for _ in range(50)]
    sim.run(10)
    assert {name_of(reply.value) for reply in replies} == {"ann"}
    tokens = {reply.value["payload"]["credentials"]["refreshToken"] for reply in replies}
    assert tokens == {sim.record["credentials"]["refreshToken"]}
    assert sim.refreshes() == 1


def test_who_waited_takes_a_failure_too(sim: Sim) -> None:
    tabs = [sim.tab() for _ in range(3)]
    tabs[0].sign_in("ann")
    sim.run(HOURS)
    sim.server.answers = [lambda _: (503, {"error": "down"})] * 9
    replies = [tab.send("AUTH.CREDENTIALS") for tab in tabs]
    sim.run(0.5)
    assert sim.refreshes() == 1
    assert {code_of(reply.value) if "code" in reply.value["payload"]["error"] else "theirs" for reply in replies} == {
        "BACKEND_ERROR", "theirs",
    }  # fmt: skip


# -- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_a_frozen_tab_hangs_nobody(sim: Sim, told: bool) -> None:
    frozen, tab = all_signed_in(sim, 2)
    sim.net.hang_answers = 1
    tab.destroy()
    while not sim.partitions["example.com"].holders:
        sim.run(1)
    frozen.freeze() if told else frozen.stop()
    assert bool(sim.partitions["example.com"].holders) is not told
    began = sim.clock.time
    sim.run(10)
    assert name_of(tab.credentials()) == "ann"
    tab.init()
    sim.run(20)
    assert sim.refreshes() == 2
    assert sim.clock.time - began < 40
    assert "TOKEN_REFRESHED" in tab.pushed()
    (frozen.thaw if told else frozen.go_on)()
    sim.run(60)
    assert frozen.pushed() == ["TOKEN_REFRESHED"]
    assert sim.server.reused == []


def test_the_lock_is_waited_for_five_seconds(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    other = sim.tab()
    other.loop.run(other.locks.acquire(f"sso-bus:refresh:{HOST}"))
    sim.run(1)
    other.stop()
    began = sim.clock.time
    tab.credentials()
    assert 5 <= sim.clock.time - began < 5.5
    assert sim.partitions["example.com"].holders != {}, "never stolen"


def test_the_lock_is_held_for_a_refresh_only(sim: Sim) -> None:
    tab = signed_in(sim)
    assert sim.partitions["example.com"].holders == {}
    sim.net.delay = 10
    sim.run(815)
    assert sim.partitions["example.com"].holders != {}
    sim.run(20)
    assert sim.partitions["example.com"].holders == {}
    assert tab.pushed() == ["TOKEN_REFRESHED"]


@pytest.mark.parametrize("how", ["freeze", "cache"])
@pytest.mark.parametrize("waits", [True, False])
def test_locks_are_let_go_before_the_page_is_frozen_or_cached(
    sim: Sim, how: str, waits: bool
) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    other = sim.tab()
    name = f"sso-bus:refresh:{HOST}"
    if waits:
        other.loop.run(other.locks.acquire(name))
        sim.run(1)
    sim.net.delay = 2
    tab.send("AUTH.CREDENTIALS")
    sim.run(0.5)
    partition = sim.partitions["example.com"]
    assert len(partition.queues[name]) == waits
    getattr(tab, how)()
    assert [holder[0] for holder in partition.holders.values()] == ([other] if waits else [])
    assert len(partition.queues[name]) == 0


def test_a_lock_that_comes_in_the_moment_of_freezing_is_let_go(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    other = sim.tab()
    name = f"sso-bus:refresh:{HOST}"
    task = other.loop.run(other.locks.acquire(name))
    sim.run(1)
    tab.send("AUTH.CREDENTIALS")
    sim.run(0.5)
    task.result()()
    tab.loop.call_soon(tab.session.hide)
    sim.run(0)
    assert sim.partitions["example.com"].holders == {}


# -- a refresh in flight ---------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["itself", "another tab"])
def test_a_refresh_in_flight_signs_nobody_in_again(sim: Sim, by: str) -> None:
    tab, other = all_signed_in(sim, 2)
    sim.net.delay = 4
    while not sim.net.under_way:
        sim.run(0.1)
    reply = (tab if by == "itself" else other).send("AUTH.SIGN_OUT")
    sim.run(30)
    assert reply.value["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert sim.record is None
    assert tab.register() == other.register() == NOBODY
    assert "TOKEN_REFRESHED" not in tab.pushed() + other.pushed()
    family = sim.server.families[0]
    assert {body["refreshToken"] for body in sim.server.sent("/revoke")} == set(family.tokens)


def test_what_a_refresh_brings_for_another_generation_is_dropped_and_revoked(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    sim.net.delay = 4
    while not sim.net.under_way:
        sim.run(0.1)
    sim.net.delay = 0.1
    other.sign_in("eve")
    sim.run(10)
    assert name_of(tab.credentials()) == "eve"
    assert [f.over for f in sim.server.families] == ["revoked", ""]
    assert tab.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_who_waits_for_credentials_when_the_session_ends_has_none(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 4
    waiting = tab.send("AUTH.CREDENTIALS")
    sim.run(1)
    tab.send("AUTH.SIGN_OUT")
    sim.run(30)
    assert code_of(waiting.value) == "NO_SESSION"


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["timers", "sleep"])
def test_a_session_ends_by_age_and_no_timer_is_longer_than_thirty_seconds(
    sims: Sims, how: str
) -> None:
    sim = sims(max_age_days=1)
    tab = signed_in(sim)
    for _ in range(24 * 3):
        if how == "sleep":
            sim.sleep(20 * 60 - 1)
        else:
            sim.run(60)
        assert tab.loop.next_timer is not None
        assert tab.loop.next_timer - sim.clock.time <= 30.1
    if how == "timers":
        assert tab.pushed()
        assert name_of(tab.credentials()) == "ann"
        sim.sleep(DAYS)
    sim.run(31)
    assert tab.pushed()[-1] == "REFRESH_TOKEN_EXPIRED"
    assert code_of(tab.credentials()) == "NO_SESSION"
    assert sim.record is None


def test_no_refresh_ever_prolongs_a_session(sims: Sims) -> None:
    sim = sims(max_age_days=1)
    signed_in(sim)
    expires = sim.record["expires"]
    sim.run(3 * HOURS)
    assert sim.refreshes() > 10
    assert sim.record["expires"] == expires == sim.record["signed_in"] + 86_400_000


def test_a_shorter_age_in_new_settings_holds(sims: Sims) -> None:
    sim = sims(max_age_days=90)
    signed_in(sim).close()
    sim.run(2 * DAYS)
    tab = sim.tab(table=sims(max_age_days=1).settings)
    assert tab.register() == NOBODY


@pytest.mark.parametrize("event", ["visible", "resume", "online", "none"])
def test_after_a_night_of_sleep_the_tokens_are_fresh_within_one_tick(sim: Sim, event: str) -> None:
    tab = signed_in(sim)
    tab.stop()
    sim.run(9 * HOURS)
    tab.go_on()
    events: dict[str, Callable[[], object]] = {
        "visible": tab.visible,
        "resume": lambda: tab.loop.call_soon(tab.session.show),
        "online": lambda: sim.set_online(True),
        "none": lambda: None,
    }
    events[event]()
    sim.run(1)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert sim.refreshes() == 1


def test_lateness_of_timers_is_no_clock_error(sim: Sim) -> None:
    tab = signed_in(sim)
    for _ in range(60):
        tab.stop()
        sim.run(60)
        tab.go_on()
        sim.run(0.1)
    assert sim.refreshes() == 4


@pytest.mark.parametrize("error", [-5 * HOURS, -600, 600, 5 * HOURS, 400 * DAYS])
def test_a_wrong_clock_neither_loops_nor_gives_out_dead_tokens(sim: Sim, error: int) -> None:
    sim.clock_error = error
    tab = signed_in(sim)
    for _ in range(20):
        sim.run(400)
        found = tab.credentials()["payload"]["credentials"]
        assert expiry(found["idToken"]) > sim.server.now
    assert 9 <= sim.refreshes() <= 11
    assert abs(sim.record["skew"] + error * 1000) < 2000
    assert [line for line in tab.lines if "clock" in line]


@pytest.mark.parametrize("by", [-5 * HOURS, -700, -30, 30, 700, 5 * HOURS])
@pytest.mark.parametrize("ticks", [True, False])
def test_a_clock_that_is_set_gives_out_no_dead_tokens(sim: Sim, by: int, ticks: bool) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    if ticks:
        tab.init()
    for n in range(12):
        sim.run(350)
        if n == 2:
            sim.clock_error = by
        found = tab.credentials()["payload"]
        assert expiry(found["credentials"]["idToken"]) > sim.server.now
        said = (
            found["expiresAt"] / 1000 - sim.clock_error
        )  # a clock set forward may just have slept
        assert said < expiry(found["credentials"]["idToken"]) + 2
    assert sim.refreshes() <= 8


def test_a_page_that_opens_after_the_clock_was_set_back_refreshes(sim: Sim) -> None:
    signed_in(sim).close()
    sim.clock_error = -HOURS
    sim.run(2000)
    tab = sim.tab()
    found = tab.credentials()["payload"]["credentials"]
    assert expiry(found["idToken"]) > sim.server.now
    tab.credentials()
    assert sim.refreshes() == 1


def test_a_pause_and_a_mark_from_the_future_are_over(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.server.answers = [lambda _: (503, {"error": "down"}, "3000")]
    tab.credentials()
    sim.clock_error = -5 * HOURS
    assert name_of(tab.credentials()) == "ann"
    record = sim.record | {"mark": {"at": round((sim.now() + HOURS) * 1000), "by": "x"}}
    sim.partitions["example.com"].texts[HOST] = json.dumps(record)
    began = sim.clock.time
    assert name_of(tab.credentials()) == "ann"
    assert sim.clock.time - began < 1


def expiry(token: str) -> float:
    from tests.unit.session.tokens import claims

    return claims(token)["exp"]


@pytest.mark.parametrize("life", [1, 4, 20, 60])
def test_tokens_that_live_for_seconds_make_no_loop(sim: Sim, life: int) -> None:
    sim.server.life = life
    tab = signed_in(sim)
    sim.run(600)
    assert tab.pushed()
    assert sim.refreshes() <= 600 / max(5, life / 2) + 1
    assert sim.refreshes() >= 600 / max(6, life / 2 + 1) - 2


@pytest.mark.parametrize("times", [(0, 0), (100, 50), (1e300, 1e301), (-1e300, 1e300), (1, 2)])
def test_odd_times_in_a_token_do_no_harm(sim: Sim, times: tuple[float, float]) -> None:
    from tests.unit.session.server import jwt

    tab = signed_in(sim)
    token = jwt({"iat": times[0], "exp": times[1]})
    sim.server.answers = [
        lambda sent: (
            200,
            {"credentials": {"idToken": token, "refreshToken": sent["refreshToken"]}},
        )
    ] * 999
    sim.run(2 * HOURS)
    assert sim.refreshes() < 2 * HOURS / 5
    assert tab.credentials()["type"].startswith("AUTH.CREDENTIALS")


def test_idleness_ends_a_session_and_any_request_in_any_tab_puts_it_off(sims: Sims) -> None:
    sim = sims(idle_minutes=30)
    tab, other = all_signed_in(sim, 2)
    for n in range(6):
        sim.run(29 * 60)
        who = (tab, other)[n % 2]
        [who.credentials, who.register, who.init][n % 3]()
    sim.run(28 * 60)
    tab.pushed(), other.pushed()
    sim.run(3 * 60)
    assert tab.pushed()[-1] == other.pushed()[-1] == "REFRESH_TOKEN_EXPIRED"
    assert sim.record is None


def test_whether_it_is_over_is_looked_at_before_a_request_counts(sims: Sims) -> None:
    sim = sims(idle_minutes=30)
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(30 * 60 + 1)
    assert code_of(tab.credentials()) == "NO_SESSION"
    assert sim.record is None


def test_a_sign_in_that_fails_counts_as_activity(sims: Sims) -> None:
    sim = sims(idle_minutes=30)
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(29 * 60)
    tab.sign_in("refused")
    sim.run(29 * 60)
    assert name_of(tab.credentials()) == "ann"


def test_refreshes_are_no_activity(sims: Sims) -> None:
    sim = sims(idle_minutes=60)
    tab = signed_in(sim)
    sim.run(HOURS + 31)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 4 + ["REFRESH_TOKEN_EXPIRED"]


# -- failures --------------------------------------------------------------------------------------

NO_REFUSALS = {
    "503 with JSON": (503, {"error": "down"}),
    "503 without": (503, b"down"),
    "429": (429, {"error": "slow"}),
    "404 with JSON": (404, {"error": "nothing"}),
    "403 of a proxy": (403, b"<html>"),
    "401 of a proxy": (401, b""),
    "400 of a proxy": (400, b"no"),
    "not JSON": (200, b"<html>"),
    "no credentials": (200, {"credentials": None}),
    "nothing": (200, b""),
    "no object": (200, []),
    "a legacy token": (200, {"credentials": {"legacy_token": "MARK"}}),
}


@pytest.mark.parametrize("answer", NO_REFUSALS.values(), ids=NO_REFUSALS)
def test_only_a_definite_refusal_ends_a_session(sim: Sim, answer: Answered) -> None:
    tab = signed_in(sim)
    sim.server.answers = [lambda _: answer] * 10
    sim.run(HOURS)
    assert tab.pushed()[-1] == "TOKEN_REFRESHED"
    assert tab.register()["payload"] == user("ann")
    assert sim.server.reused == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_definite_refusal_ends_it_in_all_tabs(sim: Sim, status: int) -> None:
    tab, other, quiet = all_signed_in(sim, 3)
    quiet.destroy()
    sim.server.answers = [lambda _: (status, {"error": "no"})]
    sim.run(LATE)
    assert tab.pushed() == other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    assert quiet.pushed() == []
    assert sim.record is None
    for each in (tab, other, quiet):
        assert each.register() == NOBODY
        assert code_of(each.credentials()) == "NO_SESSION"
    sim.run(HOURS)
    assert tab.pushed() == other.pushed() == []
    assert sim.refreshes() == 1


def test_who_waits_gets_no_session_when_it_is_refused(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.server.families[0].over = "theft"
    assert code_of(tab.credentials()) == "NO_SESSION"


def test_refused_but_the_record_holds_other_tokens_by_then(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.sign_in("ann")
    tab.init()
    texts = sim.partitions["example.com"].texts

    def refused(sent: Message) -> Answered:
        sim.server.answers = []
        record = sim.record
        fresh = sim.server.rotate(sent)[1]["credentials"]
        texts[HOST] = json.dumps(record | {"credentials": fresh, "turn": 1})
        return 401, {"error": "no"}

    sim.server.answers = [refused]
    sim.run(LATE)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert name_of(other.credentials()) == "ann"


def test_retries_come_on_one_schedule_with_the_same_token(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.server.answers = [lambda _: (503, b"")] * 14
    sim.run(2 * HOURS)
    times = [at for at, path, _ in sim.server.requests if path == "/refresh"][:14]
    gaps = [b - a for a, b in pairwise(times)]
    for n, gap in enumerate(gaps):
        longest = min(300, 2**n)
        assert longest / 2 <= gap <= longest + 1, (n, gap)
    assert len({body["refreshToken"] for body in sim.server.sent("/refresh")[:15]}) == 1
    assert gaps[-1] > 150
    assert tab.pushed()


def test_many_tabs_keep_one_schedule(sim: Sim) -> None:
    all_signed_in(sim, 5)
    sim.server.answers = [lambda _: (503, b"")] * 999
    sim.run(HOURS)
    assert sim.refreshes() < 30


def test_a_page_that_is_loaded_again_goes_on_with_the_schedule(sim: Sim) -> None:
    signed_in(sim)
    sim.server.answers = [lambda _: (503, b"")] * 999
    sim.run(HOURS)
    before = sim.refreshes()
    for _ in range(20):
        tab = sim.tab()
        tab.init()
        sim.run(1)
        tab.close()
    assert sim.refreshes() <= before + 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("100", 100), ("4000", 3600), ("Tue, 14 Nov 2023 23:13:20 GMT", 2750)]
)
def test_retry_after_counts_also_when_online_again(sim: Sim, header: str, seconds: int) -> None:
    tab = signed_in(sim)
    sim.server.answers = [lambda _: (429, {"error": "slow"}, header)]
    while not sim.refreshes():
        sim.run(1)
    began = sim.clock.time
    while sim.refreshes() == 1:
        sim.set_online(True)
        tab.send("AUTH.CREDENTIALS")
        sim.run(5)
    assert abs(sim.clock.time - began - seconds) < 60


def test_online_again_is_tried_at_once(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    sim.set_online(False)
    sim.run(3 * HOURS)
    assert tab.pushed() == []
    asked = sim.refreshes()
    sim.set_online(True)
    sim.run(1)
    assert tab.pushed() == other.pushed() == ["TOKEN_REFRESHED"]
    assert sim.refreshes() == asked + 1


def test_offline_is_not_signed_out(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.set_online(False)
    sim.run(12 * HOURS)
    assert tab.pushed() == []
    assert tab.register()["payload"] == user("ann")
    assert code_of(tab.credentials()) == "BACKEND_UNREACHABLE"


# -- lost answers ---------------------------------------------------------------------------------


def test_a_lost_answer_is_asked_for_once_more(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.net.lose_answers = 1
    sim.run(LATE)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    first, second = sim.server.sent("/refresh")
    assert first == second
    assert sim.server.reused == []


def test_an_answer_that_never_comes_is_asked_for_once_more(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.net.hang_answers = 1
    sim.run(LATE)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert sim.server.reused == []


def test_a_lost_answer_is_asked_for_even_where_the_old_token_is_good(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.run(500)
    sim.net.lose_answers = 1
    tab.credentials(600)
    sim.run(5)
    assert sim.refreshes() == 2
    assert tab.pushed() == ["TOKEN_REFRESHED"]


@pytest.mark.parametrize("after", [1, 20])
def test_the_next_page_finds_the_mark_of_a_refresh_under_way(sim: Sim, after: int) -> None:
    tab = signed_in(sim)
    sim.run(500)
    sim.net.delay = 4
    tab.send("AUTH.CREDENTIALS", {"minValiditySeconds": 600})
    sim.run(3)
    tab.close()
    assert sim.refreshes() == 1
    sim.net.delay = 0.1
    sim.run(after)
    page = sim.tab()
    page.register()
    page.init()
    sim.run(1 if after == 20 else 17)
    assert sim.refreshes() == 2
    assert page.pushes[-1]["payload"] == sim.record["credentials"]
    assert sim.server.reused == []
    assert sim.record["turn"] == 1


def test_a_page_that_finds_an_old_mark_refreshes_at_once_margin_or_not(sim: Sim) -> None:
    tab = signed_in(sim)
    tab.destroy()
    record = sim.record | {"mark": {"at": round(sim.now() * 1000) - 20_000, "by": "x"}}
    sim.partitions["example.com"].texts[HOST] = json.dumps(record)
    page = sim.tab()
    page.register()
    sim.run(1)
    assert sim.refreshes() == 1
    assert sim.record["turn"] == 1
    assert sim.record["mark"] is None


def test_cancelling_a_request_does_not_abort_its_refresh(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 4
    reply = tab.send("AUTH.CREDENTIALS", id="1")
    sim.run(1)
    tab.send("BUS.CANCEL", {"id": "1"})
    sim.run(10)
    assert code_of(reply.value) == "CANCELLED"
    assert sim.record["turn"] == 1


@pytest.mark.parametrize("how", ["freeze", "cache", "stop"])
def test_hiding_or_freezing_the_page_does_not_lose_the_result(sim: Sim, how: str) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 4
    tab.send("AUTH.CREDENTIALS", id="1")
    sim.run(1)
    getattr(tab, how)()
    sim.run(HOURS)
    tab.restore()
    sim.run(1)
    assert sim.record["turn"] == 1
    assert sim.refreshes() == 1


def test_the_later_of_two_refreshes_of_one_token_holds(sim: Sim) -> None:
    early, late = sim.tab(), sim.tab()
    early.sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 2
    early.send("AUTH.CREDENTIALS")
    sim.run(1.5)
    early.stop()
    sim.run(14.5)
    late.credentials()
    token = sim.record["credentials"]["refreshToken"]
    early.go_on()
    sim.run(5)
    assert sim.record["credentials"]["refreshToken"] == token
    assert sim.server.families[0].over == ""


def test_the_earlier_of_two_that_comes_first_is_replaced(sim: Sim) -> None:
    early, late = sim.tab(), sim.tab(locks_missing=True)
    early.sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 2
    early.send("AUTH.CREDENTIALS")
    sim.run(1.5)
    early.stop()
    sim.run(14.5)
    waiting = late.send("AUTH.CREDENTIALS")
    sim.run(1)
    early.go_on()
    sim.run(0.5)
    assert sim.record["turn"] == 1
    sim.run(10)
    assert sim.record["turn"] == 2
    assert sim.record["credentials"]["refreshToken"] == max(sim.server.families[0].tokens)
    assert name_of(waiting.value) == "ann"


# -- users ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["sub", "iss"])
def test_a_refresh_for_another_user_ends_the_session(sim: Sim, what: str) -> None:
    tab, other = all_signed_in(sim, 2)
    if what == "sub":
        sim.server.changed_user = "eve"
    else:
        sim.server.issuer = "https://evil.example"
    sim.run(LATE)
    assert tab.pushed() == other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    assert sim.record is None
    assert tab.register() == NOBODY
    sim.run(5)
    assert sim.server.families[0].over == "revoked"


def test_no_token_of_another_user_is_pushed_before_that_is_told(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    tab.stop()
    other.sign_out()
    other.sign_in("eve")
    sim.run(HOURS)
    tab.go_on()
    sim.run(40)
    assert tab.pushes[0] == {"type": "AUTH.SESSION_CHANGED", "payload": user("eve")}
    assert tab.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_user_and_company_of_a_refresh_replace_the_old_ones(sim: Sim) -> None:
    tab = signed_in(sim)

    def answer(sent: Message) -> Answered:
        status, body = sim.server.rotate(sent)
        return status, body | {"currentUser": {"name": "Ann"}, "company": {"name": "new"}}

    sim.server.answers = [answer]
    sim.run(LATE)
    found = tab.credentials()["payload"]
    assert (found["currentUser"], found["company"]) == ({"name": "Ann"}, {"name": "new"})
    sim.run(900)
    assert tab.credentials()["payload"]["currentUser"] == {"name": "Ann"}


# -- half an answer -------------------------------------------------------------------------------


def test_without_a_new_refresh_token_the_old_one_stays(sim: Sim) -> None:
    sim.server.no_refresh_token = True
    tab = signed_in(sim)
    sim.run(3 * 815)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 3
    assert len({body["refreshToken"] for body in sim.server.sent("/refresh")}) == 1


def test_a_refresh_token_that_can_be_read_is_kept_whatever_the_rest(sim: Sim) -> None:
    tab = signed_in(sim)
    old = sim.record["credentials"]

    def half(sent: Message) -> Answered:
        status, body = sim.server.rotate(sent)
        return status, {"credentials": {"refreshToken": body["credentials"]["refreshToken"]}}

    sim.server.answers = [half] * 3
    while not sim.refreshes():
        sim.run(1)
    sim.run(0.4)
    assert sim.record["credentials"]["idToken"] == old["idToken"]
    assert sim.record["credentials"]["refreshToken"] != old["refreshToken"]
    assert tab.credentials()["payload"]["credentials"]["idToken"] == old["idToken"]
    sim.run(60)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert sim.server.reused == []


def test_the_error_goes_to_who_waits_once_the_old_token_has_expired(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)

    def half(sent: Message) -> Answered:
        status, body = sim.server.rotate(sent)
        return status, {"credentials": {"refreshToken": body["credentials"]["refreshToken"]}}

    sim.server.answers = [half]
    reply = tab.credentials()
    assert code_of(reply) == "BACKEND_INVALID"
    assert reply["meta"] == {"source": "bus", "status": 200}
    assert tab.register()["payload"] == user("ann")


@pytest.mark.parametrize("refused", [True, False])
def test_a_record_that_changes_while_a_result_is_written(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    tab = signed_in(sim)
    real = tab.store.swap
    calls = []

    async def swap(origin: str, old: str | None, new: str | None) -> bool:
        calls.append(new)
        if len(calls) == 2:  # the first is the mark
            record = sim.record
            text = json.dumps(record | {"active": record["active"] + 1})
            sim.partitions["example.com"].texts[HOST] = text
        return await real(origin, old, new)

    monkeypatch.setattr(tab.store, "swap", swap)
    if refused:
        sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert len(calls) == 3
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED" if refused else "TOKEN_REFRESHED"]
    assert (sim.record is None) is refused
    assert sim.refreshes() == 1


def test_a_refresh_with_a_legacy_token_is_invalid(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.server.answers = [lambda _: (200, {"credentials": {"legacy_token": "MARK"}})]
    assert code_of(tab.credentials()) == "BACKEND_INVALID"
    sim.run(10)
    both = {"idToken": "a", "refreshToken": "b", "legacy_token": "c"}
    sim.server.answers = [lambda _: (200, {"credentials": both})]
    assert code_of(tab.credentials()) == "BACKEND_INVALID"
    assert sim.record["credentials"]["refreshToken"] == "b"


# -- words from other tabs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"kind":"DIE","origin":"x"}', word(LOOK, "https://x.example", "")],
)
def test_words_that_are_none_do_no_harm(sim: Sim, text: str) -> None:
    tab = signed_in(sim)
    tab.loop.call_soon(tab.session.heard, text)
    sim.run(1)
    assert tab.pushes == []
    assert name_of(tab.credentials()) == "ann"


def test_an_end_in_another_tab_ends_no_session_of_this_one_alone_in_memory(sims: Sims) -> None:
    sim = sims(persist="memory", max_age_days=1)
    tab, other = sim.tab(), sim.tab()
    tab.sign_in("ann")
    tab.init()
    other.init()
    sim.run(HOURS)
    other.sign_in("bob")
    sim.server.families[0].over = "theft"
    sim.run(900)
    assert tab.pushed()[-1] == "REFRESH_TOKEN_EXPIRED"
    assert other.pushed() == ["TOKEN_REFRESHED"]
    assert name_of(other.credentials()) == "bob"


def test_a_session_that_went_on_in_memory_ends_with_that_in_the_store(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    tab.store.fails = {"read"}
    sim.run(31)
    tab.store.fails = {"read", "swap", "erase"}
    other.sign_in("eve")
    sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    assert code_of(tab.credentials()) == "NO_SESSION"
    assert name_of(other.credentials()) == "eve"


def test_hearing_of_the_end_of_what_is_in_memory_too(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    tab.store.fails = {"read"}
    sim.run(31)
    tab.destroy()
    sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    assert tab.register() == NOBODY


def test_a_second_session_after_a_refusal(sim: Sim) -> None:
    tab = signed_in(sim)
    sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    tab.sign_in("ann")
    sim.run(LATE)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert tab.ask("AUTH.SSO", SSO)["type"] == "AUTH.SSO_FULFILLED"


def test_the_end_of_a_session_is_told_once_also_where_another_tab_begins_the_next(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert tab.pushed() == other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    tab.sign_in("eve")
    sim.run(1)
    assert other.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_the_word_of_an_end_may_come_after_the_record_has_gone(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    tab.channel.slow = other.channel.slow = 0.05
    sim.server.families[0].over = "theft"
    sim.run(LATE)
    assert tab.pushed() == other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    tab.sign_in("ann")
    sim.run(1)
    assert other.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]
    tab.channel.slow = 0
    tab.send("AUTH.SIGN_OUT")
    sim.run(0.05)
    assert other.pushed() == ["SESSION_CHANGED"]  # its word is not waited for


def test_a_user_who_comes_back_to_a_tab_does_not_end_its_wait_for_that_word(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    tab.channel.slow = other.channel.slow = 0.05
    sim.server.families[0].over = "theft"
    sim.run(800)
    while sim.record:
        sim.run(0.001)
    for _ in range(20):  # the page is visible, it has the focus, the browser is online
        for each in (tab, other):
            each.session.wake()
        sim.run(0.002)
    sim.run(1)
    assert tab.pushed()[-1:] == other.pushed()[-1:] == ["REFRESH_TOKEN_EXPIRED"]


def test_an_end_and_a_new_session_while_this_tab_was_frozen(sim: Sim) -> None:
    tab, other = all_signed_in(sim, 2)
    sim.server.families[0].over = "theft"
    sim.run(800)
    while sim.record:
        sim.run(0.001)
    sim.run(0.003)
    other.sign_in("eve")
    sim.run(5)
    assert tab.pushed()[-2:] == ["SESSION_CHANGED", "TOKEN_REFRESHED"]
