"""Every bad input: a clear error with its code, by REST and by socket; nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dex.models import Token
from dex.solana.addresses import TOKEN_PROGRAM
from orders.models import Order
from orders.threads import in_thread

from .bad_fields import BAD_FIELDS, MINT_OF_A
from .clients import open_socket, order_text, post
from .helpers import make_owner, make_token
from .test_parsers import BAD_BODIES, LIMIT, padded

pytestmark = pytest.mark.django_db
by_socket = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def tokens(db):
    make_owner()
    make_token("A", mint=MINT_OF_A)
    make_token("B", decimals=6)
    make_token("OFF", enabled=False)
    make_token("TWIN")
    Token.objects.create(
        symbol="TWIN", mint="twin", decimals=9, token_program=str(TOKEN_PROGRAM)
    )


def fields(problem: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((error["field"], error["code"]) for error in problem["errors"])


def count_orders() -> int:
    return Order.objects.count()


@pytest.mark.parametrize(("body", "errors"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_bad_field_is_named_by_rest(body, errors):
    answer = post(body)

    problem = answer.json()
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["code"] == "validation_failed"
    assert problem["requestId"] == answer["X-Request-ID"]
    assert fields(problem) == sorted(errors)
    assert all(error["message"] for error in problem["errors"])
    assert count_orders() == 0


@pytest.mark.parametrize(("raw", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_by_rest(raw, status, code):
    answer = post(raw)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["instance"] == "/api/orders/execute"
    assert count_orders() == 0


@by_socket
async def test_the_socket_answers_every_bad_message_and_stays_open():
    async with open_socket() as socket:
        for name, (body, errors) in BAD_FIELDS.items():
            await socket.send(body)
            problem = await socket.frame()
            assert (problem["status"], problem["code"]) == (400, "validation_failed")
            assert fields(problem) == sorted(errors), name
        for name, (raw, status, code) in BAD_BODIES.items():
            try:
                await socket.send(raw.decode())
            except UnicodeDecodeError:
                continue  # a server lets no such text through
            problem = await socket.frame()
            assert (problem["status"], problem["code"]) == (status, code), name
        for raw in (b"", b"\xff\x00rubbish", order_text().encode()):
            await socket.send(raw=raw)
            assert (await socket.frame())["code"] == "binary_message"
        assert await in_thread(count_orders) == 0

        await socket.send(order_text())

        assert set(await socket.frame()) == {"orderId", "wsUrl", "requestId"}
    assert await in_thread(count_orders) == 1


@by_socket
@pytest.mark.parametrize("key", ["", "a b", 7, True, ["k"], "x" * 256])
async def test_the_socket_refuses_a_bad_key(key):
    async with open_socket() as socket:
        await socket.send(order_text(idempotencyKey=key))

        assert (await socket.frame())["code"] == "invalid_idempotency_key"
    assert await in_thread(count_orders) == 0


def test_a_key_belongs_into_the_header_by_rest():
    answer = post(order_text(idempotencyKey="k"))

    assert fields(answer.json()) == [("idempotencyKey", "unknown_field")]


def test_many_unknown_fields_make_a_short_answer():
    answer = post(json.dumps({f"field {number}": 1 for number in range(2_000)}))

    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 4_000


def test_another_content_type_is_refused_and_nothing_stored(client):
    answer = client.post("/api/orders/execute", order_text(), content_type="text/plain")

    assert (answer.status_code, answer.json()["code"]) == (
        415,
        "unsupported_media_type",
    )
    assert count_orders() == 0


def test_a_body_of_64_kib_is_read_to_its_end():
    assert fields(post(padded(LIMIT)).json()) == [("a", "unknown_field")]


def test_the_policy_sets_the_maximum_of_slippage(settings):
    settings.MAX_SLIPPAGE_BPS = 99

    problem = post(order_text(slippage="0.01")).json()

    assert fields(problem) == [("slippage", "slippage_out_of_range")]
    assert problem["errors"][0]["message"] == "Use a fraction from 0 to 0.0099."


def test_a_mint_comes_before_a_symbol_that_looks_like_it():
    Token.objects.filter(symbol="A").update(mint="short-mint")
    make_token("short-mint")

    assert post(order_text(tokenIn="short-mint")).status_code == 201
    assert Order.objects.get().token_in.symbol == "A"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/API/orders", "//api/orders", "/api/orders/"]
)
def test_an_address_that_was_meant_to_be_of_the_api_is_a_problem(client, path):
    answer = client.generic("GET", "/", PATH_INFO=path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/apiary", "/x/api/orders"])
def test_any_other_address_is_a_page_that_is_not_there(client, path):
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_an_unknown_address_below_api_is_a_problem(client):
    answer = client.get("/api/nothing/here")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer["Content-Type"] == "application/problem+json"
