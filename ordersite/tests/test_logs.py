from __future__ import annotations

import logging
import sys

from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from ordersite.logs import OneLineFormatter, RedisAway


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


def test_a_foreign_host_is_one_short_line_in_the_log(caplog):
    Client().get("/api/tokens", headers={"host": "evil.example"})

    (record,) = [r for r in caplog.records if r.name.startswith("django.security")]
    assert "add 'evil.example' to ALLOWED_HOSTS" in record.getMessage()
    assert record.exc_info is None


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
