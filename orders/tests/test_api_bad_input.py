"""Every bad input: a clear error with its code, by REST and by socket; nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dex.models import Token
from dex.solana.addresses import TOKEN_PROGRAM
from orders.models import Order
from orders.threads import in_thread

from .clients import ORDER, open_socket, order_text, post
from .helpers import make_owner, make_token
from .test_parsers import BAD_BODIES, LIMIT, padded

pytestmark = pytest.mark.django_db
by_socket = pytest.mark.django_db(transaction=True)

MINT_OF_A = "So11111111111111111111111111111111111111112"


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


def without(field: str) -> str:
    return json.dumps({name: value for name, value in ORDER.items() if name != field})


def literal(field: str, text: str) -> str:
    """The order with `text` as it stands for the value of a field."""
    return json.dumps(ORDER | {field: "@@"}).replace('"@@"', text)


# Each bad order, with the fields it names and their codes.
BAD_FIELDS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    **{f"no {field}": (without(field), [(field, "missing_field")]) for field in ORDER},
    "unknown field": (order_text(price=1), [("price", "unknown_field")]),
    "key in the body": (
        order_text(owner="me", id=7),
        [("owner", "unknown_field"), ("id", "unknown_field")],
    ),
    "limit": (order_text(type="limit"), [("type", "unsupported_type")]),
    "MARKET": (order_text(type="MARKET"), [("type", "unsupported_type")]),
    "type 1": (order_text(type=1), [("type", "invalid_type")]),
    "type null": (order_text(type=None), [("type", "invalid_type")]),
    "type list": (order_text(type=["market"]), [("type", "invalid_type")]),
    "unknown token": (order_text(tokenIn="NOPE"), [("tokenIn", "unknown_token")]),
    "disabled token": (order_text(tokenOut="OFF"), [("tokenOut", "unknown_token")]),
    "lower case": (order_text(tokenIn="a"), [("tokenIn", "unknown_token")]),
    "empty token": (order_text(tokenIn=""), [("tokenIn", "unknown_token")]),
    "NUL token": (order_text(tokenIn="A\0"), [("tokenIn", "unknown_token")]),
    "long token": (order_text(tokenIn="A" * 5_000), [("tokenIn", "unknown_token")]),
    "token 7": (order_text(tokenIn=7), [("tokenIn", "invalid_type")]),
    "token object": (order_text(tokenIn={"mint": "A"}), [("tokenIn", "invalid_type")]),
    "ambiguous token": (order_text(tokenIn="TWIN"), [("tokenIn", "ambiguous_token")]),
    "same token": (order_text(tokenOut="A"), [("tokenOut", "same_token")]),
    "same token by mint": (
        order_text(tokenOut=MINT_OF_A),
        [("tokenOut", "same_token")],
    ),
    "amount 0": (order_text(amountIn=0), [("amountIn", "amount_not_positive")]),
    "amount 0.0": (literal("amountIn", "0.0"), [("amountIn", "amount_not_positive")]),
    "amount -0": (literal("amountIn", "-0"), [("amountIn", "amount_not_positive")]),
    "amount -1": (order_text(amountIn=-1), [("amountIn", "amount_not_positive")]),
    "amount '-1'": (order_text(amountIn="-1"), [("amountIn", "amount_not_positive")]),
    "amount 'NaN'": (order_text(amountIn="NaN"), [("amountIn", "invalid_number")]),
    "amount '1e5'": (order_text(amountIn="1e5"), [("amountIn", "invalid_number")]),
    "amount '1_000'": (order_text(amountIn="1_000"), [("amountIn", "invalid_number")]),
    "amount '1,5'": (order_text(amountIn="1,5"), [("amountIn", "invalid_number")]),
    "amount ' 1'": (order_text(amountIn=" 1"), [("amountIn", "invalid_number")]),
    "amount '+1'": (order_text(amountIn="+1"), [("amountIn", "invalid_number")]),
    "amount '.5'": (order_text(amountIn=".5"), [("amountIn", "invalid_number")]),
    "amount '１'": (order_text(amountIn="１"), [("amountIn", "invalid_number")]),
    "amount ''": (order_text(amountIn=""), [("amountIn", "invalid_number")]),
    "amount true": (order_text(amountIn=True), [("amountIn", "invalid_type")]),
    "amount null": (order_text(amountIn=None), [("amountIn", "invalid_type")]),
    "amount list": (order_text(amountIn=[1]), [("amountIn", "invalid_type")]),
    "5,000 digits": (
        order_text(amountIn="9" * 5_000),
        [("amountIn", "invalid_number")],
    ),
    "5,000 digits as number": (
        literal("amountIn", "9" * 5_000),
        [("amountIn", "invalid_number")],
    ),
    "10 decimals": (
        order_text(amountIn="0.0000000001"),
        [("amountIn", "too_many_decimals")],
    ),
    "u64 + 1": (
        order_text(amountIn="18446744073.709551616"),
        [("amountIn", "amount_too_large")],
    ),
    "64 digits": (order_text(amountIn="9" * 64), [("amountIn", "amount_too_large")]),
    "slippage -1 bps": (
        order_text(slippage="-0.0001"),
        [("slippage", "slippage_out_of_range")],
    ),
    "slippage over the policy": (
        order_text(slippage="0.5001"),
        [("slippage", "slippage_out_of_range")],
    ),
    "half a basis point": (
        order_text(slippage="0.00005"),
        [("slippage", "slippage_too_fine")],
    ),
    "slippage 'much'": (order_text(slippage="much"), [("slippage", "invalid_number")]),
    "slippage false": (order_text(slippage=False), [("slippage", "invalid_type")]),
    "everything": (
        json.dumps(dict.fromkeys(ORDER, False)),
        [(field, "invalid_type") for field in ORDER],
    ),
}


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

        assert set(await socket.frame()) == {"orderId", "wsUrl"}
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


def test_a_foreign_host_is_refused(client):
    answer = client.get("/api/orders", headers={"host": "evil.example"})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_an_unknown_address_below_api_is_a_problem(client):
    answer = client.get("/api/nothing/here")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer["Content-Type"] == "application/problem+json"
