"""Random messages that load addresses from lookup tables."""

from __future__ import annotations

import struct

from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import (
    MessageAddressTableLookup,
    MessageHeader,
    MessageV0,
)
from solders.pubkey import Pubkey

from dex.solana.addresses import SYSTEM_PROGRAM

from .world import World


def message(world: World) -> MessageV0:
    """Send lamports to an address that a table holds, or that it does not."""
    rng = world.rng
    payer = world.user()
    table = _table(world)
    held = world.twins.here.get(table)
    count = 0 if held is None else max(0, len(held.data) - 56) // 32
    positions = [rng.randrange(max(1, count + (rng.random() < 0.1))) for _ in range(2)]
    writable, readonly = positions[: rng.randrange(3)], positions[: rng.randrange(2)]
    if rng.random() < 0.7:
        readonly = [each for each in readonly if each not in writable]
    loaded = len(set(writable)) + len(readonly)
    target = 2 + rng.randrange(max(1, loaded))
    data = struct.pack("<IQ", 2, rng.choice([0, 1, 10**6, 10**9]))
    return MessageV0(
        MessageHeader(1, 0, 1),
        [payer, SYSTEM_PROGRAM],
        Hash.default(),
        [CompiledInstruction(1, data, bytes([0, target]))],
        [MessageAddressTableLookup(table, bytes(writable), bytes(readonly))],
    )


def _table(world: World) -> Pubkey:
    rng = world.rng
    if not world.tables or rng.random() < 0.1:
        return world.any_address()
    return rng.choice(world.tables)[0]
