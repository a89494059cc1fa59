"""A socket with an orderId: every event once, in order, whenever it opens."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from orders import events, hub
from orders.event_frames import event_frame
from orders.models import Order, OrderEvent, Status
from orders.threads import in_thread

from .clients import events_of, open_socket
from .helpers import HAPPY_PATH, claim, make_order, make_order_at, move

pytestmark = pytest.mark.django_db(transaction=True)

HAPPY = [str(status) for status in HAPPY_PATH]
STEPS = list(itertools.pairwise(HAPPY_PATH))


def stored(order: Order) -> list[dict[str, Any]]:
    return [event_frame(event) for event in OrderEvent.objects.filter(order=order)]


class Drive:
    """Carries one order along the happy path, a step at a call."""

    def __init__(self) -> None:
        self.order = make_order()
        self._held = claim(self.order)
        self._steps = iter(STEPS)

    def step(self) -> None:
        move(self._held, *next(self._steps))

    def finish(self) -> None:
        for step in self._steps:
            move(self._held, *step)


async def test_an_early_socket_sees_each_step_as_it_happens():
    drive = await in_thread(Drive)
    async with open_socket(f"?orderId={drive.order.id}") as socket:
        seen = [await socket.frame()]
        for _ in STEPS:
            await in_thread(drive.step)
            seen.append(await socket.frame())
        assert await socket.close_code() == 1000

    assert [frame["status"] for frame in seen] == HAPPY
    assert seen == await in_thread(stored, drive.order)


async def test_an_event_has_exactly_the_members_of_the_contract():
    order, _ = await in_thread(make_order_at, Status.ROUTING)
    async with open_socket(f"?orderId={order.id}") as socket:
        first, second = await socket.frames(2)

    assert list(first) == [
        "orderId",
        "sequence",
        "status",
        "attempt",
        "timestamp",
        "data",
    ]
    assert (first["orderId"], first["sequence"], first["attempt"]) == (
        str(order.id),
        1,
        0,
    )
    assert (second["sequence"], second["attempt"], second["data"]) == (2, 1, {})
    moment, zone = second["timestamp"][:-1], second["timestamp"][-1]
    assert (len(moment), zone) == (len("2026-11-20T09:14:03.120"), "Z")


async def test_a_late_socket_replays_the_history_and_goes_on_live():
    drive = await in_thread(Drive)
    await in_thread(drive.step)
    await in_thread(drive.step)
    async with open_socket(f"?orderId={drive.order.id}") as socket:
        seen = await socket.frames(3)
        await in_thread(drive.finish)
        seen += await socket.frames(2)
        assert await socket.close_code() == 1000

    assert seen == await in_thread(stored, drive.order)


async def test_a_socket_after_the_end_gets_the_whole_history_and_1000():
    order, _ = await in_thread(make_order_at, Status.CONFIRMED)

    assert await events_of(order.id) == await in_thread(stored, order)
    assert await events_of(order.id) == await in_thread(stored, order)  # and again


async def test_an_unhappy_end_closes_with_1000_too():
    order, _ = await in_thread(make_order_at, Status.EXPIRED)

    assert [frame["status"] for frame in await events_of(order.id)] == [
        "pending",
        "expired",
    ]


@pytest.mark.parametrize("after", range(5))
async def test_after_skips_what_the_client_has_seen(after):
    order, _ = await in_thread(make_order_at, Status.CONFIRMED)

    frames = await events_of(order.id, f"&after={after}")

    assert [frame["sequence"] for frame in frames] == list(range(after + 1, 6))


async def test_nothing_is_left_after_the_last_event():
    order, _ = await in_thread(make_order_at, Status.CONFIRMED)
    async with open_socket(f"?orderId={order.id}&after=5") as socket:
        assert await socket.close_code() == 1000


async def test_reconnecting_anywhere_yields_the_table_once():
    """20 clients that drop and come back at random moments, while the order moves."""
    drive = await in_thread(Drive)
    rng = random.Random(7)

    async def client(patience: Iterator[int]) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        while len(seen) < len(HAPPY):
            after = f"&after={len(seen)}" if seen else ""
            async with open_socket(f"?orderId={drive.order.id}{after}") as socket:
                for _ in range(next(patience)):
                    seen.append(await socket.frame())
                    if len(seen) == len(HAPPY):
                        assert await socket.close_code() == 1000
                        break
        return seen

    clients = [
        asyncio.create_task(client(iter([rng.randint(0, 3) for _ in range(100)])))
        for _ in range(20)
    ]
    for _ in STEPS:
        await in_thread(drive.step)
        await asyncio.wait(clients, timeout=rng.random() / 20)

    async with asyncio.timeout(20):
        histories = await asyncio.gather(*clients)
    table = await in_thread(stored, drive.order)
    assert histories == [table] * 20


async def test_an_event_whose_hint_is_lost_comes_with_the_gap_query(monkeypatch):
    monkeypatch.setattr(hub, "GAP_QUERY_S", 0.1)
    drive = await in_thread(Drive)
    async with open_socket(f"?orderId={drive.order.id}") as socket:
        await socket.frame()
        monkeypatch.setattr(events.HintSender, "send", lambda *_: None)
        await in_thread(drive.finish)

        assert [frame["sequence"] for frame in await socket.frames(4)] == [2, 3, 4, 5]
        assert await socket.close_code() == 1000


async def test_repeated_and_reordered_hints_change_nothing():
    drive = await in_thread(Drive)
    async with open_socket(f"?orderId={drive.order.id}") as socket:
        await socket.frame()
        await in_thread(drive.step)
        await in_thread(drive.step)
        for sequence in (3, 1, 2, 3, 9, 2):
            events._sender().send(str(drive.order.id), sequence)
            assert await in_thread(events.flush, 5)

        assert [frame["sequence"] for frame in await socket.frames(2)] == [2, 3]
        assert await socket.is_silent(0.1)


async def test_a_message_on_a_stream_is_answered_and_the_stream_goes_on():
    drive = await in_thread(Drive)
    async with open_socket(f"?orderId={drive.order.id}") as socket:
        await socket.frame()
        await socket.send("{}")
        await socket.send(raw=b"\x00")
        codes = [(await socket.frame())["code"] for _ in range(2)]
        await in_thread(drive.step)

        assert codes == ["unexpected_message"] * 2
        assert (await socket.frame())["sequence"] == 2
