"""What a message of a socket logs names the message, whoever else's is stored with it."""

from __future__ import annotations

import pytest

from dex import log_context
from orders.inputs import read_submission
from orders.problems import Problem
from orders.socket_intake import Message, SocketIntake
from orders.threads import in_thread

from .clients import order_text
from .helpers import make_owner, make_token

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_fails_unexpectedly_is_logged_under_the_name_of_its_message(
    caplog, monkeypatch
):
    def make() -> int:
        make_token("A")
        make_token("B")
        return make_owner().pk

    owner_id = await in_thread(make)

    def fails_once(members, **options):
        if str(members["slippage"]) == "0.02":
            raise RuntimeError(log_context.request_id())
        return read_submission(members, **options)

    monkeypatch.setattr("orders.socket_intake.read_submission", fails_once)
    asked = [
        SocketIntake().ask(Message("client", owner_id, text, f"s.{number}"))
        for number, text in enumerate([order_text(), order_text(slippage=0.02)], 1)
    ]
    _, failed = [await answer for answer in asked]

    assert isinstance(failed, Problem)
    assert failed.code == "internal_error"
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.request_id == "s.2"
    assert str(record.exc_info[1]) == "s.2"
    assert await in_thread(log_context.request_id) == ""
