"""JSON documents of strangers: what reading one may cost, and which characters it holds."""

from __future__ import annotations

import json
from typing import Any

# A few kilobytes can unpack to millions of empty lists, which take seconds to read (the
# reader of the standard library lets nothing else run meanwhile) and hundreds of
# megabytes to hold. The longest honest answer, a page of signatures, has 10,000 values.
MAX_VALUES_A_CALL = 20_000
MAX_VALUES = 100_000


def read_document(raw: bytes, *, calls: int) -> Any:
    """Return the JSON value that answers so many calls, each text in it printable.

    Neither the database nor a log takes every character (NUL, half a surrogate pair, a
    line feed): such texts are escaped here, once for all. Raises ValueError for what is
    no JSON, or costs too much to read.
    """
    text = raw.decode()  # RFC 8259, 8.1: nothing but UTF-8
    if sum(map(text.count, "[{,")) > min(calls * MAX_VALUES_A_CALL, MAX_VALUES):
        raise ValueError("too many values")
    document = json.loads(text)
    # Without an escape, JSON of ASCII characters holds no others than printable ones.
    return document if text.isascii() and "\\" not in text else _printable(document)


def _printable(value: Any) -> Any:
    match value:
        case str():
            # As Python would write it: quick, whatever is sent, and nothing is lost.
            printable = value.isprintable()
            return value if printable else value.encode("unicode_escape").decode()
        case list():
            return [_printable(entry) for entry in value]
        case dict():
            return {_printable(k): _printable(entry) for k, entry in value.items()}
    return value
