"""Log records of one line each, so that every line has a time, a level and a logger."""

from __future__ import annotations

import logging
from typing import Any

from redis.exceptions import RedisError

REPEATED_AFTER_S = 60.0


class OneLineFormatter(logging.Formatter):
    """Write a traceback on the line of its record, and let no text start a new one."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        # A traceback underlines its code with lines of marks, which mean nothing here.
        return " ⏎ ".join(line for line in lines if line.strip(" ^~"))


def without_traceback(record: logging.LogRecord) -> bool:
    """Keep a record and drop its traceback: what a client sent is no bug of ours."""
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


def logging_settings(level: str) -> dict[str, Any]:
    """Return Django's LOGGING: every record to stderr, from `level` up."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "ordersite.logs.OneLineFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            }
        },
        "filters": {
            "plain": {"()": lambda: without_traceback},
            "redis": {"()": "ordersite.logs.RedisAway"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django mails errors to nobody here; let its records reach the root.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "django.security.DisallowedHost": {"filters": ["plain"]},
            "channels_redis.pubsub": {"filters": ["redis"]},
            "axes": {"level": "WARNING"},  # else three lines per login
            "daphne": {"level": "WARNING"},  # else a line per start, stop and socket
        },
    }
