from __future__ import annotations

import json
import time

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from orders.parsers import Number, parse_object, read_object
from orders.problems import Problem

LIMIT = 64 * 1024


def padded(size: int) -> bytes:
    """A JSON object of exactly `size` bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


# Each body that no serializer gets to see, with its status and code.
BAD_BODIES = {
    "empty": (b"", 400, "empty_body"),
    "blank": (b" \n\t", 400, "empty_body"),
    "cut off": (b'{"type": "market", ', 400, "malformed_json"),
    "no JSON": (b"type=market", 400, "malformed_json"),
    "two objects": (b"{}{}", 400, "malformed_json"),
    "trailing comma": (b'{"a": 1,}', 400, "malformed_json"),
    "byte order mark": (b"\xef\xbb\xbf{}", 400, "malformed_json"),
    "control character": (b'{"a": "\x00"}', 400, "malformed_json"),
    "leading zero": (b'{"a": 01}', 400, "malformed_json"),
    "hexadecimal": (b'{"a": 0x10}', 400, "malformed_json"),
    "half a surrogate": (b'{"a": "\\ud800"}', 400, "malformed_json"),
    "half a surrogate as name": (b'{"\\udc00": 1}', 400, "malformed_json"),
    "latin-1": (b'{"a": "\xe9"}', 400, "invalid_utf8"),
    "array": (b"[]", 400, "not_an_object"),
    "string": (b'"market"', 400, "not_an_object"),
    "number": (b"1", 400, "not_an_object"),
    "null": (b"null", 400, "not_an_object"),
    "deep array": (b'{"a":' + b"[" * 9 + b"]" * 9 + b"}", 400, "nested_too_deeply"),
    "deeper than the stack": (b"[" * 60_000, 400, "nested_too_deeply"),
    "duplicate": (b'{"a": 1, "a": 1}', 400, "duplicate_field"),
    "duplicate by escape": (b'{"a": 1, "\\u0061": 1}', 400, "duplicate_field"),
    "NaN": (b'{"a": NaN}', 400, "invalid_number"),
    "Infinity": (b'{"a": -Infinity}', 400, "invalid_number"),
    "1e400": (b'{"a": 1e400}', 400, "invalid_number"),
    "1E5": (b'{"a": 1E5}', 400, "invalid_number"),
    "1.5e-3": (b'{"a": 1.5e-3}', 400, "invalid_number"),
    "over 64 KiB": (padded(LIMIT + 1), 413, "body_too_large"),
}


@pytest.mark.parametrize(("raw", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_with_its_code(raw, status, code):
    with pytest.raises(Problem) as refused:
        parse_object(raw)

    assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a": "b', "Unterminated string starting at line 1, column 7."),
        (b'{"a": "\x00"}', "Invalid control character at line 1, column 8."),
        (b"type=market", "Expecting value at line 1, column 1."),
    ],
)
def test_broken_json_is_told_with_the_place_where_it_breaks(raw, said):
    with pytest.raises(Problem) as refused:
        parse_object(raw)

    assert refused.value.detail == f"The body is not JSON: {said}"


def test_numbers_keep_their_text():
    parsed = parse_object(b'{"a": 0.10, "b": -0, "c": 123456789012345678901234567890}')

    assert parsed == {"a": "0.10", "b": "-0", "c": "123456789012345678901234567890"}
    assert all(type(value) is Number for value in parsed.values())


def test_a_number_in_quotes_is_no_number():
    assert type(parse_object(b'{"a": "1"}')["a"]) is str


def test_a_number_of_5000_digits_is_never_computed():
    parsed = parse_object(b'{"a": ' + b"9" * 5_000 + b"}")

    assert parsed["a"] == "9" * 5_000


def test_brackets_inside_strings_do_not_nest():
    assert parse_object(b'{"a": "[[[[[[[[[[\\"[[[[[[[["}') == {
        "a": "[" * 10 + '"' + "[" * 8
    }


def test_a_body_of_exactly_64_kib_is_read():
    assert len(parse_object(padded(LIMIT))["a"]) == LIMIT - 8


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"' + b'\\"' * 32_000,
        b'{"' + b"\\" * 65_000,
        b'{"a":' * 8 + b'"' * 65_000,
        b"[]" * 32_000,
        b'{"a":"' + b"\\ud800" * 10_000 + b'"}',
    ],
)
def test_a_hostile_body_is_refused_in_no_time(raw):
    started = time.perf_counter()

    with pytest.raises(Problem):
        parse_object(raw)

    assert time.perf_counter() - started < 0.5


@given(
    st.dictionaries(
        st.text(), st.text() | st.integers().map(str).map(Number), max_size=5
    )
)
def test_what_is_written_is_read_back(members):
    written = {
        name: int(value) if isinstance(value, Number) else value
        for name, value in members.items()
    }

    assert parse_object(json.dumps(written).encode()) == members


@given(st.binary(max_size=200))
def test_any_bytes_are_either_an_object_or_a_problem(raw):
    try:
        assert isinstance(parse_object(raw), dict)
    except Problem as problem:
        assert problem.status in (400, 413)  # noqa: PT017 - both outcomes are fine


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/jsonx",
    ],
)
def test_another_content_type_is_refused(content_type):
    request = RequestFactory().post("/", b"{}", content_type=content_type)

    with pytest.raises(Problem) as refused:
        read_object(request)

    assert (refused.value.status, refused.value.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON"],
)
def test_json_is_read_however_its_type_is_spelled(content_type):
    request = RequestFactory().post("/", b'{"a": 1}', content_type=content_type)

    assert read_object(request) == {"a": "1"}


def test_a_declared_length_over_the_limit_is_refused_before_reading():
    request = RequestFactory().post("/", b"{}", content_type="application/json")
    request.META["CONTENT_LENGTH"] = "9" * 5_000

    with pytest.raises(Problem) as refused:
        read_object(request)

    assert refused.value.status == 413
    assert request.read() == b"{}"
