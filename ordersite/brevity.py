"""Log records that do not get as long as what a stranger sent: a header, a path, a name.

What this project says of its own accord, and tracebacks, stay whole.
"""

from __future__ import annotations

import logging
from typing import Any

from .redaction import redacted

LONGEST_ARGUMENT = 200
LONGEST_MESSAGE = 600
_ENDING = 100

# They hear of no stranger, or cut what they hear. RQ has tracebacks in its messages, and
# statements are for who asked for them.
_WHOLE = ("dex.", "execution.", "ordersite.", "rq.", "django.db.")


def brief(text: str, longest: int = LONGEST_ARGUMENT) -> str:
    """Leave out the middle of a long text, and say how much that is."""
    if len(text) > longest:
        text = redacted(text)  # before it is cut: half of a secret looks like none
    if len(text) <= longest:
        return text
    begin = text[: longest - _ENDING]
    return f"{begin}…[{len(text) - longest} characters]…{text[-_ENDING:]}"


def brief_message(record: logging.LogRecord) -> str:
    """Return what a record says, cut where a stranger may have chosen it."""
    message = record.getMessage()
    if len(message) <= LONGEST_ARGUMENT or f"{record.name}.".startswith(_WHOLE):
        return message
    if isinstance(record.args, tuple):
        message = str(record.msg) % tuple(map(_brief_argument, record.args))
    return brief(message, LONGEST_MESSAGE)


def _brief_argument(value: Any) -> Any:
    return brief(value) if isinstance(value, str) else value
