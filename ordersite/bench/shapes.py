"""The shapes of load: in which rhythm orders are placed, and how they are heard."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from .engine_client import FAILURES, EngineClient, Ordered
from .plan import AFTER, Plan
from .shared import share

Carry = Callable[[Ordered], Awaitable[None]]

QUIET_WITHIN_S = 900.0
LOOK_EVERY_S = 0.5


async def load(client: EngineClient, plan: Plan) -> None:
    """Place all orders of a plan; return when they are answered, or heard to the end."""
    carry = carrying(client, plan)
    if plan.shape == "shared":
        await share(
            client, plan.orders, sockets=plan.sockets, concurrency=plan.concurrency
        )
    elif plan.shape == "open":
        await open_loop(client, plan.orders, plan.rate_per_s, plan.seed, carry)
    elif plan.shape == "burst":
        await burst(client, plan.orders, plan.concurrency, live=plan.follow != AFTER)
    else:
        await closed_loop(client, plan.orders, plan.concurrency, carry)


def carrying(client: EngineClient, plan: Plan) -> Carry:
    """Return what is done with one order."""

    async def carry(order: Ordered) -> None:
        if await client.place(order) and plan.follow != AFTER:
            await client.follow(order)

    return carry


async def closed_loop(
    client: EngineClient, orders: int, concurrency: int, carry: Carry
) -> None:
    """Keep so many clients busy: each begins its next order when its last one is done."""
    left = iter(range(orders))

    async def one_client() -> None:
        for _ in left:
            await carry(client.new_order())

    await asyncio.gather(*(one_client() for _ in range(min(concurrency, orders))))


async def burst(
    client: EngineClient, orders: int, connections: int, *, live: bool
) -> None:
    """Place all orders at one moment, as fast as so many connections take them.

    Their latencies count from that moment. `live`: each is followed once it is answered.
    """
    began = time.monotonic()
    left = iter(range(orders))
    following: list[asyncio.Task[None]] = []

    async def one_connection() -> None:
        for _ in left:
            order = client.new_order(began)
            if await client.place(order) and live:
                following.append(asyncio.create_task(client.follow(order)))

    await asyncio.gather(*(one_connection() for _ in range(connections)))
    await asyncio.gather(*following)


async def open_loop(
    client: EngineClient, orders: int, rate_per_s: float, seed: int, carry: Carry
) -> None:
    """Place orders at random moments, on average so many a second, whatever is going on.

    A latency counts from the moment at which its order was to be placed: when this
    process or the engine is behind, that is part of it.
    """
    rng = random.Random(f"arrivals:{seed}")
    due = time.monotonic()
    running = set()
    for _ in range(orders):
        due += rng.expovariate(rate_per_s)
        await asyncio.sleep(max(due - time.monotonic(), 0))
        task = asyncio.ensure_future(carry(client.new_order(due)))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def wait_until_quiet(client: EngineClient) -> None:
    """Wait until every order has ended. Counts an error when that takes too long."""
    give_up_at = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < give_up_at:
        try:
            if await client.is_quiet():
                return
        except FAILURES:
            pass  # asked again
        await asyncio.sleep(LOOK_EVERY_S)
    client.errors[f"orders still open after {QUIET_WITHIN_S:g} s"] += 1


async def read_histories(client: EngineClient, concurrency: int) -> None:
    """Hear every order that was answered, after its end."""
    left = iter([order for order in client.orders if order.ws_url])

    async def one_client() -> None:
        for order in left:
            await client.follow(order)

    await asyncio.gather(*(one_client() for _ in range(concurrency)))


@asynccontextmanager
async def reading_lists(
    client: EngineClient, readers: int
) -> AsyncIterator[list[float]]:
    """Have clients read the newest orders again and again; yields the milliseconds."""
    took_ms: list[float] = []

    async def read() -> None:
        while True:
            began = time.monotonic()
            await client.read_list("limit=50")
            took_ms.append((time.monotonic() - began) * 1000)

    tasks = [asyncio.create_task(read()) for _ in range(readers)]
    try:
        yield took_ms
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
