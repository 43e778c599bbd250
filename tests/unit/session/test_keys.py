"""Sessions whose refresh tokens are bound to keys: one key for each, kept where its record is."""

import json

import pytest

from tests.unit.fakes import FakeKey
from tests.unit.session.asking import NOBODY, code_of, user
from tests.unit.session.world import HOST, OTHER_HOST, Sim, Sims, Tab, settings

DUE_SECONDS = 820
"""When an ID token with a life of 900 seconds is refreshed."""


@pytest.fixture
def sim(sims: Sims) -> Sim:
    return sims(bound=True)


def used(tab: Tab) -> list[str]:
    """The public keys that a tab has refreshed with."""
    assert None not in tab.backend.bound
    return [each.key.jwk for each in tab.backend.bound if each]


def key_of(sim: Sim) -> str:
    """The public key that the store has for the session."""
    return sim.partitions["example.com"].keys[HOST, sim.record["generation"]].jwk


def test_without_it_no_session_has_a_key(sims: Sims) -> None:
    sim = sims()
    tab = sim.tab()
    tab.sign_in()
    tab.init()
    sim.run(DUE_SECONDS)
    assert sim.refreshes() == 1
    assert tab.around is not None
    assert tab.around.keys is None
    assert sim.keys == []


def test_all_tabs_refresh_with_the_key_of_the_sign_in(sim: Sim) -> None:
    one = sim.tab()
    one.sign_in()
    key = key_of(sim)
    two = sim.tab()
    for tab in (one, two):
        assert tab.register()["payload"] == user("ann")
    one.close()
    for again in (1, 2):
        sim.run(DUE_SECONDS)
        assert two.credentials(600)["type"] == "AUTH.CREDENTIALS_FULFILLED"
        assert used(two) == [key] * again
    assert sim.keys == [sim.record["generation"]]


