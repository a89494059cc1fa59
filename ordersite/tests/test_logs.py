from __future__ import annotations

import logging
import sys

from django.test import Client

from ordersite.logs import OneLineFormatter


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
