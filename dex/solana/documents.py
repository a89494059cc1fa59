"""JSON documents of strangers: what reading one may cost, and which characters it holds."""

from __future__ import annotations

import json
import re
from typing import Any

# A few kilobytes can unpack to millions of empty lists, which take seconds to read (the
# reader of the standard library lets nothing else run meanwhile) and hundreds of
# megabytes to hold. The longest honest answer, a page of signatures, has 10,000 values.
MAX_VALUES_A_CALL = 20_000
MAX_VALUES = 100_000
MAX_ESCAPES = 100_000
MAX_QUOTES = 4 * MAX_VALUES  # a text and its name for each
# No answer goes deeper than about ten levels.
MAX_DEPTH = 32
ESCAPE = re.compile(rb"\\.")
# Escapes of other characters than quotes and backslashes; more than that at worst.
ODD_ESCAPE = re.compile(rb"\\[^\"\\]")
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
ONE_KIND = bytes.maketrans(b"{}", b"[]")


def read_document(raw: bytes, *, calls: int) -> Any:
    """Return the JSON value that answers so many calls, each text in it printable.

    Neither the database nor a log takes every character (NUL, half a surrogate pair, a
    line feed): such texts are escaped here, once for all. Raises ValueError for what is
    no JSON, is nested too deep, or costs too much to read.
    """
    text = raw.decode()  # RFC 8259, 8.1: nothing but UTF-8
    bare = _without_texts(raw)
    if sum(map(bare.count, b"[{,")) > min(calls * MAX_VALUES_A_CALL, MAX_VALUES):
        raise ValueError("too many values")
    document = json.loads(text)
    if _is_deep(bare):
        raise ValueError("nested too deep")
    # Without an escape, JSON of ASCII characters holds no others than printable ones.
    if text.isascii() and not ODD_ESCAPE.search(raw):
        return document
    return _printable(document)


def _without_texts(raw: bytes) -> bytes:
    """Return what stands between the texts of a document, as far as it is one."""
    if b"\\" in raw:
        if raw.count(b"\\") > MAX_ESCAPES:
            raise ValueError("too many escapes")
        raw = ESCAPE.sub(b"", raw)
    pieces = raw.split(b'"', MAX_QUOTES)
    if len(pieces) > MAX_QUOTES:
        raise ValueError("too many texts")
    return b"".join(pieces[::2])


def _is_deep(bare: bytes) -> bool:
    """Whether a document without its texts is nested deeper than MAX_DEPTH."""
    brackets = bare.translate(ONE_KIND, NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")  # what is innermost
    return bool(brackets)


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
