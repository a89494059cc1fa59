"""Each wrong variant breaks a promise: the machine has no hole where it sits."""

from __future__ import annotations

import random

import pytest

from .planted import VARIANTS
from .seeds import first_violation

pytestmark = pytest.mark.usefixtures("machine_stage")

# For each variant a seed that shows it, and the promise that it breaks there.
RECORDED: dict[str, tuple[int, str]] = {
    "no_fence": (28, "only_the_newest_fence_writes"),
    "lease_not_checked": (25, "claimed_only_when_free"),
    "send_before_save": (47, "sent_is_saved"),
    "memo_without_attempt": (0, "memo_names_the_attempt"),
    "floor_lowered_on_retry": (221, "attempts_keep_the_floor"),
    "enqueue_before_commit": (24, "jobs_name_committed_orders"),
    "cancel_by_sub_select": (75, "one_live_attempt"),
    "sign_again_on_timeout": (5, "only_one_can_land"),
    "status_before_height": (38, "only_one_can_land"),
    "wall_clock_instead_of_height": (29, "only_one_can_land"),
    "one_endpoint_trusted": (77, "only_one_can_land"),
    "null_taken_for_dead": (5, "only_one_can_land"),
    "error_at_processed_taken_for_final": (37, "only_one_can_land"),
    "subscribe_after_replay": (15, "clients_see_the_table"),
    "message_forwarded_without_row": (15, "clients_see_each_event_once"),
}
EACH = pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.__name__)
MOST_SEEDS = 3_000


@EACH
def test_a_planted_bug_is_caught(variant):
    seed, promise = RECORDED[variant.__name__]

    with variant():
        assert first_violation([seed]) == (seed, promise)


@pytest.mark.prove
@pytest.mark.timeout(0)
@EACH
def test_a_planted_bug_is_caught_from_fresh_seeds(variant):
    first = random.SystemRandom().randrange(10**9)

    with variant():
        seed, promise = first_violation(range(first, first + MOST_SEEDS))

    count = seed - first + 1
    print(f"{variant.__name__}: seed {seed}, number {count}: {promise}")  # noqa: T201