def test_a_sign_in_makes_a_new_key_and_the_one_before_is_deleted(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in()
    first = key_of(sim)
    tab.sign_in()
    sim.run(1)
    assert sim.keys == [sim.record["generation"]]
    assert key_of(sim) != first
    sim.run(DUE_SECONDS)
    tab.credentials(600)
    assert used(tab) == [key_of(sim)]


def test_a_sign_in_that_fails_leaves_the_key_before(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in()
    tab.sign_in("refused")
    sim.run(1)
    assert sim.keys == [sim.record["generation"]]


def test_two_tabs_that_sign_in_at_once(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab()
    payload = {"redirectUrl": "https://app.example.com/cb"}
    replies = [
        tab.send("AUTH.SSO", {"code": f"{name}/1", **payload})
        for tab, name in ((one, "ann"), (two, "eve"))
    ]
    assert sim.clock.run(30, until=lambda: all(reply.value for reply in replies))
    sim.run(1)
    # Whichever came last: its record and its key fit, in both tabs.
    assert sim.record["generation"] in sim.keys
    key = key_of(sim)
    sim.run(DUE_SECONDS)
    one.credentials(600)
    sim.run(DUE_SECONDS)
    two.credentials(600)
    assert used(one) + used(two) == [key, key]


def test_a_sign_out_in_one_tab_takes_nothing_from_a_sign_in_in_another(sim: Sim) -> None:
    one, two = sim.tab(), sim.tab()
    ends = set()
    for delay in range(0, 140, 2):
        one.sign_in("ann")
        payload = {"code": f"eve/{delay}", "redirectUrl": "https://app.example.com/cb"}
        signing_in = two.send("AUTH.SSO", payload)
        sim.run(delay / 1000)
        one.sign_out()
        sim.run(2)
        assert signing_in.value["type"] == "AUTH.SSO_FULFILLED"
        assert sim.record is None or sim.record["generation"] in sim.keys
        ends.add(sim.record is None)
    assert ends == {True, False}


@pytest.mark.parametrize("how", ["sign-out", "refused", "age"])
def test_the_end_of_a_session_is_the_end_of_its_key(sim: Sim, how: str) -> None:
    tab = sim.tab()
    tab.sign_in()
    assert len(sim.keys) == 1
    if how == "sign-out":
        tab.sign_out()
    elif how == "refused":
        sim.server.families[-1].over = "revoked"
        sim.run(DUE_SECONDS)
        assert code_of(tab.credentials(600)) == "NO_SESSION"
    else:
        sim.run(91 * 86_400)
        assert tab.register() == NOBODY
    sim.run(1)
    assert sim.record is None
    assert sim.keys == []


def test_an_origin_that_is_no_longer_allowed_keeps_no_key(sim: Sim) -> None:
    sim.tab().sign_in()
    assert len(sim.keys) == 1
    table = settings().model_copy(update={"allowed_origins": (OTHER_HOST,)})
    sim.tab(OTHER_HOST, table=table)
    sim.run(1)
    assert sim.keys == []


def test_a_sign_in_that_is_given_up_while_it_is_written(sim: Sim) -> None:
    """At each moment: what is left is the session before or the new one, each with its own key."""
    left = set()
    for delay in range(95, 125):
        tab = sim.tab()
        tab.sign_in("ann")
        sim.run(1)
        payload = {"code": f"eve/{delay}", "redirectUrl": "https://app.example.com/cb"}
        tab.send("AUTH.SSO", payload, id="1")
        sim.run(delay / 1000)
        tab.send("BUS.CANCEL", {"id": "1"})
        sim.run(1)
        assert sim.keys == [sim.record["generation"]]
        left.add(sim.record["user"]["name"])
        tab.close()
    assert left == {"ann", "eve"}


def test_a_sign_in_that_is_given_up_takes_no_key_from_an_old_session(sim: Sim) -> None:
    """Keys that are older than an hour are deleted with a session that is over, but this one is not."""
    tab = sim.tab()
    tab.sign_in("ann")
    tab.init()
    sim.run(2 * 3600)
    tab.close()
    for delay in range(95, 125):
        tab = sim.tab()
        payload = {"code": f"eve/{delay}", "redirectUrl": "https://app.example.com/cb"}
        tab.send("AUTH.SSO", payload, id="1")
        sim.run(delay / 1000)
        tab.send("BUS.CANCEL", {"id": "1"})
        sim.run(1)
        assert (HOST, sim.record["generation"]) in sim.partitions["example.com"].keys
        tab.close()
        if sim.record["user"]["name"] == "eve":
            break
    else:
        pytest.fail("it was never too late")
    assert delay > 100


def test_a_sign_in_that_cannot_be_undone_keeps_its_key(sim: Sim) -> None:
    """Another tab has changed the record of a sign-in that was given up: it stays, and so does its key."""
    texts, changed = sim.partitions["example.com"].texts, 0
    for delay in range(95, 125):
        tab = sim.tab()
        payload = {"code": f"eve/{delay}", "redirectUrl": "https://app.example.com/cb"}
        signing = tab.send("AUTH.SSO", payload, id="1")
        sim.run(delay / 1000)
        was_in = HOST in texts
        tab.send("BUS.CANCEL", {"id": "1"})
        for _ in range(100):
            sim.run(0.0001)
            if HOST in texts and not was_in:
                texts[HOST] = json.dumps(sim.record | {"active": sim.record["active"] + 1})
                changed += 1
                break
        sim.run(1)
        assert signing.value is not None
        if HOST in texts:
            assert sim.keys == [sim.record["generation"]]
        tab.sign_out()
        tab.close()
    assert changed


def test_a_sign_out_while_the_key_is_written(sim: Sim) -> None:
    ends = set()
    for delay in range(95, 125):
        tab = sim.tab()
        payload = {"code": f"eve/{delay}", "redirectUrl": "https://app.example.com/cb"}
        signing_in = tab.send("AUTH.SSO", payload)
        sim.run(delay / 1000)
        tab.sign_out()
        sim.run(1)
        ends.add(signing_in.value["type"])
        assert (sim.record, sim.keys) == (None, [])
        tab.close()
    assert ends == {"AUTH.SSO_FULFILLED", "AUTH.SSO_REJECTED"}


# -- where it is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["forgets", "fails", "hangs"])
def test_a_store_that_keeps_no_keys(sim: Sim, how: str) -> None:
    tab = sim.tab()
    tab.register()
    if how == "forgets":
        tab.keys.forgets = True
    elif how == "fails":
        tab.keys.store.fails = {"keep"}
    else:
        tab.keys.store.hangs = True
    assert tab.sign_in()["type"] == "AUTH.SSO_FULFILLED"
    assert tab.kept == ["", "the browser's storage does not keep keys"]
    assert tab.lines == ["session: kept in memory, the browser's storage does not keep keys"]
    assert (sim.record, sim.keys) == (None, [])
    tab.init()
    sim.run(DUE_SECONDS)
    assert len(used(tab)) == 1
    assert tab.register()["payload"] == user("ann")
    assert sim.tab().register() == NOBODY


def test_a_store_that_is_refused_is_not_asked_to_delete_a_key(sim: Sim) -> None:
    tab = sim.tab()
    tab.store.fails = tab.keys.store.fails = {
        "keeps",
        "origins",
        "read",
        "swap",
        "erase",
        "find",
        "keep",
    }
    assert tab.sign_in()["type"] == "AUTH.SSO_FULFILLED"
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    sim.run(1)
    assert tab.lines == ["session: kept in memory, the browser's storage fails"]


def test_what_the_store_had_before_it_kept_no_keys_is_deleted(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in("ann")
    tab.keys.forgets = True
    tab.sign_in("eve")
    assert sim.record is None
    assert tab.register()["payload"] == user("eve")


def test_in_memory_by_the_settings(sims: Sims) -> None:
    sim = sims(bound=True, persist="memory")
    tab = sim.tab()
    tab.sign_in()
    tab.init()
    sim.run(DUE_SECONDS)
    assert len(used(tab)) == 1
    assert (sim.record, sim.keys) == (None, [])
    tab.sign_out()
    sim.run(1)
    assert tab.lines == []


def test_a_session_whose_key_is_gone_is_over(sim: Sim) -> None:
    sim.tab().sign_in()
    sim.partitions["example.com"].keys.clear()
    tab = sim.tab()
    tab.register()
    tab.init()
    sim.run(DUE_SECONDS)
    assert tab.pushed() == ["TOKEN_REFRESHED", "REFRESH_TOKEN_EXPIRED"]
    assert code_of(tab.credentials()) == "NO_SESSION"
    assert sim.record is None
    assert sim.refreshes() == 0  # nothing was sent that the provider would have to refuse
    assert tab.lines == ["session: over, because its key is gone"]


def test_a_store_that_gives_no_key_for_now(sim: Sim) -> None:
    sim.tab().sign_in()
    key = key_of(sim)
    tab = sim.tab()
    tab.keys.store.fails = {"find"}
    tab.init()
    sim.run(1000)
    assert code_of(tab.credentials()) == "INTERNAL"
    assert sim.refreshes() == 0
    tab.keys.store.fails = None
    sim.run(300)
    assert tab.credentials()["type"] == "AUTH.CREDENTIALS_FULFILLED"
    assert set(used(tab)) == {key}


def test_a_key_that_cannot_be_deleted(sim: Sim) -> None:
    tab = sim.tab()
    tab.sign_in()
    tab.keys.store.fails = {"erase"}
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    sim.run(1)
    assert sim.record is None
    assert tab.lines == ["session: a key cannot be deleted"]


def test_a_refresh_knows_how_wrong_this_clock_is(sim: Sim) -> None:
    sim.clock_error = -600.0
    tab = sim.tab()
    tab.sign_in()
    sim.run(DUE_SECONDS)
    tab.credentials(600)
    [bound] = tab.backend.bound
    assert bound is not None
    assert isinstance(bound.key, FakeKey)
    assert abs(bound.ahead_seconds - 600) < 2
