from __future__ import annotations

import random

import pytest
from django.utils import timezone

from execution import history
from execution.failures import Failure, backoff_ms, next_status
from orders.models import Order, Status

RETRYABLE = Failure("slippage_exceeded", "The pool moved.", retryable=True)
FINAL = Failure("insufficient_funds", "The wallet has too little.", retryable=False)


@pytest.mark.parametrize(
    ("cancel", "failure", "past", "attempt", "may_sign", "expected"),
    [
        (True, FINAL, True, 3, True, Status.CANCELLED),
        (False, FINAL, True, 3, True, Status.FAILED),
        (False, RETRYABLE, True, 3, True, Status.EXPIRED),
        (False, RETRYABLE, False, 3, True, Status.FAILED),
        (False, RETRYABLE, False, 2, True, Status.ROUTING),
        (False, RETRYABLE, False, 1, False, Status.FAILED),
    ],
)
def test_the_first_rule_that_holds_decides(
    cancel, failure, past, attempt, may_sign, expected
):
    order = Order(
        attempt=attempt, cancel_requested_at=timezone.now() if cancel else None
    )

    status = next_status(order, failure, is_past_deadline=past, may_sign=may_sign)

    assert status == expected


def test_the_back_off_doubles_with_a_quarter_of_jitter_up_to_eight_seconds():
    rng = random.Random(7)

    for attempt, base_ms in ((1, 500), (2, 1_000), (3, 2_000), (4, 4_000)):
        waits = [backoff_ms(attempt, rng) for _ in range(200)]
        assert base_ms * 3 // 4 <= min(waits) < base_ms < max(waits)
        assert max(waits) <= base_ms * 5 // 4
    assert all(backoff_ms(9, rng) <= 8_000 for _ in range(200))


def test_an_event_names_the_program_that_failed_where_one_is_known():
    named = Failure("slippage_exceeded", "x", True, "raydium", "ExceededSlippage")

    assert history.retried(Order(), named, 500)["error"] == {
        "code": "slippage_exceeded",
        "message": "x",
        "program": "raydium",
        "programError": "ExceededSlippage",
    }
    assert history.retried(Order(), FINAL, 500)["error"] == {
        "code": "insufficient_funds",
        "message": "The wallet has too little.",
    }
