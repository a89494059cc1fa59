"""What operators read of orders that wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from execution import waiting_log
from execution.waiting_log import WaitingLog


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """What would be called after a while, for the test to call."""
    later: list[Callable[[], Any]] = []

    class Loop:
        def call_later(self, delay_s, call, *arguments):
            assert delay_s == waiting_log.QUIET_S
            later.append(lambda: call(*arguments))

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    return later


def test_of_many_orders_that_wait_for_one_thing_one_is_named_and_the_others_counted(
    turns, caplog
):
    log = WaitingLog()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            log.say("node", f"order {number}", "No node answers.")
        log.say("halt", "order 5", "Trading is halted.")
        for turn in turns:
            turn()
        log.say("node", "order 6", "No node answers.")

    assert caplog.messages == [
        "order 0 waits: No node answers.",
        "order 5 waits: Trading is halted.",
        "4 more orders waited: No node answers.",
        "order 6 waits: No node answers.",
    ]
