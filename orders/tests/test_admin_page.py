from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.admin.page import OrderPage, duration, facts
from orders.models import Order, OrderEvent, Status

from .admin_pages import page_of, text_of
from .helpers import (
    ERRORED,
    claim,
    make_order,
    make_order_at,
    move,
)

pytestmark = pytest.mark.django_db

WINNER = {
    "venue": "meteora",
    "pool": "PoolOfMeteora",
    "amountIn": "100",
    "amountOut": "1999.5",
    "price": "19.995",
    "feeAmount": "0.2",
    "feeToken": "A",
    "feeBps": 20,
    "priceImpactBps": 3,
    "slot": 55,
    "networkFeeLamports": "5040",
    "rentLamports": "2039280",
    "netAmountOut": "1998.25",
    "pendingSwaps": 2,
}
LOSER = WINNER | {
    "venue": "raydium",
    "pool": "PoolOfRaydium",
    "amountOut": "1990",
    "lost": {"code": "lower_output", "reason": "9.5 B less than meteora"},
}
REFUSED = {
    "venue": "raydium",
    "pool": "EmptyPool",
    "lost": {"code": "no_liquidity", "reason": "the pool is empty"},
}
ROUTED = {"route": WINNER, "quotes": [WINNER, LOSER, REFUSED]}


def test_an_order_page_costs_the_same_number_of_queries_for_any_number_of_events(
    admin_client, django_assert_max_num_queries
):
    def queries(order: Order) -> int:
        with django_assert_max_num_queries(20) as captured:
            assert admin_client.get(page_of(order)).status_code == 200
        return len(captured)

    short, _ = make_order_at(Status.ROUTING)
    long, held = make_order_at(Status.SUBMITTED, data={Status.BUILDING: ROUTED})
    for number in (2, 3):
        move(held, Status.SUBMITTED, Status.ROUTING, attempt=number, closes=ERRORED)
        move(held, Status.ROUTING, Status.BUILDING, attempt=number, data=ROUTED)
        move(held, Status.BUILDING, Status.SUBMITTED, attempt=number)

    queries(short)  # Django looks content types up once in a process
    assert queries(long) == queries(short)


def test_the_timeline_says_how_long_each_step_took(admin_client):
    order, _ = make_order_at(Status.CONFIRMED)
    start = Order.objects.get(id=order.id).created_at
    for sequence, after_ms in enumerate((0, 20, 400, 1_100, 11_100), start=1):
        OrderEvent.objects.filter(order=order, sequence=sequence).update(
            created_at=start + timedelta(milliseconds=after_ms)
        )
    Order.objects.filter(id=order.id).update(closed_at=start + timedelta(seconds=11.1))

    response = admin_client.get(page_of(order))

    steps = response.context["page"].timeline
    assert [(step.event.status, step.spent, step.share) for step in steps] == [
        ("pending", "20 ms", 0),
        ("routing", "380 ms", 3),
        ("building", "700 ms", 6),
        ("submitted", "10.0 s", 90),
        ("confirmed", "", 0),
    ]
    assert "Took 11.1 s" in text_of(response)


def test_the_step_an_open_order_is_in_counts_until_now():
    order, _ = make_order_at(Status.ROUTING)
    last = order.events.get(sequence=2).created_at

    page = OrderPage(order.id, now=last + timedelta(seconds=3))

    assert [step.spent for step in page.timeline][-1] == "3.0 s"


def test_an_order_that_moves_while_its_page_is_read_is_shown_at_one_moment(
    admin_client,
):
    order, held = make_order_at(Status.ROUTING)

    def move_before_the_history_is_read(execute, sql, *arguments):
        if "orders_orderevent" in sql and not moved:
            moved.append(True)
            move(held, Status.ROUTING, Status.BUILDING, data=ROUTED)
        return execute(sql, *arguments)

    moved: list[bool] = []
    with connection.execute_wrapper(move_before_the_history_is_read):
        response = admin_client.get(page_of(order))

    badges = re.findall(r'order-status is-(\w+)"', response.content.decode())
    assert badges[0] == "building"
    steps = response.context["page"].timeline
    assert [step.event.status for step in steps] == ["pending", "routing", "building"]


