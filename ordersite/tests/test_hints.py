"""Hints over a real Redis that is wiped, frozen, killed, or says nonsense."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import (  # type: ignore[import-untyped]
    RedisPubSubChannelLayer,
)
from django.conf import settings
from redis import Redis

from orders import events, hub
from orders.event_frames import event_frame
from orders.events import GROUP, MESSAGE_TYPE
from orders.tests.clients import Socket, open_socket
from orders.tests.faults import frozen
from orders.tests.helpers import HAPPY_PATH, claim, make_order, move
from orders.threads import in_thread
from ordersite.embedded import Layout, Valkey

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = list(itertools.pairwise(HAPPY_PATH))
LATE_S = 2.0  # the longest that an event may take without its hint
NEVER_S = 3_600.0


@pytest.fixture(autouse=True)
def channel_layer(
    valkey: Valkey, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel layer of the settings, on a Valkey of its own."""
    layers: Any = settings.CHANNEL_LAYERS
    hosts = layers["default"]["CONFIG"]["hosts"]
    layer = RedisPubSubChannelLayer(hosts=[hosts[0] | {"address": layout.redis_url}])
    monkeypatch.setitem(channel_layers.backends, "default", layer)


@pytest.fixture
def redis(valkey: Valkey, layout: Layout) -> Iterator[Redis]:
    with Redis.from_url(layout.redis_url) as client:
        yield client


class Ride:
    """An order that moves step by step, and a socket that follows it."""

    def __init__(self) -> None:
        self.order = make_order()
        self._held = claim(self.order)
        self._steps = iter(STEPS)
        self._seen = 0

    def move(self) -> None:
        move(self._held, *next(self._steps))

    def table(self) -> list[dict[str, Any]]:
        return [event_frame(event) for event in self.order.events.all()]

    async def step(self, socket: Socket, within_s: float) -> None:
        """Move the order; its next event must reach the socket in time, alone."""
        await in_thread(self.move)
        async with asyncio.timeout(within_s):
            await self.see(socket)

    async def see(self, socket: Socket) -> None:
        self._seen += 1
        assert (await socket.frame())["sequence"] == self._seen


@asynccontextmanager
async def riding(redis: Redis) -> AsyncIterator[tuple[Ride, Socket]]:
    """Follow a new order by a socket whose hub hears hints."""
    ride = await in_thread(Ride)
    async with open_socket(f"?orderId={ride.order.id}") as socket:
        await ride.see(socket)
        await until_subscribed(redis)
        yield ride, socket


async def until_subscribed(redis: Redis) -> None:
    """Wait until the hub hears hints."""
    async with asyncio.timeout(20):
        while True:
            counted = await asyncio.to_thread(
                redis.pubsub_numsub, f"asgi__group__{GROUP}"
            )
            if dict(counted)[f"asgi__group__{GROUP}".encode()]:
                return
            await asyncio.sleep(0.02)


async def test_the_subscription_outlives_a_flush(monkeypatch, redis):
    monkeypatch.setattr(hub, "GAP_QUERY_S", NEVER_S)  # so that hints alone carry
    async with riding(redis) as (ride, socket):
        await ride.step(socket, LATE_S)
        redis.flushall()

        for _ in range(3):
            await ride.step(socket, LATE_S)


async def test_a_redis_that_was_killed_and_started_again_is_heard_again(
    monkeypatch, valkey, redis
):
    async with riding(redis) as (ride, socket):
        await asyncio.to_thread(kill, valkey)
        await ride.step(socket, LATE_S + 1)  # the gap query carries

        await asyncio.to_thread(valkey.start)
        await until_subscribed(redis)
        monkeypatch.setattr(hub, "GAP_QUERY_S", NEVER_S)
        await ride.step(socket, LATE_S + 1)  # it may have planned one more gap query
        for _ in range(2):
            await ride.step(socket, LATE_S)  # hints alone


def kill(server: Valkey) -> None:
    assert server.process is not None
    for member in psutil.Process(server.process.pid).children(recursive=True):
        member.kill()
    server.process.kill()
    server.process.wait(10)


async def test_events_come_in_time_while_redis_stands_still_and_by_hints_afterwards(
    monkeypatch, valkey, redis
):
    async with riding(redis) as (ride, socket):
        with frozen(psutil.Process(valkey.process.pid)):
            await ride.step(socket, LATE_S + 1)
            await ride.step(socket, LATE_S + 1)

        assert await in_thread(events.flush, 5)
        monkeypatch.setattr(hub, "GAP_QUERY_S", NEVER_S)
        await ride.step(socket, LATE_S + 1)
        await ride.step(socket, LATE_S)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.prove) for seed in range(1, 10))]
)
async def test_dropped_repeated_and_shuffled_hints_change_no_log(monkeypatch, seed):
    """The hints of ten orders, as a bad network would deliver them."""
    rng = random.Random(seed)
    monkeypatch.setattr(hub, "GAP_QUERY_S", 0.2)
    monkeypatch.setattr(events.HintSender, "send", lambda *_: None)  # by hand below
    rides = [await in_thread(Ride) for _ in range(10)]
    sockets = [Socket(f"?orderId={ride.order.id}", ()) for ride in rides * 2]
    for socket in sockets:
        assert await socket.connect()
    layer: Any = channel_layers["default"]
    hints: list[dict[str, int]] = []
    for ride in rides * len(STEPS):
        await in_thread(ride.move)
        hints.append({str(ride.order.id): rng.randint(1, 7)})
        if rng.random() < 0.5:
            for hint in rng.choices(hints, k=3):  # some twice, some never
                await layer.group_send(GROUP, {"type": MESSAGE_TYPE, "orders": hint})

    logs = [await socket.frames(5) for socket in sockets]
    assert [await socket.close_code() for socket in sockets] == [1000] * 20
    assert logs == [await in_thread(ride.table) for ride in rides] * 2
    for socket in sockets:
        await socket.leave()
