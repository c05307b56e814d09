"""The checker finds each violation in evidence that was made up, and none in a run that kept all promises."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.chaos.checker import RULES, check
from tests.chaos.effects import one_call_for_one_cause
from tests.chaos.evidence import Asked, Evidence, Mail, Shown
from tests.unit.chaos.good_run import ADA, BAD, ONE, TWO, call, change, document, good, told


def test_kept_promises_have_no_violation() -> None:
    assert check(good()) == []


def without_document(evidence: Evidence) -> None:
    evidence.documents.pop()


def without_request_event(evidence: Evidence) -> None:
    evidence.told = [one for one in evidence.told if (one.installation, one.seq) != (ONE, 1)]


def two_ids_for_one_key(evidence: Evidence) -> None:
    evidence.asked.append(Asked("install", ADA, 202, TWO, f"key-{ONE}"))


def two_outcomes(evidence: Evidence) -> None:
    evidence.told.append(told(ONE, 3, "InstallFailed", 50))
    change(evidence, ONE, seq=3)


def outcome_without_event(evidence: Evidence) -> None:
    evidence.told = [one for one in evidence.told if (one.installation, one.seq) != (ONE, 2)]


def event_against_document(evidence: Evidence) -> None:
    change(evidence, ONE, outcome="failed", state="FAILED", cleanup="owed", due_at=evidence.gathered_at)


def one_id_two_facts(evidence: Evidence) -> None:
    evidence.told.append(told(ONE, 2, "InstallFailed", 50))


def wrong_order(evidence: Evidence) -> None:
    evidence.told = [replace(one, offset=-one.offset) for one in evidence.told]


def outcome_first(evidence: Evidence) -> None:
    seqs = {"InstallRequested": 2, "AddOnInstalled": 1}
    evidence.told = [
        replace(one, seq=seqs.get(one.type, one.seq)) if one.installation == ONE else one for one in evidence.told
    ]


def requested_twice(evidence: Evidence) -> None:
    evidence.told = [
        replace(one, type="InstallRequested") if one.type == "AddOnUninstalled" else one for one in evidence.told
    ]


def a_gap(evidence: Evidence) -> None:
    change(evidence, ONE, seq=4)


def event_of_nobody(evidence: Evidence) -> None:
    evidence.told.append(told("9" * 24, 1, "InstallRequested", 50))


def removed_untold(evidence: Evidence) -> None:
    evidence.told = [one for one in evidence.told if one.type != "AddOnUninstalled"]
    change(evidence, TWO, seq=2)


def cancel_without_effect(evidence: Evidence) -> None:
    evidence.asked.append(Asked("cancel", ADA, 202, ONE))


def uninstall_without_effect(evidence: Evidence) -> None:
    evidence.asked.append(Asked("uninstall", ADA, 202, ONE))


def still_pending(evidence: Evidence) -> None:
    evidence.documents.append(document("4" * 24, state="CHECKING", outcome="pending", seq=0))


def forgotten_clean_up(evidence: Evidence) -> None:
    change(evidence, BAD, cleanup="owed")


def unsent(evidence: Evidence) -> None:
    change(evidence, ONE, outbox=[{"id": "x"}])


def internal_error(evidence: Evidence) -> None:
    evidence.asked.append(Asked("install", ADA, 500, "", "key"))


def dead_letter(evidence: Evidence) -> None:
    evidence.dead_letters.append("installer handler-bug")


def two_alive(evidence: Evidence) -> None:
    change(evidence, TWO, addon_key=ONE, live=True, generation=2)


def generation_twice(evidence: Evidence) -> None:
    change(evidence, TWO, addon_key=ONE)


def never_confirmed(evidence: Evidence) -> None:
    evidence.calls[0].status = None


def other_bytes(evidence: Evidence) -> None:
    evidence.calls[4].digest = "others"


def id_of_another(evidence: Evidence) -> None:
    evidence.calls[0].webhook_id = f"{TWO}-INSTALLED-9"


def nothing_taken_back(evidence: Evidence) -> None:
    evidence.calls = [one for one in evidence.calls if one.kind != "DELETED"]


def installed_after_deleted(evidence: Evidence) -> None:
    evidence.calls.append(call(BAD, "INSTALLED", 1, 9.0, None))


def next_before_clean_up(evidence: Evidence) -> None:
    change(evidence, ONE, addon_key=TWO, generation=2)


def mailed_twice(evidence: Evidence) -> None:
    evidence.mails.append(Mail("ada@x", "<3>", frozenset({BAD})))


def never_mailed(evidence: Evidence) -> None:
    evidence.mails.pop(1)


def mails_that_differ(evidence: Evidence) -> None:
    evidence.mails.append(Mail("ada@x", "<1>", frozenset({ONE})))


def counts_too_many(evidence: Evidence) -> None:
    evidence.mails[1] = replace(evidence.mails[1], rest=2)


def state_untold(evidence: Evidence) -> None:
    change(evidence, ONE, state_marked_at=evidence.gathered_at)


def call_without_end(evidence: Evidence) -> None:
    change(evidence, ONE, call={"kind": "INSTALLED"})


def overdue(evidence: Evidence) -> None:
    change(evidence, ONE, due_at=evidence.gathered_at - timedelta(minutes=5))


def newest_state_missing(evidence: Evidence) -> None:
    del evidence.states[ONE][5]


def one_version_two_states(evidence: Evidence) -> None:
    evidence.states[ONE][1].add(Shown(1, "CHECKING", "pending"))


def state_of_another(evidence: Evidence) -> None:
    evidence.states[ONE][5] = evidence.states[TWO][5]


def feed_with_a_gap(evidence: Evidence) -> None:
    evidence.feed = [one for one in evidence.feed if one[1:] != (TWO, 2)]


def feed_out_of_order(evidence: Evidence) -> None:
    evidence.feed.reverse()


def feed_of_nobody(evidence: Evidence) -> None:
    evidence.feed.append(("x", "9" * 24, 1))


def snapshot_of_before(evidence: Evidence) -> None:
    evidence.snapshot[TWO] = Shown(2, "INSTALLED", "installed")


def snapshot_of_nobody(evidence: Evidence) -> None:
    evidence.snapshot["9" * 24] = evidence.snapshot[ONE]


def call_of_nobody(evidence: Evidence) -> None:
    evidence.calls.append(call("9" * 24, "INSTALLED", 1, 9.0))


def new_id_for_each_attempt(evidence: Evidence) -> None:
    evidence.calls += [call(ONE, "INSTALLED", 2, 1.5), call(ONE, "INSTALLED", 3, 1.7)]


def deleted_again_and_again(evidence: Evidence) -> None:
    evidence.calls += [call(TWO, "DELETED", number, 5.0 + number) for number in (3, 4)]


def taken_from_the_living(evidence: Evidence) -> None:
    evidence.calls.append(call(ONE, "DELETED", 2, 9.0))


def another_partition(evidence: Evidence) -> None:
    evidence.told = [replace(one, partition=one.seq) for one in evidence.told]


def mailed_to_a_stranger(evidence: Evidence) -> None:
    evidence.mails.append(Mail("mallory@x", "<3>", frozenset({ONE})))


@pytest.mark.parametrize(
    ("spoil", "verdict", "rule"),
    [
        (without_document, "lost", "accepted_is_known"),
        (without_request_event, "lost", "accepted_is_known"),
        (two_ids_for_one_key, "doubled", "one_key_one_installation"),
        (two_outcomes, "doubled", "one_outcome"),
        (outcome_without_event, "lost", "one_outcome"),
        (event_against_document, "doubled", "one_outcome"),
        (one_id_two_facts, "doubled", "one_id_one_content"),
        (wrong_order, "broken", "events_in_order"),
        (a_gap, "lost", "events_in_order"),
        (outcome_first, "broken", "events_tell_a_story"),
        (requested_twice, "broken", "events_tell_a_story"),
        (event_of_nobody, "broken", "events_in_order"),
        (removed_untold, "broken", "uninstalled_is_told"),
        (cancel_without_effect, "lost", "orders_are_followed"),
        (uninstall_without_effect, "lost", "orders_are_followed"),
        (still_pending, "stranded", "nothing_is_stranded"),
        (forgotten_clean_up, "stranded", "nothing_is_stranded"),
        (unsent, "stranded", "nothing_is_stranded"),
        (state_untold, "stranded", "nothing_is_stranded"),
        (call_without_end, "stranded", "nothing_is_stranded"),
        (overdue, "stranded", "nothing_is_stranded"),
        (newest_state_missing, "lost", "state_is_told"),
        (one_version_two_states, "doubled", "state_is_told"),
        (state_of_another, "broken", "state_is_told"),
        (feed_with_a_gap, "lost", "feed_tells_all"),
        (feed_out_of_order, "broken", "feed_tells_all"),
        (feed_of_nobody, "doubled", "feed_tells_all"),
        (snapshot_of_before, "lost", "snapshot_is_the_state"),
        (snapshot_of_nobody, "doubled", "snapshot_is_the_state"),
        (internal_error, "broken", "requests_are_answered"),
        (dead_letter, "broken", "nothing_is_set_aside"),
        (two_alive, "doubled", "one_lives"),
        (generation_twice, "doubled", "one_lives"),
        (never_confirmed, "lost", "installed_was_confirmed"),
        (other_bytes, "doubled", "attempts_are_alike"),
        (id_of_another, "broken", "attempts_are_alike"),
        (nothing_taken_back, "lost", "ended_was_taken_back"),
        (installed_after_deleted, "lost", "ended_was_taken_back"),
        (next_before_clean_up, "broken", "next_waits_for_the_last"),
        (mailed_twice, "doubled", "everybody_hears_once"),
        (never_mailed, "lost", "everybody_hears_once"),
        (mails_that_differ, "doubled", "everybody_hears_once"),
        (counts_too_many, "doubled", "everybody_hears_once"),
        (mailed_to_a_stranger, "broken", "nobody_else_hears"),
        (call_of_nobody, "doubled", "calls_are_of_installations"),
        (new_id_for_each_attempt, "doubled", "one_call_for_one_cause"),
        (deleted_again_and_again, "doubled", "one_call_for_one_cause"),
        (taken_from_the_living, "doubled", "nothing_is_taken_from_the_living"),
        (another_partition, "broken", "a_pair_has_one_partition"),
    ],
)
def test_every_violation_is_found(spoil: Callable[[Evidence], None], verdict: str, rule: str) -> None:
    evidence = good()
    spoil(evidence)

    assert (verdict, rule) in {(one.verdict, one.rule) for one in check(evidence)}


def test_a_further_call_now_and_then_has_a_cause_and_one_for_each_installation_has_none() -> None:
    """What every uninstall does twice was no late INSTALLED of one."""
    evidence = good()
    some = [f"{number:024x}" for number in range(100, 200)]
    evidence.documents += [document(one, workspace_id=one) for one in some]
    for further, ids in ((False, some[:95]), (True, some[95:])):
        for one in ids:
            evidence.calls.append(call(one, "DELETED", 2, 9.0))
            evidence.calls += [call(one, "INSTALLED", 1, 1.0)] + [call(one, "DELETED", 3, 9.5)] * further
    assert list(one_call_for_one_cause(evidence)) == []

    evidence.calls += [call(one, "DELETED", 3, 9.5) for one in some[:20]]
    assert [verdict for verdict, _, _ in one_call_for_one_cause(evidence)] == ["doubled"]


def test_every_rule_is_tried() -> None:
    (marked,) = test_every_violation_is_found.pytestmark  # type: ignore[attr-defined] # set by pytest's decorator

    assert {case[2] for case in marked.args[1]} == set(RULES)
