from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys

import pytest
from django.conf import settings
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from dex import log_context
from dex.background import BackgroundLoop
from ordersite.console import Console
from ordersite.logs import JsonFormatter, OneLineFormatter, RedisAway, logging_settings


def test_a_record_is_one_line_with_its_traceback():
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord(
            "x", logging.ERROR, "f.py", 1, "bad\nINFO fake line", None, sys.exc_info()
        )

    line = OneLineFormatter("%(levelname)s %(message)s").format(record)

    assert "\n" not in line
    assert line.startswith("ERROR bad ⏎ INFO fake line ⏎ Traceback")
    assert line.endswith("ValueError: first ⏎ second")


def failure(error: Exception, at_s: float) -> logging.LogRecord:
    """Return what the channel layer logs of an error at a time."""
    try:
        raise error
    except Exception:
        record = logging.LogRecord(
            *("channels_redis.pubsub", logging.ERROR, "pubsub.py", 1),
            *("Unexpected exception in receive task", None, sys.exc_info()),
        )
    record.created = at_s
    return record


def test_a_redis_that_is_away_is_one_line_a_minute():
    away = RedisAway()
    records = [failure(RedisConnectionError("refused"), at_s=at) for at in range(61)]

    said = [record for record in records if away.filter(record)]

    assert [record.created for record in said] == [0, 60]
    line = OneLineFormatter("%(levelname)s %(message)s").format(said[0])
    assert line == (
        "WARNING no hints from Redis: refused. Events come up to 2 s later meanwhile."
    )


def test_any_other_failure_of_the_channel_layer_keeps_its_traceback():
    away = RedisAway()
    records = [failure(ValueError("a bug"), at_s=at) for at in range(3)]

    assert all(away.filter(record) and record.exc_info for record in records)
    (filter_of_layer,) = logging.getLogger("channels_redis.pubsub").filters
    assert isinstance(filter_of_layer, RedisAway)


def record_with(message: str, **extra: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message})
    record.__dict__.update(extra)
    record.created = 1_795_000_000.1234
    return record


def test_a_record_as_json_has_the_fields_of_the_list_and_no_others():
    line = JsonFormatter().format(
        record_with("said", password="p", body={"a": 1}, request_id="r-1", order_id="o")
    )

    assert json.loads(line) == {
        "time": "2026-11-18T11:06:40.123Z",
        "level": "INFO",
        "logger": "x",
        "process": f"main:{os.getpid()}",
        "request_id": "r-1",
        "order_id": "o",
        "message": "said",
    }


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_record_of_a_task_names_its_order_and_the_request_that_placed_it(
    form: str,
):
    formatter = OneLineFormatter() if form == "text" else JsonFormatter()
    goes_on = asyncio.Event()

    async def written() -> str:
        await goes_on.wait()
        return formatter.format(record_with("said"))

    async def carry() -> tuple[str, str]:
        return await written(), await asyncio.create_task(written())

    task = asyncio.create_task(carry())
    log_context.carrying(task, "o-7", "r-7")
    goes_on.set()
    of_task, of_another = await task

    if form == "text":
        assert of_task == "said request_id=r-7 order_id=o-7"
        assert of_another == "said"
    else:
        ids = {"request_id": "r-7", "order_id": "o-7"}
        assert json.loads(of_task).items() >= ids.items()
        assert ids.keys().isdisjoint(json.loads(of_another))


def test_what_a_request_starts_in_the_background_does_not_keep_its_name():
    loop = BackgroundLoop("test")

    async def named() -> str:
        return log_context.subject().request_id

    log_context.answering("r-8")
    try:
        assert log_context.subject().request_id == "r-8"
        assert loop.run(named(), 5) == ""
    finally:
        log_context.answering("")


def test_a_text_line_does_not_say_twice_which_order_it_is_about():
    assert (
        OneLineFormatter().format(record_with("order o-7", order_id="o-7"))
        == "order o-7"
    )


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_leaves_a_record_by_its_arguments_or_its_traceback(form: str):
    try:
        raise ValueError("https://rpc.example/v2/very-secret")
    except ValueError:
        record = record_with("no answer from %s", exc_info=sys.exc_info())
    record.args = ("https://u:very-secret@rpc.example",)

    line = (OneLineFormatter if form == "text" else JsonFormatter)().format(record)

    assert "very-secret" not in line
    assert "no answer from https://rpc.example ⏎ Traceback" in line
    assert "\n" not in line


def test_the_form_of_the_lines_is_a_setting():
    assert settings.LOG_FORMAT == "text"
    for form in ("text", "json"):
        assert logging_settings("INFO", form)["handlers"]["stderr"]["formatter"] == form


def test_a_supervisor_writes_json_too_and_wraps_no_line_that_is_json():
    screen = io.StringIO()
    console = Console(screen, "json")

    console.line("web-1", '{"level": "INFO"}')
    console.line("web-1", "died; starts again in 1 s")

    first, second = map(json.loads, screen.getvalue().splitlines())
    assert first == {"level": "INFO"}
    assert second.items() >= {
        ("process", f"web-1:{os.getpid()}"),
        ("message", "died; starts again in 1 s"),
    }


def test_what_a_request_logs_names_the_request_as_its_answer_does(
    caplog: pytest.LogCaptureFixture,
):
    answer = Client().get("/api/nowhere", headers={"X-Request-ID": "mine-1"})

    (record,) = [r for r in caplog.records if r.name == "django.request"]
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert OneLineFormatter().format(record).endswith(" request_id=mine-1")
    assert log_context.request_id() == ""


@pytest.mark.django_db
def test_no_query_of_a_request_is_logged(caplog: pytest.LogCaptureFixture):
    for address in ("/api/nowhere", "/nowhere", "/api/orders"):
        Client().get(f"{address}?ticket=very-secret&status=bad")

    assert "very-secret" not in caplog.text
