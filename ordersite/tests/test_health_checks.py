"""How the checks of /readyz are made: within a time, once a second, by one thread."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from ordersite import health
from ordersite.lately import Lately

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_found_yet"),
]


def test_a_check_that_hangs_does_not_hold_up_the_answer():
    hanging = threading.Event()

    def hang() -> dict[str, health.Result]:
        hanging.wait(30)
        return {}

    def ok() -> dict[str, health.Result]:
        return {"review": health.Result(True, "0")}

    started_at = time.monotonic()
    results = health.run_checks({"slow": hang, "redis": hang, "review": ok}, 0.2)
    hanging.set()

    assert time.monotonic() - started_at < 2
    late = "no answer within 0.2 s"
    assert results["slow"] == health.Result(False, late)
    assert results["redis"] == health.Result(False, late, needed=False)
    assert results["review"].ok


def test_who_asks_again_within_a_second_is_told_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    looks: list[int] = []
    answer = {"review": health.Result(True, "0")}

    def look() -> dict[str, health.Result]:
        looks.append(1)
        return answer

    monkeypatch.setattr(health, "CHECKS", {"review": look})

    assert {client.get("/readyz").status_code for _ in range(50)} == {200}
    assert len(looks) == 1


def test_while_one_thread_looks_the_others_are_told_what_was_found_before():
    begun, go_on = threading.Event(), threading.Event()
    found = iter([1, 2])

    def look() -> int:
        value = next(found)
        if value == 2:
            begun.set()
            go_on.wait(30)
        return value

    lately = Lately(look, fresh_s=0, look_s=60)
    assert lately.found() == 1
    with ThreadPoolExecutor(1) as other:
        second = other.submit(lately.found)
        assert begun.wait(30)
        assert lately.found() == 1
        go_on.set()
        assert second.result() == 2
