"""A database that stands still: every wait for it has an end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import aiohttp
import psutil
import pytest
from django.conf import settings
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from orders.errors import DatabaseUnavailable, OutcomeUnknown
from orders.models import Order
from orders.placing import place_order
from orders.tests.clients import PATH, order_text
from orders.tests.faults import frozen, frozen_database
from orders.tests.helpers import make_owner, make_token
from orders.tests.test_placing import make_request
from ordersite.postgres import base
from ordersite.postgres.base import Silence

from .web import WebProcess, web_process

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT_S = 1.0


@pytest.fixture(autouse=True)
def limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATABASE_TIMEOUT_S = LIMIT_S
    monkeypatch.setattr(base, "silence", Silence())


def ask(statement: str = "SELECT 1") -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def seconds_until_refused(statement: str = "SELECT 1") -> float:
    began = time.monotonic()
    with pytest.raises(OperationalError, match="did not answer"):
        ask(statement)
    return time.monotonic() - began


def test_a_frozen_database_is_given_up_after_the_limit_and_used_again_when_it_wakes():
    ask()
    with frozen_database():
        assert LIMIT_S <= seconds_until_refused() < LIMIT_S + 1
        connection.close()
    base.silence.answered()  # the pause is over

    assert ask() == 1


def test_after_one_that_waited_in_vain_the_next_is_refused_at_once():
    ask()
    with frozen_database():
        seconds_until_refused()
        connection.close()

        assert seconds_until_refused() < 0.1


def test_one_silent_connection_beside_one_that_answers_stops_nobody():
    def answered_meanwhile() -> None:
        time.sleep(LIMIT_S / 2)  # a moment within the wait of the other
        ask()
        connection.close()

    ask()
    other = Thread(target=answered_meanwhile)
    other.start()
    assert LIMIT_S <= seconds_until_refused("SELECT pg_sleep(3)") < LIMIT_S + 1
    other.join()
    connection.close()

    assert ask() == 1


def test_a_process_that_was_frozen_itself_does_not_blame_the_database():
    asked = "SELECT pg_sleep(20)"
    child = subprocess.Popen(
        [sys.executable, "-c", ASKS, asked],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_TIMEOUT_S": "1.5"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_asked(asked)
        with frozen(psutil.Process(child.pid)):
            time.sleep(3)  # the limit, and the second that tells
        said = child.communicate(timeout=30)[0]
    finally:
        child.kill()
        child.wait()

    assert "This process stood still" in said
    assert "did not answer" not in said
    assert said.endswith("still asks the others\n")


ASKS = """
import sys, django
django.setup()
from django.conf import settings
from django.db import OperationalError, connection
from ordersite.postgres.base import silence
try:
    connection.cursor().execute(sys.argv[1])
except OperationalError as error:
    print(error)
silence.refuse()
print("still asks the others")
"""


def wait_until_asked(statement: str) -> None:
    give_up_at = time.monotonic() + 20
    others = "query = %s AND state = 'active' AND pid <> pg_backend_pid()"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT count(*) FROM pg_stat_activity WHERE {others}", [statement]
            )
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < give_up_at
            time.sleep(0.01)


def test_a_statement_that_the_database_itself_ended_costs_no_connection():
    ask("SELECT 1 FROM set_config('statement_timeout', '50ms', false)")
    number = ask("SELECT pg_backend_pid()")

    with pytest.raises(OperationalError, match="statement timeout"):
        ask("SELECT pg_sleep(1)")

    assert ask("SELECT pg_backend_pid()") == number
    connection.close()


def test_a_kept_connection_is_only_looked_at_when_it_was_answered_a_moment_ago(
    monkeypatch,
):
    ask()
    with frozen_database():
        assert connection.is_usable()

        monkeypatch.setattr(base, "FRESH_S", 0.0)
        assert not connection.is_usable()
    connection.close()


def test_a_kept_connection_that_the_server_ended_is_not_usable():
    number = ask("SELECT pg_backend_pid()")

    def end_it() -> None:
        ask(f"SELECT pg_terminate_backend({number}, 5000)")
        connection.close()

    other = Thread(target=end_it)
    other.start()
    other.join()

    assert not connection.is_usable()
    connection.close()


def test_an_order_that_meets_a_frozen_database_is_not_stored():
    request, owner = make_request(), make_owner()
    with frozen_database(), pytest.raises(DatabaseUnavailable):
        place_order(request, owner=owner)

    connection.close()
    base.silence.answered()
    assert not Order.objects.exists()


def test_a_commit_that_is_not_answered_has_an_unknown_outcome(monkeypatch):
    request, owner = make_request(), make_owner()
    commit = connection._commit  # type: ignore[attr-defined]
    began = time.monotonic()

    def freeze_and_commit() -> None:
        with frozen_database():
            commit()

    monkeypatch.setattr(connection, "_commit", freeze_and_commit)
    with pytest.raises(OutcomeUnknown):
        place_order(request, owner=owner)

    assert time.monotonic() - began < LIMIT_S + 1


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    make_owner()
    make_token("A")
    make_token("B")
    with web_process(tmp_path, DATABASE_TIMEOUT_S="2") as running:
        yield running


async def test_every_post_to_a_frozen_database_is_answered_503_in_time(web):
    headers = {"Content-Type": "application/json"}
    clock = asyncio.get_running_loop().time

    async def post(session: aiohttp.ClientSession) -> tuple[int, str, float]:
        began = clock()
        async with session.post(web.url + PATH, data=order_text()) as answer:
            code = (await answer.json(content_type=None)).get("code", "")
            return answer.status, code, clock() - began

    async with aiohttp.ClientSession(headers=headers) as session:
        assert (await post(session))[0] == 201
        with frozen_database():
            # More than the process takes at a time: those in line wait for no second
            # time-out.
            answers = await asyncio.gather(*(post(session) for _ in range(40)))
        assert {answer[:2] for answer in answers} <= {
            (503, "database_unavailable"),
            (503, "outcome_unknown"),
        }
        assert max(seconds for _, _, seconds in answers) < 6.0

        async with asyncio.timeout(5):
            while (await post(session))[0] != 201:
                await asyncio.sleep(0.1)
