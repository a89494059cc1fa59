"""Random transactions about as large as the limits of one transaction."""

from __future__ import annotations

import struct

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.localnet.lookup import Table
from dex.solana.addresses import (
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account

from . import others, tokens
from .world import AUTHORITY, NEW, USERS, World, paying, readonly, writable

LARGE_TABLE = Pubkey(bytes([107]) * 32)
STRANGERS = [Pubkey(bytes([108, number] * 16)) for number in range(80)]
TEN_MEBIBYTES = 10 * 1024 * 1024
MAX_UNITS = 1_400_000
# Instructions of SPL Token that make no syscall on their way to success.
PLAIN_TAGS = frozenset({3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15})


def message(world: World) -> MessageV0:
    """Draw a transaction that reaches one of the limits, or nearly so."""
    kind = world.rng.choice([many_accounts, many_instructions, scarce_units])
    return (allocations if world.rng.random() < 0.1 else kind)(world)


def many_accounts(world: World) -> MessageV0:
    """Name about 64 accounts, most of them in a lookup table."""
    if LARGE_TABLE not in world.twins.here:
        data = Table(AUTHORITY, tuple(STRANGERS)).encode()
        world.twins.put(LARGE_TABLE, Account(LOOKUP_TABLE_PROGRAM, 10**9, data))
    pay = others.lamports(world)
    named = world.rng.sample(STRANGERS, world.rng.randrange(56, 66))
    accounts = [*pay.accounts, *map(readonly, named)]
    table = AddressLookupTableAccount(LARGE_TABLE, STRANGERS)
    return _compile(
        world, Instruction(SYSTEM_PROGRAM, pay.data, accounts), tables=[table]
    )


def many_instructions(world: World) -> MessageV0:
    """Run about 64 instructions, of which some call others."""
    rng, user = world.rng, USERS[0].pubkey()
    pay = Instruction(
        SYSTEM_PROGRAM, struct.pack("<IQ", 2, 1), [paying(user), writable(user)]
    )
    last = [tokens.associated(world) for _ in range(rng.randrange(3))]
    return _compile(world, *[pay] * rng.randrange(53, 66), *last)


def allocations(world: World) -> MessageV0:
    """Give accounts about 20 MiB, some of which a closed account may have given back."""
    rng = world.rng
    sizes = [TEN_MEBIBYTES, TEN_MEBIBYTES - rng.randrange(100), rng.randrange(400)]
    allocated = [
        Instruction(SYSTEM_PROGRAM, struct.pack("<IQ", 8, size), [paying(new.pubkey())])
        for new, size in zip(rng.sample(NEW, 3), sizes, strict=True)
    ]
    closed = [tokens.closing(world)] if rng.random() < 0.5 else []
    return _compile(world, *closed, *allocated)


def scarce_units(world: World) -> MessageV0:
    """Ask for fewer compute units than a transaction needs, or for just as many.

    Only where localnet knows the exact units and no program makes a syscall. Within one
    (a log line, a sysvar, return data) the runtime says ComputationalBudgetExceeded, else
    ProgramFailedToComplete; where in its units a program makes them, only its code tells.
    """
    rng = world.rng
    makers = [tokens.transfers, tokens.delegations, tokens.authorities, tokens.supply]
    legs = [rng.choice([others.lamports, *makers])(world) for _ in range(3)]
    legs = [leg for leg in legs if _is_plain(leg)]
    tried = _compile(world, _unit_limit(MAX_UNITS), *legs)
    real, ours = world.twins.try_out(tried)
    if real.error is not None or real.units != ours.units:
        return tried
    return _compile(world, _unit_limit(rng.randrange(real.units + 2)), *legs)


def _is_plain(leg: Instruction) -> bool:
    if leg.program_id == TOKEN_PROGRAM:
        return leg.data[0] in PLAIN_TAGS
    return leg.program_id == SYSTEM_PROGRAM


def _unit_limit(units: int) -> Instruction:
    return Instruction(COMPUTE_BUDGET_PROGRAM, struct.pack("<BI", 2, units), [])


def _compile(
    world: World,
    *instructions: Instruction,
    tables: list[AddressLookupTableAccount] | None = None,
) -> MessageV0:
    blockhash = world.twins.vm.latest_blockhash()
    payer = USERS[0].pubkey()
    return MessageV0.try_compile(payer, list(instructions), tables or [], blockhash)
