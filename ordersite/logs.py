"""Log records of one line each, so that every line has a time, a level and a logger.

Only what is named here leaves a record; what else somebody puts into `extra` does not.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from dex.log_context import subject

from .brevity import brief_message
from .redaction import redacted

REPEATED_AFTER_S = 60.0
# The name under which a supervisor started this process.
PROCESS_NAME = "PROCESS_NAME"


def in_one_line(text: str) -> str:
    """Join lines, so that no text can start one that looks like a record."""
    # A traceback underlines its code with lines of marks, which mean nothing here.
    return " ⏎ ".join(line for line in text.splitlines() if line.strip(" ^~"))


def json_line(
    moment: float, level: str, logger: str, message: str, process: str, **ids: str
) -> str:
    """Write a record as one line of JSON; `moment` in seconds since 1970."""
    when = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    fields = {
        "time": when.replace("+00:00", "Z"),
        "level": level,
        "logger": logger,
        "process": process,
        **{name: value for name, value in ids.items() if value},
        "message": message,
    }
    return json.dumps(fields, ensure_ascii=False)


class BriefFormatter(logging.Formatter):
    """Cut what a stranger may have chosen; the traceback comes after it, and stays."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = brief_message(record)
        return super().formatMessage(record)


class OneLineFormatter(BriefFormatter):
    """Write a traceback on the line of its record, and let no text start a new one."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for name, value in _ids(record).items():
            if value and value not in text:
                text += f" {name}={value}"
        return redacted(in_one_line(text))


class JsonFormatter(BriefFormatter):
    """Write a record as one line of JSON, with its traceback in the message."""

    def __init__(self) -> None:
        super().__init__("%(message)s")
        self._process = f"{os.environ.get(PROCESS_NAME, 'main')}:{os.getpid()}"

    def format(self, record: logging.LogRecord) -> str:
        return json_line(
            record.created,
            record.levelname,
            record.name,
            redacted(in_one_line(super().format(record))),
            self._process,
            **_ids(record),
        )


def _ids(record: logging.LogRecord) -> dict[str, str]:
    """Return what the record belongs to, by `extra` or by where it was logged."""
    # Django logs the status of an answer when the request is over, and names it so.
    request = getattr(getattr(record, "request", None), "META", {}).get("REQUEST_ID")
    here = subject()
    return {
        "request_id": str(
            getattr(record, "request_id", "") or request or here.request_id
        ),
        "order_id": str(getattr(record, "order_id", "") or here.order_id),
    }


def without_traceback(record: logging.LogRecord) -> bool:
    """Keep a record and drop its traceback: what a client sent is no bug of ours."""
    record.exc_info = None
    return True


def refusal_without_traceback(record: logging.LogRecord) -> bool:
    """Keep a record; drop the traceback of what was refused, which is no failure."""
    if record.levelno < logging.ERROR:
        record.exc_info = None
    return True


class RedisAway(logging.Filter):
    """Turn the channel layer's traceback per second without Redis into a line a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, RedisError | OSError):
            return True
        if record.created < self._quiet_until:
            return False
        self._quiet_until = record.created + REPEATED_AFTER_S
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "no hints from Redis: %s. Events come up to 2 s later meanwhile."
        record.args = (error,)
        return True


def logging_settings(level: str, form: str = "text") -> dict[str, Any]:
    """Return Django's LOGGING: every record to stderr, from `level` up.

    `form` is "text" or "json".
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": "ordersite.logs.OneLineFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            },
            "json": {"()": "ordersite.logs.JsonFormatter"},
        },
        "filters": {
            "plain": {"()": lambda: without_traceback},
            "refusals": {"()": lambda: refusal_without_traceback},
            "redis": {"()": "ordersite.logs.RedisAway"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django mails errors to nobody here; let its records reach the root.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"filters": ["refusals"]},
            "django.security.DisallowedModelAdminLookup": {"filters": ["plain"]},
            "channels_redis.pubsub": {"filters": ["redis"]},
            "axes": {"level": "WARNING"},  # else three lines per login
            "daphne": {"level": "WARNING"},  # else a line per start, stop and socket
        },
    }
