"""Bodies of requests to a real web process: long, slow, announced, and cut off."""

from __future__ import annotations

import json

import pytest
from django.conf import settings

from orders.models import Order
from orders.tests.clients import PATH, order_text
from orders.tests.wire import Wire, answer, head_of
from ordersite.handler import REQUESTS_AT_ONCE

from .web import ask, wires_to

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("tokens"),
]

MIB = 1024 * 1024
LIMIT = settings.MAX_BODY_BYTES


JSON = "Content-Type: application/json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_body_of_exactly_the_limit_is_read(web):
    status, _, _ = ask(web, "POST", PATH, order_text().ljust(LIMIT))

    assert status == 201


def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_sent(wire):
    wire.send(head_of("POST", PATH, JSON, f"Content-Length: {LIMIT + 1}"))

    status, problem = answer(wire)
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long(wire):
    wire.send(head_of("POST", PATH, JSON, "Transfer-Encoding: chunked"))
    wire.send(f"{LIMIT + 1:x}\r\n".encode() + b" " * (LIMIT + 1))  # and no end

    status, problem = answer(wire)
    assert (status, problem["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("size", [LIMIT + 1, 8 * MIB])
def test_a_client_that_sends_all_of_a_body_too_long_still_reads_why(web, size):
    status, headers, body = ask(web, "POST", PATH, b" " * size)

    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert headers["Connection"] == "close"
    assert headers["X-Request-ID"]


def test_a_form_of_the_admin_that_is_too_long_is_refused(web):
    status, _, _ = ask(
        web,
        "POST",
        "/admin/login/",
        b"x" * (LIMIT + 1),
        Cookie="csrftoken=" + "a" * 32,
        **FORM,
    )

    assert status == 400


def test_a_client_that_asks_first_is_told_to_go_on(wire):
    body = order_text().encode()
    expect = ("Expect: 100-continue", f"Content-Length: {len(body)}")
    wire.send(head_of("POST", PATH, JSON, *expect))
    assert wire.head().startswith(b"HTTP/1.1 100 ")
    wire.send(body)

    assert answer(wire)[0] == 201


def test_a_client_that_asks_first_is_told_at_once_that_its_body_is_too_long(wire):
    expect = ("Expect: 100-continue", f"Content-Length: {LIMIT + 1}")
    wire.send(head_of("POST", PATH, JSON, *expect))

    assert answer(wire)[0] == 413


def test_bodies_that_come_slowly_hold_nobody_up(web):
    body = order_text().encode()
    with wires_to(web, 3 * REQUESTS_AT_ONCE) as slow:
        for wire in slow:
            wire.send(head_of("POST", PATH, JSON, f"Content-Length: {len(body)}"))
            wire.send(body[:10])
        assert ask(web, "POST", PATH, body)[0] == 201

        for wire in slow:
            wire.send(body[10:])
        assert {answer(wire)[0] for wire in slow} == {201}


def test_a_client_that_leaves_within_its_body_places_no_order(web):
    body = order_text().encode()
    for _ in range(3 * REQUESTS_AT_ONCE):
        wire = Wire(web.port)
        wire.send(head_of("POST", PATH, JSON, f"Content-Length: {len(body) + 1}"))
        wire.send(body)
        wire.close()

    assert ask(web, "POST", PATH, body)[0] == 201
    assert Order.objects.count() == 1
