"""How many orders one socket may send, and what its other messages count as."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from orders.models import Order
from orders.services import cancel_order
from orders.threads import in_thread

from .clients import Socket, open_socket, order_text
from .helpers import make_order, make_owner, make_token
from .limits import set_limits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _market():
    make_token("A")
    make_token("B")
    make_owner()


async def frames_for(socket: Socket, *messages: str | bytes) -> list[dict[str, Any]]:
    """Send all messages at once; return the frame that answers each."""
    for message in messages:
        if isinstance(message, str):
            await socket.send(message)
        else:
            await socket.send(raw=message)
    answers: list[dict[str, Any]] = []
    while len(answers) < len(messages):
        frame = await socket.frame()
        if "sequence" not in frame:
            answers.append(frame)
    return answers


async def end(socket: Socket, order_id: str) -> None:
    """Cancel an order, and hear of it."""
    await in_thread(lambda: cancel_order(Order.objects.get(id=UUID(order_id))))
    while (frame := await socket.frame()).get("status") != "cancelled":
        assert frame["status"] == "pending"
    assert frame["orderId"] == order_id


async def answers_to(socket: Socket, *messages: str | bytes) -> list[str]:
    """Send all messages at once; return the code of each answer, or `placed`."""
    frames = await frames_for(socket, *messages)
    return [frame.get("code", "placed") for frame in frames]


async def test_a_socket_takes_no_order_beyond_its_open_ones(settings):
    settings.SOCKET_ORDERS = 2
    async with open_socket() as socket:
        answers = await answers_to(socket, *[order_text()] * 3)

        assert answers == ["placed", "placed", "too_many_orders"]
        assert await answers_to(socket, order_text()) == ["too_many_orders"]
        assert await in_thread(Order.objects.count) == 2


async def test_an_order_that_is_not_stored_leaves_its_place_to_another(settings):
    settings.SOCKET_ORDERS = 1
    settings.MAX_ORDER = 100
    async with open_socket() as socket:
        for _ in range(3):
            denied = await answers_to(socket, order_text(amountIn=101))
            assert denied == ["order_too_large"]

        assert await answers_to(socket, order_text()) == ["placed"]


async def test_following_one_order_is_no_open_order_of_a_socket(settings):
    settings.SOCKET_ORDERS = 1
    order = await in_thread(make_order)
    async with open_socket(f"?orderId={order.id}") as socket:
        assert (await socket.frame())["sequence"] == 1


async def test_a_repetition_takes_no_place_and_is_answered_where_none_is_left(settings):
    settings.SOCKET_ORDERS = 2
    a, b, c, d = (order_text(idempotencyKey=f"key-{name}") for name in "abcd")
    async with open_socket() as socket:
        first = await frames_for(socket, a, a, b, a, c, c, order_text(), b)
        known = [first[0]["orderId"], first[2]["orderId"]]
        full = "too_many_orders"
        assert [frame.get("code", frame.get("orderId")) for frame in first] == [
            *(known[0], known[0], known[1], known[0]),
            *(full, full, full, known[1]),
        ]
        for order_id in known:
            await end(socket, order_id)
        # Both places are free again, whatever is repeated, under whichever name.
        renamed = order_text(idempotencyKey="key-b", clientOrderId="b")
        answers = await answers_to(socket, a, b, a, c, renamed, d, a, order_text())

    conflict = "idempotency_conflict"
    assert answers == [*["placed"] * 4, conflict, *["placed"] * 2, full]
    assert await in_thread(Order.objects.count) == 4


async def test_a_message_that_is_no_order_takes_no_place_of_one(settings):
    settings.SOCKET_ORDERS = 1
    async with open_socket() as socket:
        answers = await answers_to(socket, *["{}"] * 5, order_text(), "{}", "[]")

        wrong = "validation_failed"
        assert answers == [wrong] * 5 + ["placed", wrong, "not_an_object"]


async def test_a_message_that_is_no_order_spends_none(settings):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_ORDERS=1))
    async with open_socket() as socket:
        answers = await answers_to(socket, *["{}"] * 5, order_text(), order_text())
        assert answers == ["validation_failed"] * 5 + ["placed", "rate_limited"]

        assert await answers_to(socket, "{}") == ["validation_failed"]


async def test_an_order_beyond_the_open_ones_spends_none(settings):
    settings.SOCKET_ORDERS = 1
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_ORDERS=2))
    async with open_socket() as one, open_socket() as other:
        answers = await answers_to(one, *[order_text()] * 5)

        assert answers == ["placed"] + ["too_many_orders"] * 4
        assert await answers_to(other, order_text()) == ["placed"]


async def test_a_message_that_places_nothing_is_a_request(settings):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_REQUESTS=3))
    async with open_socket() as socket:  # one request
        assert await answers_to(socket, order_text()) == ["placed"]
        assert await answers_to(socket, "[]") == ["not_an_object"]
        assert await answers_to(socket, "{}") == ["validation_failed"]
        assert await answers_to(socket, "{}") == ["rate_limited"]

        (unread,) = await frames_for(socket, order_text())
        assert (unread["code"], unread["limit"]) == ("rate_limited", 3)
        assert await in_thread(Order.objects.count) == 1


@pytest.mark.parametrize(
    ("query", "said", "code"),
    [
        pytest.param("", b"\x00", "binary_message", id="binary"),
        pytest.param("", " " * 65_537, "body_too_large", id="long"),
        pytest.param("?orderId={}", "{}", "unexpected_message", id="to a stream"),
    ],
)
async def test_a_message_that_cannot_be_an_order_is_a_request_too(
    settings, query, said, code
):
    await in_thread(lambda: set_limits(settings, RATE_LIMIT_REQUESTS=3))
    order = await in_thread(make_order)
    async with open_socket(query.format(order.id)) as socket:  # one request
        assert await answers_to(socket, *[said] * 3) == [code, code, "rate_limited"]
