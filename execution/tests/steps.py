"""What the tests of the engine share: waiting, stepping, and changing the chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_PROGRAM
from dex.types import Account
from execution.carrier import Carrier
from orders.held import read_held

BIN_ARRAY_BYTES = 10_136
HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]


def statuses(history):
    return [status.value for status, _, _ in history]


async def until(stage, order_id, condition):
    """Wait for a state of the row; the engine works in the background meanwhile."""
    pause_s = 0.005
    async with asyncio.timeout(20):
        while not condition(await stage.order(order_id)):
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.03)


async def empty(stage, venue, pool):
    """Take every token out of a pool's vaults and bins, as its owners could."""
    ledger = stage.localnet.ledger
    accounts: dict[Pubkey, Account | None] = {}
    while missing := [a for a in venue.addresses(pool, accounts) if a not in accounts]:
        accounts |= {address: ledger.account(address) for address in missing}
    changes = []
    for address, account in accounts.items():
        if account is None:
            continue
        data = bytearray(account.data)
        if account.owner == TOKEN_PROGRAM and len(data) == 165:
            data[64:72] = bytes(8)  # the balance of a token account
        elif len(data) == BIN_ARRAY_BYTES:
            for start in range(56, BIN_ARRAY_BYTES, 144):
                data[start : start + 16] = bytes(16)  # both amounts of a bin
        changes.append((address, replace(account, data=bytes(data))))
    ledger.put(changes)
    ledger.commit()


async def until_step(stage, claim, status):
    """Carry an order step by step until it has `status`, as a holder that then dies."""
    await step_until(stage, Carrier(stage.engine, claim), status)


async def step_until(stage, carrier, status):
    claim = carrier.claim
    while (held := await stage.database.run(read_held, claim)) is not None:
        if held.order.status == status:
            return
        await carrier.step(held)
