"""The one JSON parser of REST and socket: strict, and it keeps numbers as text.

An amount must never become a float, and a body that two programs could read in two ways
(duplicate names, exponents beyond any range) is refused rather than guessed at.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest

from .problems import FieldError, Problem

MAX_DEPTH = 8
# A string, also one that never ends, or a bracket. Matches each character at most once.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class Number(str):
    """A JSON number as its text: digits, perhaps a sign and a fraction, no exponent."""

    __slots__ = ()


def read_object(request: HttpRequest) -> dict[str, Any]:
    """Read the JSON object that a request carries; raises Problem.

    Not by way of DRF's `request.data`: without a Content-Length, as in a chunked
    request, that is empty without the parser being asked.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal():
        check_size(int(length[:20]))
    raw = request.read(settings.MAX_BODY_BYTES + 1)
    if raw and not _is_json(request):
        raise unsupported_media_type()
    return parse_object(raw)


def unsupported_media_type() -> Problem:
    """The problem of a body that does not say that it is JSON."""
    return Problem(
        415,
        "unsupported_media_type",
        "Send the body as Content-Type: application/json in UTF-8.",
        headers={"Accept-Post": "application/json"},
    )


def _is_json(request: HttpRequest) -> bool:
    charset = (request.content_params or {}).get("charset", "utf-8")
    return request.content_type == "application/json" and charset.lower() in (
        "utf-8",
        "utf8",
    )


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse one JSON object, its numbers as Number; raises Problem."""
    check_size(len(raw))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _malformed("invalid_utf8", "The body is not valid UTF-8.") from None
    if not text.strip():
        raise _malformed("empty_body", "The body is empty; send a JSON object.")
    _check_depth(text)
    try:
        parsed = json.loads(
            text,
            parse_int=Number,
            parse_float=_plain_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_names,
        )
    except json.JSONDecodeError as error:
        # Some of its messages end with the word themselves.
        what = error.msg.removesuffix(" at")
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(
            "malformed_json", f"The body is not JSON: {what} at {where}."
        ) from None
    if not isinstance(parsed, dict):
        raise _malformed("not_an_object", "The body must be one JSON object.")
    return parsed


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match[0]
        if bracket in ("[", "{"):
            depth += 1
        elif bracket in ("]", "}"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _malformed(
                "nested_too_deeply", f"The body nests more than {MAX_DEPTH} levels."
            )


def _plain_number(literal: str) -> Number:
    if "e" in literal or "E" in literal:
        _refuse_constant(literal)
    return Number(literal)


def _refuse_constant(literal: str) -> NoReturn:
    raise _malformed(
        "invalid_number",
        f"Write {literal[:40]} as a plain number, without exponent, NaN or Infinity.",
    )


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        for text in (name, value) if isinstance(value, str) else (name,):
            _check_text(text)
        if name in members:
            error = FieldError(name[:64], "duplicate_field", "Name it once.")
            raise Problem(
                400, "duplicate_field", "The body names a field twice.", errors=[error]
            )
        members[name] = value
    return members


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _malformed(
            "malformed_json", "The body has half of a surrogate pair."
        ) from None


def _malformed(code: str, detail: str) -> Problem:
    return Problem(400, code, detail)


def check_size(length: int) -> None:
    """Refuse a body of more bytes than one may have; raises Problem."""
    if length > settings.MAX_BODY_BYTES:
        raise body_too_large()


def body_too_large() -> Problem:
    """The problem of a body or a message that is longer than any may be."""
    return Problem(
        413,
        "body_too_large",
        f"The body may have {settings.MAX_BODY_BYTES} bytes at most.",
    )
