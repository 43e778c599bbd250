"""Each sentence of protocol.md, "The session", and the tests that cover it.

A sentence that is proved elsewhere names the place: "edge" (bus/browser.py and early.js, in real browsers), "oidc" (the
refresh, revocation and logout of a provider), "backend" (the demo's). A sentence without tests is open.
"""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = set(
    re.findall(
        r"^(?:async )?def (test_\w+)", "\n".join(p.read_text() for p in HERE.glob("*.py")), re.M
    )
)

SENTENCES = {
    "intro": [
        ("Without [bus.session] the bus keeps nothing; that stays the default", "a_password_needs_no_session what_holds_where_nothing_is_said"),
        ("CREDENTIALS, SIGN_OUT, REGISTER, INIT, DESTROY are then not served", "a_password_needs_no_session what_is_served_depends_on_the_settings"),
        ("The settings, their ranges and defaults", "what_holds_where_nothing_is_said ranges each_problem_names_the_key the_guide_has_every_setting_with_its_default"),
        ("[bus.password] needs no [bus.session]; only with it EMAIL_AND_PASSWORD is served", "a_password_needs_no_session without_its_settings_no_password_is_taken"),
        ("Fields and their limits", "fields fields_that_fit"),
        ("No payload means that the key is not there", "register_asked_again_answers_what_holds_then the_reply_of_init_comes_first_and_waits_for_no_network"),
        ("Pushes have no id and no meta", "pushes_have_no_id_and_no_meta"),
        ("What comes from the record has meta.source bus", "credentials_that_are_good_are_given_at_once register_says_whose_session_there_is_without_the_network"),
    ],
    "What it is": [
        ("A sign-in that is fulfilled makes a new session", "a_sign_in_makes_a_session"),
        ("whoever it is; it replaces the one before, which is not revoked", "a_second_sign_in_replaces_the_first_which_is_not_revoked"),
        ("credentials, user, company, time of the sign-in, under the exact origin", "a_sign_in_makes_a_session nothing_else_is_stored"),
        ("a sign-in that fails leaves the one before", "a_sign_in_that_fails_leaves_the_one_before"),
        ("locks and broadcasts are per origin, and broadcasts carry no tokens", "broadcasts_carry_no_tokens the_lock_is_waited_for_five_seconds words_that_are_none_do_no_harm"),
        ("Two host origins on one site never share a session", "two_hosts_on_one_site_have_a_session_each an_hour_of_trouble"),
        ("No request needs REGISTER before it", "no_request_needs_register_before_it"),
    ],
    "Where": [
        ("In the partition (IndexedDB, tested by writing and reading back)", "where_storage_cannot_be_had_memory_serves edge"),
        ("where that cannot be had, hangs for 2 s, or with memory: in memory, and nothing fails", "where_storage_cannot_be_had_memory_serves hanging_storage_delays_the_first_answer_by_two_seconds storage_that_fails_while_a_session_is_there_leaves_it_in_memory"),
        ("each tab then has a session of its own, which ends with its page", "in_memory_each_tab_has_a_session_that_ends_with_its_page"),
        ("Nothing else is ever stored: no code, no password, no verifier", "nothing_else_is_stored"),
        ("The record carries its version, its expiry, a generation, and what made it", "nothing_else_is_stored"),
        ("One of a newer version is left alone and is no session here", "a_record_of_a_newer_version_is_left_alone_and_no_session a_record_of_a_newer_version_that_has_gone_is_no_obstacle a_newer_record_is_known_by_its_version_alone"),
        ("Unreadable, expired, made under another provider...: deleted at start", "a_record_that_is_none_here_is_deleted_at_start a_record_that_is_tampered_with_later_is_no_session_either a_tab_leaves_the_session_of_a_bus_with_other_settings_alone a_sign_in_replaces_a_record_that_is_none_here what_is_no_record"),
        ("or for an origin that is no longer allowed", "a_record_for_an_origin_that_is_no_longer_allowed_is_deleted_at_start"),
        ("A record gone without word is a sign-out in another tab", "a_record_gone_without_word_is_a_sign_out other_tabs_hear_of_a_sign_out"),
        ("The record is read before every answer and every push", "the_record_is_read_before_every_answer"),
        ("and when the page returns from the back-forward cache", "the_record_is_read_when_the_page_returns_from_the_cache what_waits_for_an_answer_when_the_page_is_cached_gets_none_of_an_old_session"),
    ],
    "REGISTER": [
        ("compares origin with the sender's (ORIGIN_MISMATCH)", "register_compares_the_origin"),
        ("restores what is there, and says whose it is; it needs no network", "register_says_whose_session_there_is_without_the_network"),
        ("Asked again, it answers what holds then", "register_asked_again_answers_what_holds_then"),
    ],
    "INIT and DESTROY": [
        ("INIT of AUTH starts the refresh and the pushes", "init_starts_the_refresh_and_the_pushes no_push_without_init"),
        ("Its reply comes first and waits for no network", "the_reply_of_init_comes_first_and_waits_for_no_network"),
        ("with a session at hand, TOKEN_REFRESHED follows once", "with_a_session_at_hand_init_pushes_its_tokens_once"),
        ("refreshed first if need be", "init_refreshes_first_if_need_be init_pushes_the_old_tokens_where_the_refresh_fails tokens_that_have_expired_are_not_pushed"),
        ("Unknown services are passed over", "unknown_services_are_passed_over"),
        ("It holds through sign-outs and sign-ins until DESTROY", "init_holds_through_sign_outs_and_sign_ins"),
        ("a second INIT doubles nothing", "a_second_init_doubles_nothing"),
        ("If it came with a port, pushes go to that port", "pushes_go_to_the_port_that_came_with_init edge"),
        ("the latest INIT counts, an earlier port is closed, the new one gets the tokens once", "the_latest_init_counts_and_its_port_gets_the_tokens_once"),
        ("Nothing that arrives on a port is read; pushes to a window have its exact origin", "edge"),
        ("DESTROY stops timers and pushes, keeps the session; requests keep working", "destroy_stops_timers_and_pushes_and_keeps_the_session"),
    ],
    "Pushes": [
        ("all need INIT of AUTH in that tab", "no_push_without_init"),
        ("Each new pair is pushed once in each tab, whoever fetched it", "each_new_pair_is_pushed_once_in_each_tab one_request_over_all_tabs_and_the_others_take_its_result"),
        ("but not to the tab whose own sign-in brought it", "not_to_the_tab_whose_own_sign_in_brought_it nor_where_init_comes_after_it"),
        ("A sign-in in another tab is told by SESSION_CHANGED before any token of it", "a_sign_in_in_another_tab_is_told_before_any_token also_where_it_came_between_register_and_init no_token_of_another_user_is_pushed_before_that_is_told"),
    ],
    "CREDENTIALS": [
        ("good for minValiditySeconds, or for half the token's life where that is less", "credentials_are_good_for_as_long_as_was_asked_or_half_their_life credentials_that_are_good_are_given_at_once"),
        ("a refresh first if need be, at most one, and its result is the answer", "a_request_refreshes_at_most_once_however_short_lived_the_result"),
        ("If the refresh fails, or is pausing: the old ones until they expire, then the last error, at once", "if_the_refresh_fails_the_old_ones_are_given_until_they_expire_then_the_error"),
        ("during a pause it sends nothing", "during_a_pause_nothing_is_sent_and_the_answer_comes_at_once"),
        ("Waiting and refreshing together keep the time limit", "waiting_and_refreshing_together_keep_the_time_limit"),
        ("expiresAt is arrival plus exp less iat by this browser's clock", "expires_at_is_arrival_and_life_by_this_clock a_clock_that_is_set_gives_out_no_dead_tokens"),
        ("no JWT: arrival plus 15 minutes; opaque: its subject is not compared", "an_opaque_token_lives_fifteen_minutes_and_its_subject_is_not_compared odd_times_in_a_token_do_no_harm"),
        ("Legacy credentials: kept, restored, never refreshed, never pushed", "legacy_credentials_are_kept_and_restored_and_never_refreshed_or_pushed"),
        ("NO_SESSION where nobody is signed in", "where_nobody_is_signed_in_there_is_no_session"),
    ],
    "Refresh": [
        ("One at a time, over all tabs", "one_request_over_all_tabs_and_the_others_take_its_result a_storm_of_credentials_in_all_tabs_is_one_request an_hour_of_trouble"),
        ("The record is marked before the request", "the_next_page_finds_the_mark_of_a_refresh_under_way"),
        ("a mark younger than the time limit is waited for, with or without the lock", "the_next_page_finds_the_mark_of_a_refresh_under_way one_request_over_all_tabs_and_the_others_take_its_result"),
        ("who has waited takes the result", "who_waited_takes_a_failure_too a_storm_of_credentials_in_all_tabs_is_one_request"),
        ("The lock is waited for at most 5 s and never stolen", "the_lock_is_waited_for_five_seconds"),
        ("no locks, or one is stuck: the mark and the record decide", "a_frozen_tab_hangs_nobody one_request_over_all_tabs_and_the_others_take_its_result"),
        ("read again before the request and before its result is kept", "refused_but_the_record_holds_other_tokens_by_then the_later_of_two_refreshes_of_one_token_holds the_earlier_of_two_that_comes_first_is_replaced"),
        ("a result for another generation is dropped, and revoked", "what_a_refresh_brings_for_another_generation_is_dropped_and_revoked a_refresh_in_flight_signs_nobody_in_again"),
        ("never lost on purpose: not aborted by CANCEL, hiding, freezing", "cancelling_a_request_does_not_abort_its_refresh hiding_or_freezing_the_page_does_not_lose_the_result"),
        ("a page that finds an old mark refreshes at once, margin or not", "a_page_that_finds_an_old_mark_refreshes_at_once_margin_or_not the_next_page_finds_the_mark_of_a_refresh_under_way"),
        ("The new pair is written before anybody is told", "a_new_pair_that_cannot_be_written_deletes_the_record_and_memory_goes_on"),
        ("if that cannot be done, the record is deleted and memory goes on", "a_new_pair_that_cannot_be_written_deletes_the_record_and_memory_goes_on"),
        ("looked at every 30 s while timers run; no timer is longer", "a_session_ends_by_age_and_no_timer_is_longer_than_thirty_seconds"),
        ("at once when the page is shown, resumes, or is online again", "after_a_night_of_sleep_the_tokens_are_fresh_within_one_tick edge"),
        ("iat gives the clock's error: no loop, no dead tokens", "a_wrong_clock_neither_loops_nor_gives_out_dead_tokens a_clock_that_is_set_gives_out_no_dead_tokens a_page_that_opens_after_the_clock_was_set_back_refreshes"),
        ("lateness of timers is no clock error", "lateness_of_timers_is_no_clock_error"),
    ],
    "The end": [
        ("by a definite refusal", "a_definite_refusal_ends_it_in_all_tabs"),
        ("by age", "a_session_ends_by_age_and_no_timer_is_longer_than_thirty_seconds no_refresh_ever_prolongs_a_session a_shorter_age_in_new_settings_holds"),
        ("by idleness", "idleness_ends_a_session_and_any_request_in_any_tab_puts_it_off refreshes_are_no_activity a_sign_in_that_fails_counts_as_activity"),
        ("legacy ones by the last two", "legacy_credentials_are_kept_and_restored_and_never_refreshed_or_pushed"),
        ("by a refresh that names another sub or iss", "a_refresh_for_another_user_ends_the_session"),
        ("erased in all tabs, REFRESH_TOKEN_EXPIRED once in each with INIT", "a_definite_refusal_ends_it_in_all_tabs hearing_of_the_end_of_what_is_in_memory_too"),
        ("a waiting CREDENTIALS gets NO_SESSION", "who_waits_gets_no_session_when_it_is_refused who_waits_for_credentials_when_the_session_ends_has_none"),
        ("json: 400, 401 or 403 with a JSON body", "a_definite_refusal_ends_it_in_all_tabs only_a_definite_refusal_ends_a_session"),
        ("oidc: the error invalid_grant", "oidc"),
        ("if the record holds other tokens by then, those are taken instead", "refused_but_the_record_holds_other_tokens_by_then"),
        ("Whether it is over is looked at before a request counts as activity", "whether_it_is_over_is_looked_at_before_a_request_counts"),
        ("All else leaves it", "only_a_definite_refusal_ends_a_session offline_is_not_signed_out"),
        ("One schedule, the same token: 1, 2, 4 ... 300 s, with jitter", "retries_come_on_one_schedule_with_the_same_token many_tabs_keep_one_schedule a_page_that_is_loaded_again_goes_on_with_the_schedule pauses_double_up_to_five_minutes_with_jitter"),
        ("Retry-After up to 3,600 s counts, also when online again", "retry_after_counts_also_when_online_again retry_after"),
        ("else at once when online again", "online_again_is_tried_at_once"),
        ("a lost answer to a rotation is asked for once more", "a_lost_answer_is_asked_for_once_more an_answer_that_never_comes_is_asked_for_once_more a_lost_answer_is_asked_for_even_where_the_old_token_is_good"),
        ("A 2xx whose refresh token can be read is kept, the old ID token stays, the error goes to who waits", "a_refresh_token_that_can_be_read_is_kept_whatever_the_rest the_error_goes_to_who_waits_once_the_old_token_has_expired"),
        ("A legacy_token there is BACKEND_INVALID", "only_a_definite_refusal_ends_a_session a_refresh_with_a_legacy_token_is_invalid"),
    ],
    "The backend": [
        ("POST refresh_url {refreshToken}; absent fields stay as they were", "user_and_company_of_a_refresh_replace_the_old_ones without_a_new_refresh_token_the_old_one_stays retries_come_on_one_schedule_with_the_same_token"),
        ("POST sign_in_url {email, password}: answers as the exchange does", "a_password_signs_in_as_a_code_does a_password_that_is_refused"),
        ("POST revoke_url {refreshToken}: any 2xx", "sign_out_erases_revokes_and_is_fulfilled"),
        ("no cookies, cache, referrer or redirects, one time limit", "waiting_and_refreshing_together_keep_the_time_limit edge"),
    ],
    "SIGN_OUT": [
        ("erases first, here and in every tab that can hear it", "it_erases_before_it_revokes other_tabs_hear_of_a_sign_out a_sign_out_reaches_the_tabs_that_are_in_memory"),
        ("Sign-ins in flight in this page are CANCELLED and make no session", "sign_out_calls_off_the_sign_ins_in_flight whenever_a_sign_out_comes_no_sign_in_survives_it a_sign_in_in_flight_in_another_tab_is_not_called_off"),
        ("A refresh in flight may finish, only so that its result is revoked", "a_refresh_in_flight_signs_nobody_in_again"),
        ("Then it revokes (best effort; a failure is said in the console)", "sign_out_is_fulfilled_where_the_revocation_fails sign_out_where_the_backend_has_nowhere_to_revoke"),
        ("then is fulfilled, also where there was no session", "sign_out_where_there_was_no_session"),
        ("Only FULFILLED promises it", "sign_out_where_nothing_can_be_erased_is_rejected a_sign_out_that_is_given_up_goes_on"),
        ("where Python cannot serve, the early listener erases before it rejects", "edge"),
        ("Other tabs with INIT hear SESSION_CHANGED {user: null}", "other_tabs_hear_of_a_sign_out"),
        ("logoutUrl is there only for oidc", "json_gives_no_logout_url a_provider_says_where_its_own_session_ends oidc"),
        ("Passwords and addresses are never stored, logged, or repeated", "nothing_else_is_stored nothing_of_a_sign_in_by_password_shows fields"),
        ("Two sign-ins with the same e-mail at once are two exchanges", "two_sign_ins_with_the_same_address_are_two_exchanges"),
    ],
}  # fmt: skip
ELSEWHERE = {"edge", "oidc", "backend"}


@pytest.mark.parametrize("part", SENTENCES)
def test_each_sentence_has_its_tests(part: str) -> None:
    for sentence, names in SENTENCES[part]:
        assert names, sentence
        for name in names.split():
            assert name in ELSEWHERE or f"test_{name}" in TESTS, (sentence, name)


def test_no_test_of_what_the_protocol_says_stands_for_nothing() -> None:
    named = {
        f"test_{name}" for part in SENTENCES.values() for _, names in part for name in names.split()
    }
    said = set(re.findall(r"^def (test_\w+)", (HERE / "test_session.py").read_text(), re.M))
    assert said - named <= {
        "test_two_that_share_an_exchange_make_one_session",
        "test_the_same_host_on_another_site_has_a_session_of_its_own",
        "test_a_sign_in_that_is_cancelled_makes_no_session",
        "test_a_sign_in_that_is_given_up_is_nobodys_defect",
        "test_at_whatever_step_a_sign_out_comes",
        "test_of_two_sign_ins_at_once_one_makes_the_session",
    }
