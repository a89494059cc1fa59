"""No line of the log is as long as what a stranger sent."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from django.test import Client

from ordersite.logs import JsonFormatter, OneLineFormatter

LONG = 15_000


def lines_of(record: logging.LogRecord) -> list[str]:
    """Return what a record says, in the one form and in the other."""
    said = json.loads(JsonFormatter().format(record))["message"]
    return [OneLineFormatter().format(record), said]


def record_of(logger: str, message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, "f.py", 1, message, args, None)


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        (
            "/" + "p" * LONG,
            {},
            f"Not Found: /{'p' * 99}…[14801 characters]…{'p' * 100}",
        ),
        ("/a%20" * (LONG // 5), {}, "Not Found: /a /a "),
        ("/nowhere", {"Host": "h" * LONG}, "Invalid HTTP_HOST header: 'hhhhh"),
    ],
    ids=["path", "path of words", "host"],
)
def test_a_long_header_or_path_makes_no_long_line(
    caplog: pytest.LogCaptureFixture, path: str, headers: dict[str, str], said: str
):
    assert Client().get(path, headers=headers).status_code >= 400

    (record,) = caplog.records
    for line in lines_of(record):
        assert line.startswith(said)
        assert " characters]…" in line
        assert len(line) < 700


def test_what_comes_after_something_long_is_still_said():
    for line in lines_of(record_of("orders.answers", "%s: %r", "p" * LONG, OSError(5))):
        assert line.endswith("p: OSError(5)")
        assert len(line) < 300


def test_a_secret_is_blanked_although_it_is_cut():
    key = "dex_ab12cd34_" + "a1" * 21
    for at in range(20, 220, 7):
        text = f"{'p' * at} {key} {'p' * LONG}"
        for line in lines_of(record_of("django.request", "Not Found: %s", text)):
            assert "a1a1" not in line


@pytest.mark.parametrize("logger", ["dex.halting", "execution.engine", "ordersite.web"])
def test_what_this_project_says_of_itself_stays_whole(logger: str):
    reason = "no order " * 1_000
    for line in lines_of(record_of(logger, "trading is halted: %s", reason)):
        assert line == f"trading is halted: {reason}"


def test_a_traceback_stays_whole():
    record = record_of("django.request", "Internal Server Error: %s", "/" + "p" * LONG)
    try:
        raise ValueError("v" * LONG)
    except ValueError:
        record.exc_info = sys.exc_info()

    for line in lines_of(record):
        assert line.startswith("Internal Server Error: /ppp")
        assert line.endswith("ValueError: " + "v" * LONG)
        assert len(line) < LONG + 1_000
