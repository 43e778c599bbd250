"""The session: its content, its storage, its pushes, and its replies (protocol.md, "The session").

`test_sentences.py` says which sentence each test covers.
"""

import gc
import json
from typing import Any

import pytest

from bus.exchange.json_session import JsonSession
from bus.messages import GetCredentials, SignOut
from bus.session.record import VERSION
from tests.unit.session.asking import NOBODY, SSO, code_of, name_of, user
from tests.unit.session.server import API
from tests.unit.session.tokens import Message
from tests.unit.session.world import DAYS, HOST, HOURS, OTHER_HOST, Sim, Sims, Tab, settings

# -- what it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["sso", "password"])
def test_a_sign_in_makes_a_session(sim: Sim, way: str) -> None:
    tab = sim.tab()
    if way == "sso":
        tab.sign_in("ann")
    else:
        tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "ann@example.com", "password": "MARK-p"})
    assert sim.tab().register()["payload"] == user("ann")
    record = sim.record
    assert record["origin"] == HOST
    assert record["signed_in"] == round(
        sim.server.now * 1000 - (sim.server.now * 1000 - record["signed_in"])
    )
    assert record["company"] == {"name": "MARK-company"}


def test_a_second_sign_in_replaces_the_first_which_is_not_revoked(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    first = sim.record["generation"]
    tab.sign_in("ann")
    assert sim.record["generation"] != first
    tab.sign_in("eve")
    assert tab.register()["payload"] == user("eve")
    assert "/revoke" not in sim.server.paths()


def test_a_sign_in_that_fails_leaves_the_one_before(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    assert tab.sign_in("refused")["type"] == "AUTH.SSO_REJECTED"
    assert tab.register()["payload"] == user("ann")


def test_two_that_share_an_exchange_make_one_session(sim: Sim) -> None:
    tab = sim.tab()
    replies = [tab.send("AUTH.SSO", SSO, id=id_) for id_ in ("1", "2")]
    sim.run(5)
    assert [name_of(reply.value) for reply in replies] == ["ann", "ann"]
    assert len(sim.server.families) == 1


def test_two_hosts_on_one_site_have_a_session_each(sim: Sim) -> None:
    one, other = sim.tab(HOST), sim.tab(OTHER_HOST)
    for tab in (one, other):
        tab.init()
    one.sign_in("ann")
    sim.run(1)
    assert other.pushed() == []
    assert other.register() == NOBODY
    assert code_of(other.credentials()) == "NO_SESSION"
    other.sign_in("bob")
    assert sim.tab(HOST).register()["payload"] == user("ann")
    other.sign_out()
    sim.run(1)
    assert one.pushed() == []
    assert name_of(one.credentials()) == "ann"


def test_the_same_host_on_another_site_has_a_session_of_its_own(sim: Sim) -> None:
    sim.tab(site="one").sign_in("ann")
    assert sim.tab(site="two").register() == NOBODY


def test_no_request_needs_register_before_it(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    tab = sim.tab()
    assert name_of(tab.credentials()) == "ann"
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"


def test_broadcasts_carry_no_tokens(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab()
    for tab in (one, two):
        tab.init()
    one.sign_in("ann")
    sim.run(2 * HOURS)
    one.sign_out()
    words = sim.partitions["example.com"].words
    assert {json.loads(text)["kind"] for text in words} == {"LOOK", "OUT"}
    assert not [text for text in words if "MARK" in text or "ann" in text or "ey" in text]


# -- where it stands ------------------------------------------------------------------------------


def test_nothing_else_is_stored(sim: Sim) -> None:
    tab = sim.tab()
    tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "ann@example.com", "password": "MARK-password"})
    tab.send("AUTH.SSO", SSO | {"codeVerifier": "MARK-verifier-" + "v" * 40})
    tab.register()
    sim.run(20 * 60)
    [(origin, text)] = sim.partitions["example.com"].texts.items()
    assert origin == HOST
    for secret in ("MARK-password", "ann@example", "ann/1", "verifier", "MARK-app"):
        assert secret not in text
    assert set(json.loads(text)) <= {
        "version", "origin", "generation", "maker", "signed_in", "expires", "active", "credentials", "user",
        "company", "turn", "arrival", "life", "skew", "asked", "mark", "pause",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"store_fails": {"origins", "read", "swap", "erase"}}, "fails"),
        ({"store_fails": {"swap"}}, "fails"),
        ({"store_fails": {"read", "swap"}}, "fails"),
        ({"store_hangs": True}, "does not answer"),
        ({"store_forgets": True}, "does not keep what is written"),
    ],
    ids=str,
)
def test_where_storage_cannot_be_had_memory_serves(
    sim: Sim, fault: dict[str, Any], why: str
) -> None:
    tab = sim.tab(**fault)
    tab.init()
    assert name_of(tab.sign_in("ann")) == "ann"
    sim.run(HOURS)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 4
    assert name_of(tab.credentials()) == "ann"
    assert tab.kept == [f"the browser's storage {why}"]
    assert f"session: kept in memory, {tab.kept[0]}" in tab.lines
    assert sim.tab().register() == NOBODY
    if "store_hangs" not in fault:
        assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
        assert tab.register() == NOBODY


