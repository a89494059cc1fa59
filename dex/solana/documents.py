"""JSON documents of strangers: what reading one may cost, and which characters it holds."""

from __future__ import annotations

import json
from typing import Any

# A few kilobytes can unpack to millions of empty lists, which take seconds to read and
# hundreds of megabytes to hold. The longest honest answers are a page of signatures
# with about 9,000 values, and 25 transactions with a few thousand each.
MAX_VALUES = 100_000


def read_document(raw: bytes) -> Any:
    """Return the JSON value, each text in it printable; ValueError when it is none.

    Neither the database nor a log takes every character (NUL, half a surrogate pair,
    a line feed, a change of direction): such ones are replaced here, once for all.
    """
    text = raw.decode()  # RFC 8259, 8.1: nothing but UTF-8
    if sum(map(text.count, "[{,")) > MAX_VALUES:
        raise ValueError("too many values")
    document = json.loads(text)
    # Without an escape, JSON of ASCII characters holds no others than printable ones.
    return document if text.isascii() and "\\" not in text else _printable(document)


def _printable(value: Any) -> Any:
    match value:
        case str():
            return value if value.isprintable() else "".join(map(_shown, value))
        case list():
            return [_printable(entry) for entry in value]
        case dict():
            return {_printable(k): _printable(entry) for k, entry in value.items()}
    return value


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
