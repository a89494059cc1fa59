"""Orders that wait for the chain, in tests."""

from __future__ import annotations

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def carrying(stage, claim):
    """Carry a claimed order in the background; it must be done when the block ends."""
    task = asyncio.create_task(stage.engine.carry_out(claim))
    try:
        yield
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()


def waits(code):
    return lambda order: order.waiting_code == code


def waits_for_silent(code):
    """A reason that names an endpoint which is known to be silent by then."""
    return lambda order: (
        order.waiting_code == code and "does not answer" in order.waiting_message
    )


def silence(stage, node):
    """Have one node answer nothing but errors; returns how to end that."""
    rule = {"kind": "serverError", "node": node}
    faults = stage.localnet.network.faults
    faults.add(rule)
    return faults.clear


def name_of(stage, node):
    return stage.rpc.endpoints[node].name
