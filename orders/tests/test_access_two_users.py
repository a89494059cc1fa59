"""Two users on one web process: no byte about the other's orders on either's sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from typing import Any
from urllib.parse import urlsplit

import pytest

from orders.claims import Claim
from orders.models import Attempt, Order, OrderEvent, Status
from orders.threads import in_thread

from .accounts import keyed, make_text, make_user, socket_headers
from .clients import PATH, Socket, order_text
from .helpers import HAPPY_PATH, claim, make_order, move

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_is_anonymous"),
]

ORDERS = 3  # of each user, for each way to have placed them
STEPS = list(itertools.pairwise(HAPPY_PATH))


class Party:
    """A user with a placing socket, sockets on its orders, and all that they heard."""

    def __init__(self, username: str) -> None:
        self.user = make_user(username, "trader")
        self.key = make_text(self.user)
        self.headers = socket_headers(self.key)
        client = keyed(self.key)
        answers = [
            client.post(PATH, order_text(), content_type="application/json").json()
            for _ in range(ORDERS)
        ]
        self.queries = [f"?{urlsplit(one['wsUrl']).query}" for one in answers]
        self.placing = Socket("", self.headers)
        self.sockets = [
            self.placing,
            *(Socket(query, ()) for query in self.queries),
            *(Socket(f"?orderId={one['orderId']}", self.headers) for one in answers),
        ]
        self.heard: list[dict[str, Any]] = []

    async def connect(self) -> None:
        for socket in self.sockets:
            assert await socket.connect()
        for number in range(ORDERS):  # the same keys as the other's
            await self.placing.send(order_text(idempotencyKey=f"key-{number}"))

    async def hear(self) -> None:
        """Read every socket until nothing is left to come."""
        placed = ORDERS * (1 + len(HAPPY_PATH))
        counts = [placed] + [len(HAPPY_PATH)] * (2 * ORDERS)
        for socket, count in zip(self.sockets, counts, strict=True):
            self.heard += await socket.frames(count)
        for socket in self.sockets[1:]:
            assert await socket.close_code() == 1000
        assert await self.placing.is_silent(0.05)

    def secrets(self) -> set[str]:
        """Return all values by which one could tell this user's orders."""
        orders = Order.objects.filter(owner=self.user)
        attempts = Attempt.objects.filter(order__in=orders)
        return {
            *map(str, orders.values_list("id", flat=True)),
            *attempts.values_list("signature", flat=True),
            *(query.split("ticket=")[1] for query in self.queries),
            self.key,
        }


def held_orders() -> list[Claim]:
    return [claim(order) for order in Order.objects.all()]


async def test_while_orders_of_both_move_each_hears_all_of_its_own_and_no_byte_else():
    rng = random.Random(20_266)
    ada, eve = await in_thread(lambda: (Party("ada"), Party("eve")))
    await asyncio.gather(ada.connect(), eve.connect())
    async with asyncio.timeout(10):
        while await in_thread(Order.objects.count) < 4 * ORDERS:
            await asyncio.sleep(0.01)
    left = {held: list(STEPS) for held in await in_thread(held_orders)}
    while left:
        held = rng.choice(list(left))
        await in_thread(move, held, *left[held].pop(0))
        if not left[held]:
            del left[held]

    await asyncio.gather(ada.hear(), eve.hear())

    for party, other in ((ada, eve), (eve, ada)):
        events = OrderEvent.objects.filter(order__owner=party.user)
        told = [frame for frame in party.heard if "sequence" in frame]
        count = len({(one["orderId"], one["sequence"]) for one in told})
        assert count == await in_thread(events.count)
        text = json.dumps(party.heard)
        assert not [it for it in await in_thread(other.secrets) if it in text]
        assert [it for it in await in_thread(party.secrets) if it in text]
    for socket in (*ada.sockets, *eve.sockets):
        await socket.leave()


async def refused(query: str, headers: Any = ()) -> str:
    """Return all that a socket is told before it is closed, but for the id asked for.

    And but for the name of its request, which every socket has its own of.
    """
    socket = Socket(query, headers)
    assert await socket.connect()
    frame = await socket.frame()
    del frame["requestId"]
    assert await socket.close_code() == 4000 + frame["status"]
    await socket.leave()
    asked = query.partition("orderId=")[2].partition("&")[0]
    return json.dumps(frame).replace(asked, "ID")


async def test_no_proof_of_ones_own_opens_the_stream_of_another():
    ada, eve = await in_thread(lambda: (Party("ada"), Party("eve")))
    closed = await in_thread(lambda: make_order(owner=ada.user))
    hers, _, its_ticket = ada.queries[0].partition("&ticket=")
    own, _, own_ticket = eve.queries[0].partition("&ticket=")
    unknown = f"?orderId={'0' * 8}-0000-4000-8000-{'0' * 12}"

    foreign = [
        await refused(hers, eve.headers),
        await refused(f"{hers}&after=1", eve.headers),
        await refused(f"{hers}&after=9", eve.headers),
        await refused(f"?orderId={closed.id}&after=1", eve.headers),
        await refused(f"{hers}&ticket={its_ticket}", eve.headers),
        await refused(unknown, eve.headers),
    ]
    by_ticket = [
        await refused(f"{hers}&ticket={own_ticket}"),
        await refused(f"{own}&ticket={its_ticket}"),
        await refused(f"{unknown}&ticket={own_ticket}"),
        await refused(f"{hers}&ticket={own_ticket[:-1]}"),
    ]

    assert len(set(foreign)) == 1  # exactly what is told of an order that is not there
    assert len(set(by_ticket)) == 1
    assert json.loads(foreign[0])["code"] == "order_not_found"
    assert json.loads(by_ticket[0])["code"] == "invalid_ticket"


async def test_the_idempotency_key_of_another_brings_an_order_of_ones_own():
    ada, eve = await in_thread(lambda: (Party("ada"), Party("eve")))
    ids = []
    for party, amount in ((ada, 100), (eve, 7), (ada, 100), (eve, 7)):
        socket = Socket("", party.headers)
        assert await socket.connect()
        await socket.send(order_text(amountIn=amount, idempotencyKey="same"))
        placed = await socket.frame()
        event = await socket.frame()
        assert (event["orderId"], event["status"]) == (placed["orderId"], "pending")
        order = await in_thread(lambda: Order.objects.get(id=placed["orderId"]))  # noqa: B023
        assert order.owner_id == party.user.pk
        ids.append(placed["orderId"])
        await socket.leave()

    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


async def test_a_ticket_for_an_order_that_has_ended_brings_all_of_it_and_the_close():
    ada = await in_thread(lambda: Party("ada"))
    held = await in_thread(held_orders)
    for one in held:
        for step in STEPS:
            await in_thread(move, one, *step)
    for query, after in ((ada.queries[0], 0), (ada.queries[1], 3)):
        socket = Socket(f"{query}&after={after}", ())
        assert await socket.connect()
        frames = await socket.frames(len(HAPPY_PATH) - after)
        assert [one["sequence"] for one in frames] == list(
            range(after + 1, len(HAPPY_PATH) + 1)
        )
        assert frames[-1]["status"] == Status.CONFIRMED
        assert await socket.close_code() == 1000
        await socket.leave()