def test_hanging_storage_delays_the_first_answer_by_two_seconds(sim: Sim) -> None:
    tab = sim.tab(store_hangs=True)
    began = sim.clock.time
    tab.register()
    assert sim.clock.time - began == pytest.approx(2, abs=0.01)
    began = sim.clock.time
    tab.register()
    assert sim.clock.time == began


def test_in_memory_each_tab_has_a_session_that_ends_with_its_page(sims: Sims) -> None:
    sim = sims(persist="memory")
    one, two = sim.tab(), sim.tab()
    one.sign_in("ann")
    two.sign_in("bob")
    assert name_of(one.credentials()) == "ann"
    assert one.kept == ["the settings say so"]
    assert sim.partitions["example.com"].texts == {}
    one.close()
    assert sim.tab().register() == NOBODY


def test_storage_that_fails_while_a_session_is_there_leaves_it_in_memory(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    tab.init()
    assert tab.kept == [""]
    tab.store.fails = {"read", "swap", "erase", "origins"}
    assert name_of(tab.credentials()) == "ann"
    assert tab.kept == ["", "the browser's storage fails"]
    sim.run(HOURS)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 4
    assert "session: what is stored cannot be deleted" in tab.lines


def test_a_new_pair_that_cannot_be_written_deletes_the_record_and_memory_goes_on(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.sign_in("ann")
    tab.init()
    other.register()
    other.init()
    sim.run(1)
    other.pushed()
    # The mark can be written, the pair cannot.
    sim.net.faults = lambda url: setattr(tab.store, "fails", {"swap"})
    other.stop()
    sim.run(850)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert sim.record is None
    assert name_of(tab.credentials()) == "ann"
    other.go_on()
    sim.run(60)
    assert other.pushed() == ["SESSION_CHANGED"]
    sim.run(HOURS)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 4


def stored(sim: Sim, **changes: object) -> dict[str, str]:
    sim.tab().sign_in("ann")
    texts = sim.partitions["example.com"].texts
    texts[HOST] = json.dumps(sim.record | changes)
    return texts


def test_a_record_of_a_newer_version_is_left_alone_and_no_session(sim: Sim) -> None:
    texts = stored(sim, version=VERSION + 1)
    before = texts[HOST]
    tab = sim.tab()
    tab.init()
    assert tab.register() == NOBODY
    assert code_of(tab.credentials()) == "NO_SESSION"
    sim.run(HOURS)
    assert texts[HOST] == before
    assert tab.kept == [""]
    assert name_of(tab.sign_in("bob")) == "bob"
    assert tab.kept == ["", "a newer version of the bus has stored a session"]
    assert name_of(tab.credentials()) == "bob"
    assert texts[HOST] == before
    tab.sign_out()
    assert texts == {}


def test_a_record_of_a_newer_version_that_has_gone_is_no_obstacle(sim: Sim) -> None:
    texts = stored(sim, version=VERSION + 1)
    tab = sim.tab()
    sim.run(1)  # by then it has read that record
    del texts[HOST]
    assert name_of(tab.sign_in("bob")) == "bob"
    assert tab.kept == [""]
    assert sim.record["user"]["name"] == "bob"


UNUSABLE = {
    "not JSON": "{",
    "no object": "[]",
    "of no version": {"version": None},
    "of version 0": {"version": 0},
    "tampered credentials": {"credentials": {"idToken": ""}},
    "two shapes": {"credentials": {"idToken": "a", "refreshToken": "b", "legacy_token": "c"}},
    "a key too many": {"more": 1},
    "no generation": {"generation": None},
    "a time that is none": {"expires": "1"},
    "another provider": {"maker": {"provider": "oidc", "issuer": "https://idp.example.com"}},
    "another refresh_url": {
        "maker": {"provider": "json", "refresh_url": "https://old.example.com"}
    },
    "expired": {"expires": 1_600_000_000_000},
    "under another origin": {"origin": OTHER_HOST},
}


@pytest.mark.parametrize("change", UNUSABLE.values(), ids=UNUSABLE)
def test_a_record_that_is_none_here_is_deleted_at_start(sim: Sim, change: str | Message) -> None:
    texts = stored(sim) if isinstance(change, str) else stored(sim, **change)
    if isinstance(change, str):
        texts[HOST] = change
    sim.tab()
    sim.run(1)
    assert texts == {}


def test_a_record_for_an_origin_that_is_no_longer_allowed_is_deleted_at_start(sim: Sim) -> None:
    texts = stored(sim)
    texts["https://old.example.com"] = json.dumps(
        sim.record | {"origin": "https://old.example.com"}
    )
    before = texts[HOST]
    sim.tab()
    sim.run(1)
    assert texts == {HOST: before}


@pytest.mark.parametrize("change", UNUSABLE.values(), ids=UNUSABLE)
def test_a_record_that_is_tampered_with_later_is_no_session_either(
    sim: Sim, change: str | Message
) -> None:
    tab = sim.tab()
    texts = stored(sim)
    texts[HOST] = change if isinstance(change, str) else json.dumps(sim.record | change)
    assert code_of(tab.credentials()) == "NO_SESSION"
    sim.tab()
    sim.run(1)
    assert texts == {}


def test_a_tab_leaves_the_session_of_a_bus_with_other_settings_alone(sim: Sim) -> None:
    """An old tab, open while the settings change: only a start deletes what is none there."""
    tab = sim.tab()
    tab.init()
    texts = stored(sim)
    texts[HOST] = json.dumps(sim.record | UNUSABLE["another refresh_url"])
    assert code_of(tab.credentials()) == "NO_SESSION"
    sim.run(HOURS)
    assert len(texts) == 1


def test_a_sign_in_replaces_a_record_that_is_none_here(sim: Sim) -> None:
    tab = sim.tab()
    stored(sim)[HOST] = "no record"
    tab.sign_in("ann")
    assert name_of(tab.credentials()) == "ann"


def test_a_record_gone_without_word_is_a_sign_out(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    tab.init()
    sim.partitions["example.com"].texts.clear()
    sim.run(31)
    assert tab.pushes == [(message := {"type": "AUTH.SESSION_CHANGED", "payload": {"user": None}})]
    assert message
    assert code_of(tab.credentials()) == "NO_SESSION"


def test_the_record_is_read_before_every_answer(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab(channel_missing=True)
    one.channel.missing = True
    one.sign_in("ann")
    assert name_of(two.credentials()) == "ann"
    one.sign_in("eve")
    assert name_of(two.credentials()) == "eve"
    assert two.register()["payload"] == user("eve")
    one.sign_out()
    assert code_of(two.credentials()) == "NO_SESSION"
    assert two.register() == NOBODY


def test_the_record_is_read_when_the_page_returns_from_the_cache(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab()
    one.sign_in("ann")
    two.register()
    two.init()
    sim.run(1)
    two.pushed()
    two.cache()
    one.sign_out()
    one.sign_in("eve")
    sim.run(10)
    two.restore()
    sim.run(0.1)
    assert two.pushes[0]["payload"] == user("eve")
    assert two.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_what_waits_for_an_answer_when_the_page_is_cached_gets_none_of_an_old_session(
    sim: Sim,
) -> None:
    one, two = sim.tab(), sim.tab()
    one.sign_in("ann")
    before = two.send("AUTH.CREDENTIALS", id="1")
    two.loop.call_soon(two.bus.hide)
    two.loop.call_soon(two.session.hide)
    sim.run(0)
    during = two.send("AUTH.CREDENTIALS", id="2")
    sim.run(1)
    two.stop()
    one.sign_out()
    two.restore()
    sim.run(1)
    assert code_of(before.value) == "PAGE_HIDDEN"
    assert code_of(during.value) == "NO_SESSION"


# -- REGISTER -------------------------------------------------------------------------------------


def test_register_compares_the_origin(sim: Sim) -> None:
    tab = sim.tab()
    for origin in (OTHER_HOST, HOST + "/", HOST.upper(), "", "*"):
        payload = {"origin": origin, "appName": "a", "release": "r"}
        reply = tab.ask("BUS.REGISTER", payload)
        assert code_of(reply) == "ORIGIN_MISMATCH"
        assert reply["meta"] == {"source": "bus"}


def test_register_says_whose_session_there_is_without_the_network(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    sim.set_online(False)
    sim.run(HOURS)
    tab = sim.tab()
    began = sim.clock.time
    assert tab.register(id="7") == {
        "type": "BUS.REGISTER_FULFILLED",
        "id": "7",
        "payload": user("ann"),
        "meta": {"source": "bus"},
    }
    assert sim.clock.time - began < 0.05
    assert len(sim.server.requests) == 1


def test_register_asked_again_answers_what_holds_then(sim: Sim) -> None:
    tab = sim.tab()
    assert tab.register() == NOBODY
    tab.sign_in("ann")
    assert tab.register()["payload"] == user("ann")
    sim.tab().sign_in("eve")
    assert tab.register()["payload"] == user("eve")
    tab.sign_out()
    assert tab.register() == NOBODY


# -- INIT and DESTROY -----------------------------------------------------------------------------


def test_init_starts_the_refresh_and_the_pushes(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(2 * HOURS)
    assert sim.refreshes() == 0
    assert tab.pushes == []
    tab.init()
    sim.run(2 * HOURS)
    assert sim.refreshes() == 9
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 9


def test_the_reply_of_init_comes_first_and_waits_for_no_network(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    sim.run(HOURS)
    sim.net.delay = 10
    tab = sim.tab()
    began = sim.clock.time
    assert tab.init(id="1") == {"type": "BUS.INIT_FULFILLED", "id": "1", "meta": {"source": "bus"}}
    assert sim.clock.time - began < 0.05
    assert tab.pushes == []
    sim.run(11)
    assert tab.pushed() == ["TOKEN_REFRESHED"]


def test_with_a_session_at_hand_init_pushes_its_tokens_once(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    tab = sim.tab()
    tab.register()
    tab.init()
    sim.run(60)
    [push] = tab.pushes
    assert push == {"type": "AUTH.TOKEN_REFRESHED", "payload": sim.record["credentials"]}
    assert sim.refreshes() == 0


def test_init_refreshes_first_if_need_be(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    sim.run(850)
    tab = sim.tab()
    tab.init()
    sim.run(60)
    [push] = tab.pushes
    assert push["payload"] == sim.record["credentials"]
    assert sim.refreshes() == 1


def test_init_pushes_the_old_tokens_where_the_refresh_fails(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    sim.run(850)
    sim.set_online(False)
    tab = sim.tab()
    tab.init()
    sim.run(20)
    assert [push["payload"] for push in tab.pushes] == [sim.record["credentials"]]
    sim.set_online(True)
    sim.run(10)
    assert tab.pushed() == ["TOKEN_REFRESHED"] * 2


def test_tokens_that_have_expired_are_not_pushed(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    sim.run(HOURS)
    sim.set_online(False)
    tab = sim.tab()
    tab.init()
    sim.run(20 * 60)
    assert tab.pushes == []


def test_unknown_services_are_passed_over(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    for services in ([], ["auth", "NOPE", ""]):
        assert tab.ask("BUS.INIT", {"services": services})["type"] == "BUS.INIT_FULFILLED"
    sim.run(HOURS)
    assert tab.pushes == []
    assert tab.window.kept == set()
    tab.init()
    assert tab.ask("BUS.DESTROY", {"services": ["NOPE"]})["type"] == "BUS.DESTROY_FULFILLED"
    sim.run(HOURS)
    assert tab.pushed()


def test_init_holds_through_sign_outs_and_sign_ins(sim: Sim) -> None:
    tab = sim.tab()
    tab.init()
    for _ in range(2):
        tab.sign_in("ann")
        sim.run(850)
        assert tab.pushed() == ["TOKEN_REFRESHED"]
        tab.sign_out()
        sim.run(HOURS)
        assert tab.pushed() == []


def test_a_second_init_doubles_nothing(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    tab = sim.tab()
    for _ in range(3):
        tab.init()
        sim.run(1)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    sim.run(850)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert sim.refreshes() == 1


def test_pushes_go_to_the_port_that_came_with_init(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    tab = sim.tab()
    reply = tab.send("BUS.INIT", {"services": ["AUTH"]}, port=True)
    sim.run(1)
    assert tab.window.kept == {reply.number}
    assert [number for number, _ in tab.window.pushes] == [reply.number]


def test_the_latest_init_counts_and_its_port_gets_the_tokens_once(sim: Sim) -> None:
    sim.tab().sign_in("ann")
    tab = sim.tab()
    numbers = []
    for port in (True, True, False, True):
        numbers.append(tab.send("BUS.INIT", {"services": ["AUTH"]}, port=port).number)
        sim.run(1)
    assert [number for number, _ in tab.window.pushes] == numbers
    assert tab.window.kept == {numbers[-1]}
    assert tab.window.closed == numbers[:-1]


def test_destroy_stops_timers_and_pushes_and_keeps_the_session(sim: Sim) -> None:
    tab = sim.tab()
    tab.init(port=True)
    tab.sign_in("ann")
    assert tab.destroy() == {"type": "BUS.DESTROY_FULFILLED", "meta": {"source": "bus"}}
    assert tab.window.kept == set()
    sim.run(2 * HOURS)
    assert tab.pushes == []
    assert sim.refreshes() == 0
    assert tab.loop.next_timer is None
    assert name_of(tab.credentials()) == "ann"
    assert tab.destroy()["type"] == "BUS.DESTROY_FULFILLED"
    tab.init()
    sim.run(1)
    assert tab.pushed() == ["TOKEN_REFRESHED"]


def test_no_push_without_init(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.register()
    other.sign_in("ann")
    other.init()
    sim.run(HOURS)
    other.sign_out()
    sim.run(1)
    assert tab.pushes == []


# -- pushes ---------------------------------------------------------------------------------------


def test_each_new_pair_is_pushed_once_in_each_tab(sim: Sim) -> None:
    tabs = [sim.tab() for _ in range(3)]
    for tab in tabs:
        tab.init()
    tabs[0].sign_in("ann")
    sim.run(1)
    for tab in tabs:
        tab.pushed()
    for n in range(1, 5):
        sim.run(820)
        assert sim.refreshes() == n
        for tab in tabs:
            [push] = tab.pushes
            assert push["payload"] == sim.record["credentials"]
            tab.visible()
            tab.pushed()


def test_not_to_the_tab_whose_own_sign_in_brought_it(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    for each in (tab, other):
        each.init()
    tab.sign_in("ann")
    sim.run(10)
    assert tab.pushed() == []
    assert other.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_nor_where_init_comes_after_it(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    tab.init()
    sim.run(10)
    assert tab.pushed() == []


def test_a_sign_in_in_another_tab_is_told_before_any_token(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.sign_in("ann")
    tab.init()
    other.sign_in("eve")
    sim.run(1)
    assert tab.pushes == [
        {"type": "AUTH.SESSION_CHANGED", "payload": user("eve")},
        {"type": "AUTH.TOKEN_REFRESHED", "payload": sim.record["credentials"]},
    ]


def test_also_where_it_came_between_register_and_init(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.register()
    other.sign_in("eve")
    tab.init()
    sim.run(1)
    assert tab.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]


def test_pushes_have_no_id_and_no_meta(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    tab.init(id="1")
    other.sign_in("ann")
    sim.run(1)
    other.sign_out()
    sim.run(1)
    other.sign_in("ann")
    sim.server.answers = [lambda _: (401, {"error": "no"})]
    sim.run(HOURS)
    kinds = {push["type"]: set(push) for push in tab.pushes}
    assert kinds == {
        "AUTH.SESSION_CHANGED": {"type", "payload"},
        "AUTH.TOKEN_REFRESHED": {"type", "payload"},
        "AUTH.REFRESH_TOKEN_EXPIRED": {"type"},
    }


# -- CREDENTIALS ----------------------------------------------------------------------------------


def test_credentials_that_are_good_are_given_at_once(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.net.online = False
    reply = tab.credentials(id="1")
    assert reply == {
        "type": "AUTH.CREDENTIALS_FULFILLED",
        "id": "1",
        "payload": {
            "credentials": sim.record["credentials"],
            "currentUser": {"name": "ann"},
            "company": {"name": "MARK-company"},
            "expiresAt": sim.record["arrival"] + 900_000,
        },
        "meta": {"source": "bus"},
    }


def test_where_nobody_is_signed_in_there_is_no_session(sim: Sim) -> None:
    reply = sim.tab().credentials()
    assert code_of(reply) == "NO_SESSION"
    assert reply["meta"] == {"source": "bus"}


@pytest.mark.parametrize(
    ("age", "need", "refreshed"),
    [
        (800, None, False), (820, None, True), (880, 0, False), (895, 10, True), (500, 600, True),
        (440, 600, False), (295, 600, False), (839, 60, False), (841, 60, True), (901, 0, True),
    ],
)  # fmt: skip
def test_credentials_are_good_for_as_long_as_was_asked_or_half_their_life(
    sim: Sim, age: int, need: int | None, refreshed: bool
) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(age)
    reply = tab.credentials(need)
    assert sim.refreshes() == refreshed
    assert reply["payload"]["credentials"] == sim.record["credentials"]


def test_a_request_refreshes_at_most_once_however_short_lived_the_result(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(899)
    sim.net.delay = 10
    sim.server.life = 2
    reply = tab.credentials(600)
    assert reply["payload"]["credentials"] == sim.record["credentials"]
    assert sim.refreshes() == 1


def test_if_the_refresh_fails_the_old_ones_are_given_until_they_expire_then_the_error(
    sim: Sim,
) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(850)
    sim.server.answers = [lambda _: (503, {"error": "down"})] * 99
    old = sim.record["credentials"]
    assert tab.credentials()["payload"]["credentials"] == old
    assert sim.refreshes() == 1
    sim.run(60)
    reply = tab.credentials()
    assert reply["payload"]["error"] == {"error": "down"}
    assert reply["meta"] == {"source": "backend", "status": 503}
    assert sim.refreshes() == 2


def test_during_a_pause_nothing_is_sent_and_the_answer_comes_at_once(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.run(HOURS)
    sim.server.answers = [lambda _: (429, {"error": "slow"}, "600")]
    tab.credentials()
    began = sim.clock.time
    for _ in range(50):
        assert tab.credentials()["payload"]["error"] == {"error": "slow"}
    assert sim.clock.time - began < 1
    assert sim.refreshes() == 1
    reply = sim.tab().credentials()
    assert code_of(reply) == "BACKEND_ERROR"
    assert sim.refreshes() == 1


def test_waiting_and_refreshing_together_keep_the_time_limit(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab()
    one.sign_in("ann")
    sim.run(HOURS)
    sim.net.hang_answers = 9
    first = one.send("AUTH.CREDENTIALS")
    sim.run(7)
    began = sim.clock.time
    reply = two.credentials()
    assert code_of(reply) == "BACKEND_TIMEOUT"
    assert sim.clock.time - began <= 15.1
    assert code_of(first.value) == "BACKEND_TIMEOUT"


def test_expires_at_is_arrival_and_life_by_this_clock(sim: Sim) -> None:
    sim.clock_error = 5 * HOURS
    tab = sim.tab()
    reply = tab.sign_in("ann")
    assert reply["type"] == "AUTH.SSO_FULFILLED"
    found = tab.credentials()
    assert found["payload"]["expiresAt"] == sim.record["arrival"] + 900_000
    assert abs(found["payload"]["expiresAt"] - (sim.now() + 900) * 1000) < 1000


def test_an_opaque_token_lives_fifteen_minutes_and_its_subject_is_not_compared(sim: Sim) -> None:
    sim.server.opaque = True
    sim.server.life = 60
    tab = sim.tab()
    tab.init()
    tab.sign_in("ann")
    assert tab.credentials()["payload"]["expiresAt"] == sim.record["arrival"] + 900_000
    sim.run(850)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    sim.server.opaque, sim.server.changed_user, sim.server.life = False, "eve", 900
    sim.run(850)
    assert tab.pushed() == ["TOKEN_REFRESHED"]


def test_legacy_credentials_are_kept_and_restored_and_never_refreshed_or_pushed(sim: Sim) -> None:
    tab = sim.tab()
    tab.init()
    tab.sign_in("legacy")
    other = sim.tab()
    assert other.register()["payload"] == user("legacy")
    other.init()
    sim.run(2 * HOURS)
    assert tab.pushes == other.pushes == []
    assert sim.refreshes() == 0
    assert other.credentials(600)["payload"] == {
        "credentials": {"legacy_token": "MARK-legacy"},
        "currentUser": {"name": "legacy"},
        "company": {"name": "MARK-company"},
    }
    sim.sleep(90 * DAYS)
    assert tab.pushed() == other.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    tab.sign_in("legacy")
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert "/revoke" not in sim.server.paths()


# -- SIGN_OUT -------------------------------------------------------------------------------------


def test_sign_out_erases_revokes_and_is_fulfilled(sim: Sim) -> None:
    tab = sim.tab()
    tab.init()
    tab.sign_in("ann")
    token = sim.record["credentials"]["refreshToken"]
    assert tab.sign_out(id="1") == {
        "type": "AUTH.SIGN_OUT_FULFILLED",
        "id": "1",
        "payload": {},
        "meta": {"source": "bus"},
    }
    assert sim.record is None
    assert sim.server.sent("/revoke") == [{"refreshToken": token}]
    assert code_of(tab.credentials()) == "NO_SESSION"
    sim.run(HOURS)
    assert tab.pushes == []


def test_it_erases_before_it_revokes(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.net.delay = 10
    reply = tab.send("AUTH.SIGN_OUT")
    sim.run(1)
    assert reply.value is None
    assert sim.record is None


def test_sign_out_where_there_was_no_session(sim: Sim) -> None:
    tab = sim.tab()
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert sim.server.requests == []


def test_sign_out_is_fulfilled_where_the_revocation_fails(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.set_online(False)
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert "session: a refresh token could not be revoked" in tab.lines


def test_sign_out_where_the_backend_has_nowhere_to_revoke(sims: Sims) -> None:
    sim = sims(revoke_url=None)
    tab = sim.tab()
    tab.sign_in("ann")
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert sim.server.paths() == ["/exchange"]


def test_sign_out_where_nothing_can_be_erased_is_rejected(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    tab.store.fails = {"erase"}
    assert code_of(tab.sign_out()) == "INTERNAL"
    tab.store.fails = None
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    tab.reports.clear()


SIGN_INS: list[tuple[str, Message]] = [
    ("AUTH.SSO", SSO),
    ("AUTH.EMAIL_AND_PASSWORD", {"email": "eve@example.com", "password": "p"}),
]


@pytest.mark.parametrize("outs", [1, 2])
def test_sign_out_calls_off_the_sign_ins_in_flight(sim: Sim, outs: int) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.net.delay = 5
    replies = [tab.send(type_, payload) for type_, payload in SIGN_INS]
    sim.run(1)
    for _ in range(outs):
        tab.send("AUTH.SIGN_OUT")
    sim.run(30)
    assert [code_of(reply.value) for reply in replies] == ["CANCELLED"] * 2
    assert sim.record is None
    assert tab.register() == NOBODY


@pytest.mark.parametrize("steps", range(0, 40, 2))
def test_whenever_a_sign_out_comes_no_sign_in_survives_it(sim: Sim, steps: int) -> None:
    tab = sim.tab()
    signing = tab.send("AUTH.SSO", SSO)
    sim.run(0.09 + steps / 2000)
    was_in = signing.value is not None
    out = tab.send("AUTH.SIGN_OUT")
    sim.run(5)
    assert out.value["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert was_in or code_of(signing.value) == "CANCELLED"
    assert sim.record is None
    assert [family.over for family in sim.server.families] in (["revoked"], [""], [])


def step_by_step(sim: Sim, tab: Tab, steps: int) -> None:
    """Run until the answer to a sign-in has arrived, then `steps` steps of the page's loop."""
    sim.net.halts = True
    sim.run(5)
    assert sim.clock.time < 1
    sim.net.halts = False
    for _ in range(steps):
        if tab.loop.can_run:
            tab.loop.step()
        else:
            sim.run(0.0003)


@pytest.mark.parametrize("name", ["ann", "legacy"])
@pytest.mark.parametrize("cancelled", [True, False])
@pytest.mark.parametrize("steps", range(40))
def test_at_whatever_step_a_sign_out_comes(
    sim: Sim, steps: int, cancelled: bool, name: str
) -> None:
    tab = sim.tab()
    sim.run(0.05)
    signing = tab.send("AUTH.SSO", SSO | {"code": f"{name}/1"}, id="1")
    step_by_step(sim, tab, steps)
    out = tab.send("AUTH.SIGN_OUT")
    if cancelled:
        for _ in range(steps % 4):
            tab.loop.step()
        tab.send("BUS.CANCEL", {"id": "1"})
    sim.run(5)
    assert out.value["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert signing.value is not None
    assert sim.record is None
    assert tab.register() == NOBODY
    if signing.value["type"] == "AUTH.SSO_REJECTED":
        assert code_of(signing.value) == "CANCELLED"


@pytest.mark.parametrize("apart", range(8))
def test_of_two_sign_ins_at_once_one_makes_the_session(sim: Sim, apart: int) -> None:
    tab, other = sim.tab(), sim.tab()
    sim.run(1)
    signing = [tab.send("AUTH.SSO", SSO)]
    sim.run(apart / 2000)
    signing.append(other.send("AUTH.SSO", SSO | {"code": "eve/1"}))
    sim.run(5)
    assert [name_of(each.value) for each in signing] == ["ann", "eve"]
    assert tab.register() == other.register()
    assert name_of(tab.credentials()) == sim.record["user"]["name"]


def test_a_sign_in_in_flight_in_another_tab_is_not_called_off(sim: Sim) -> None:
    tab, other = sim.tab(), sim.tab()
    sim.net.delay = 5
    signing = other.send("AUTH.SSO", SSO)
    tab.sign_out()
    sim.run(10)
    assert name_of(signing.value) == "ann"
    assert tab.register()["payload"] == user("ann")


def test_other_tabs_hear_of_a_sign_out(sim: Sim) -> None:
    tab, other, deaf = sim.tab(), sim.tab(), sim.tab()
    tab.sign_in("ann")
    for each in (other, deaf):
        each.register()
        each.init()
    sim.run(1)
    deaf.channel.missing = True
    for each in (other, deaf):
        each.pushed()
    tab.init()
    tab.sign_out()
    sim.run(1)
    assert tab.pushes == []
    assert other.pushes == [{"type": "AUTH.SESSION_CHANGED", "payload": {"user": None}}]
    sim.run(30)
    assert deaf.pushed() == ["SESSION_CHANGED"]
    sim.run(HOURS)
    assert other.pushed() == ["SESSION_CHANGED"]


def test_a_sign_out_reaches_the_tabs_that_are_in_memory(sims: Sims) -> None:
    sim = sims(persist="memory")
    tab, other = sim.tab(), sim.tab()
    tab.sign_in("ann")
    other.sign_in("ann")
    other.init()
    tab.sign_out()
    sim.run(1)
    assert other.pushed() == ["SESSION_CHANGED"]
    assert code_of(other.credentials()) == "NO_SESSION"
    assert [family.over for family in sim.server.families] == ["revoked"] * 2


def test_a_sign_out_that_is_given_up_goes_on(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    sim.net.delay = 4
    reply = tab.send("AUTH.SIGN_OUT", id="1")
    tab.send("BUS.CANCEL", {"id": "1"})
    sim.run(10)
    assert code_of(reply.value) == "CANCELLED"
    assert sim.record is None
    assert sim.server.families[0].over == "revoked"


@pytest.mark.parametrize("out", [False, True])
def test_a_sign_in_that_is_given_up_is_nobodys_defect(sim: Sim, out: bool) -> None:
    tab = sim.tab()
    for type_, payload in SIGN_INS:
        signing = tab.send(type_, payload, id="1")
        sim.run(0.05)
        if out:
            tab.send("AUTH.SIGN_OUT")
        tab.send("BUS.CANCEL", {"id": "1"})
        sim.run(5)
        assert code_of(signing.value) == "CANCELLED"
    gc.collect()
    assert tab.unheard == []


@pytest.mark.parametrize("steps", range(0, 40, 2))
def test_a_sign_in_that_is_cancelled_makes_no_session(sim: Sim, steps: int) -> None:
    tab = sim.tab()
    tab.sign_in("eve")
    before = sim.record
    signing = tab.send("AUTH.SSO", SSO, id="1")
    sim.run(0.09 + steps / 2000)
    was_in = signing.value is not None
    tab.send("BUS.CANCEL", {"id": "1"})
    sim.run(5)
    if not was_in:
        assert code_of(signing.value) == "CANCELLED"
        assert sim.record == before
    assert name_of(tab.credentials()) == ("ann" if was_in else "eve")


def test_json_gives_no_logout_url(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    assert tab.sign_out()["payload"] == {}


def test_a_provider_says_where_its_own_session_ends(sim: Sim) -> None:
    tab = sim.tab()

    class Provider(JsonSession):
        async def logout_url(self) -> str:
            return "https://idp.example.com/logout?client_id=x"

    assert tab.around is not None
    real = tab.around.backend
    assert isinstance(real, JsonSession)
    tab.around.backend = Provider(real.refresh_url, real.revoke_url, real.post, real.now)
    url = "https://idp.example.com/logout?client_id=x"
    assert tab.sign_out()["payload"] == {"logoutUrl": url}


# -- passwords ------------------------------------------------------------------------------------


def test_a_password_signs_in_as_a_code_does(sim: Sim) -> None:
    tab = sim.tab()
    reply = tab.ask(
        "AUTH.EMAIL_AND_PASSWORD", {"email": "ann@example.com", "password": "MARK-p"}, id="1"
    )
    assert reply["type"] == "AUTH.EMAIL_AND_PASSWORD_FULFILLED"
    assert reply["meta"] == {"source": "backend", "status": 200}
    assert name_of(reply) == "ann"
    assert sim.server.sent("/sign-in") == [{"email": "ann@example.com", "password": "MARK-p"}]


def test_a_password_that_is_refused(sim: Sim) -> None:
    tab = sim.tab()
    reply = tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "refused@a", "password": "p"})
    assert reply["payload"] == {"error": {"error": "no"}}
    assert reply["meta"] == {"source": "backend", "status": 400}


def test_two_sign_ins_with_the_same_address_are_two_exchanges(sim: Sim) -> None:
    tab = sim.tab()
    asked = {"email": "ann@example.com", "password": "p"}
    replies = [tab.send("AUTH.EMAIL_AND_PASSWORD", asked) for _ in range(2)]
    sim.run(5)
    assert [name_of(reply.value) for reply in replies] == ["ann"] * 2
    assert len(sim.server.sent("/sign-in")) == 2


def test_a_password_needs_no_session(sim: Sim) -> None:
    table = settings().model_copy(update={"session": None})
    tab = sim.tab(table=table)
    assert name_of(tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "ann@a", "password": "p"})) == "ann"
    for type_ in ("BUS.REGISTER", "BUS.INIT", "BUS.DESTROY", "AUTH.CREDENTIALS", "AUTH.SIGN_OUT"):
        assert code_of(tab.ask(type_)) == "UNKNOWN_TYPE"
    assert sim.partitions["example.com"].texts == {}


def test_without_its_settings_no_password_is_taken(sim: Sim) -> None:
    tab = sim.tab(table=settings().model_copy(update={"password": None}))
    assert (
        code_of(tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "a@b", "password": "p"}))
        == "UNKNOWN_TYPE"
    )
    assert GetCredentials in tab.services.handlers
    assert SignOut in tab.services.handlers


@pytest.mark.parametrize(
    ("type_", "payload", "field"),
    [
        ("BUS.REGISTER", {"origin": HOST, "appName": "", "release": "r"}, "appName"),
        ("BUS.REGISTER", {"origin": HOST, "appName": "a", "release": "r" * 129}, "release"),
        ("BUS.REGISTER", {"origin": 1, "appName": "a", "release": "r"}, "origin"),
        ("BUS.INIT", {"services": "AUTH"}, "services"),
        ("BUS.INIT", {"services": ["A"] * 65}, "services"),
        ("BUS.DESTROY", {}, "services"),
        ("AUTH.CREDENTIALS", {"minValiditySeconds": -1}, "minValiditySeconds"),
        ("AUTH.CREDENTIALS", {"minValiditySeconds": 601}, "minValiditySeconds"),
        ("AUTH.CREDENTIALS", {"minValiditySeconds": None}, "minValiditySeconds"),
        ("AUTH.CREDENTIALS", {"minValiditySeconds": True}, "minValiditySeconds"),
        ("AUTH.CREDENTIALS", {"more": 1}, "more"),
        ("AUTH.SIGN_OUT", {"more": 1}, "more"),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "MARK", "password": "p"}, "email"),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "a@b\n", "password": "p"}, "email"),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "a" * 250 + "@b.ex", "password": "p"}, "email"),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "a@b", "password": ""}, "password"),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "a@b", "password": "MARK" * 257}, "password"),
    ],
)
def test_fields(sim: Sim, type_: str, payload: Message, field: str) -> None:
    tab = sim.tab()
    reply = tab.ask(type_, payload)
    assert code_of(reply) == "INVALID_PAYLOAD"
    assert reply["payload"]["error"]["details"][0]["loc"][0] == field
    assert "MARK" not in json.dumps(reply)
    assert sim.server.requests == []


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("BUS.REGISTER", {"origin": HOST, "appName": "a" * 128, "release": "r"}),
        ("BUS.INIT", {"services": ["A"] * 64}),
        ("BUS.INIT", {"services": []}),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "ann+x@exa-mple.co", "password": "\U0001f600"}),
        ("AUTH.EMAIL_AND_PASSWORD", {"email": "ann@" + "b" * 63, "password": "p" * 1024}),
    ],
)
def test_fields_that_fit(sim: Sim, type_: str, payload: Message) -> None:
    assert sim.tab().ask(type_, payload)["type"] == type_ + "_FULFILLED"


def test_nothing_of_a_sign_in_by_password_shows(sim: Sim) -> None:
    tab = sim.tab()
    for fault in (
        None,
        lambda url: "request",
        lambda url: (500, b"MARK"),
        lambda url: (200, {"MARK": 1}),
    ):
        sim.net.faults = fault
        reply = tab.ask("AUTH.EMAIL_AND_PASSWORD", {"email": "MARK@a.ex", "password": "MARK-p"})
        if fault:
            assert "MARK" not in json.dumps(reply)
    assert tab.settings.password is not None
    assert API in tab.settings.password.sign_in_url