def test_quotes_stand_side_by_side_with_the_winner_marked(admin_client):
    order, _ = make_order_at(Status.CONFIRMED, data={Status.BUILDING: ROUTED})

    response = admin_client.get(page_of(order))

    (round_,) = response.context["page"].rounds
    assert [(line.quote["pool"], line.won) for line in round_.lines] == [
        ("PoolOfMeteora", True),
        ("PoolOfRaydium", False),
        ("EmptyPool", False),
    ]
    assert response.content.decode().count("is-winner") == 1
    text = text_of(response)
    assert "Meteora taken 1999.5 B" in text
    assert "Price impact 3 bps Network fee 5040 lamports" in text
    assert "New account 2039280 lamports After network costs 1998.25 B" in text
    assert "Swaps under way, counted in 2" in text
    assert "lower_output 9.5 B less than meteora" in text
    assert "no_liquidity the pool is empty" in text


@pytest.mark.parametrize("quoted", ["1999.5", "0.000002"])
def test_a_quote_that_is_not_the_one_signed_stands_beside_that_one(
    admin_client, quoted
):
    routed = ROUTED | {"route": WINNER | {"amountOut": quoted}}
    order, _ = make_order_at(Status.CONFIRMED, data={Status.BUILDING: routed})
    assert order.attempts.get().quoted_amount_out == 2_000

    text = text_of(admin_client.get(page_of(order)))

    again = "quoted again just before it was signed: 0.000002 B"
    assert (again in text) == (quoted == "1999.5")


def test_the_quotes_of_an_attempt_without_a_route_are_shown_with_the_limit(
    admin_client,
):
    order = make_order(max_price_impact_bps=250)
    held = claim(order)
    move(held, Status.PENDING, Status.ROUTING)
    move(held, Status.ROUTING, Status.ROUTING, attempt=2, data={"quotes": [REFUSED]})

    response = admin_client.get(page_of(order))

    (round_,) = response.context["page"].rounds
    assert (round_.attempt, [line.won for line in round_.lines]) == (1, [False])
    assert "Max. price impact 2.5 %" in text_of(response)


def test_attempts_are_shown_with_signature_and_error(admin_client):
    order, held = make_order_at(Status.SUBMITTED)
    move(held, Status.SUBMITTED, Status.ROUTING, attempt=2, closes=ERRORED)
    signature = order.attempts.get().signature

    text = text_of(admin_client.get(page_of(order)))

    assert signature in text
    assert "landed with an error" in text
    assert "slippage_exceeded the pool pays less" in text
    assert "5000" in text


def test_an_order_with_nothing_signed_says_so(admin_client):
    text = text_of(admin_client.get(page_of(make_order())))

    assert "Nothing was signed for this order." in text


def test_hostile_text_in_the_history_is_shown_and_not_run(admin_client):
    order = make_order()
    move(
        claim(order),
        Status.PENDING,
        Status.ROUTING,
        data={"error": {"message": "<script>alert(1)</script>"}},
    )

    body = admin_client.get(page_of(order)).content.decode()

    assert "<script>alert(1)" not in body
    assert "&lt;script&gt;alert(1)" in body


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0 ms"),
        (timedelta(milliseconds=-5), "0 ms"),
        (timedelta(milliseconds=999.4), "999 ms"),
        (timedelta(seconds=1), "1.0 s"),
        (timedelta(seconds=59.99), "59.9 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=4, seconds=10), "4 min 10 s"),
        (timedelta(hours=5, seconds=7), "5 h"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
    ],
)
def test_a_duration_is_written_with_what_matters(span, text):
    assert duration(span) == text


def test_facts_flatten_what_an_event_carries():
    data = {
        "venues": ["raydium", "meteora"],
        "error": {"code": "no_route", "message": "none"},
        "retryInMs": 500,
        "route": {},
        "quotes": [],
        "nothing": None,
    }

    assert facts(data) == [
        ("venues", "raydium, meteora"),
        ("error.code", "no_route"),
        ("error.message", "none"),
        ("retryInMs", "500"),
    ]


def test_a_moment_is_written_in_utc():
    order = make_order(deadline=datetime(2030, 1, 2, 3, 4, 5, 6_000, UTC))

    assert ("Deadline", "2030-01-02 03:04:05.006 UTC") in OrderPage(
        order.id, now=timezone.now()
    ).summary
