"""Random instructions of the system, memo, compute budget and lookup table programs."""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.solana.addresses import (
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    MEMO_V1_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
)

from .world import NEW, World, paying, readonly, signer, writable

LAMPORTS = [0, 1, 5_000, 890_880, 10**6, 10**9, 10**12]
SPACES = [0, 1, 82, 165, 1_000, 10 * 1024 * 1024 + 1]
SEEDS = ["", "abc", "größer", "a" * 32, "a" * 33]
TEXTS = [b"", b"hello", b'"\n\t\x01\\', "größer".encode(), b"a" * 16, b"a" * 300]
NOT_UTF8 = [b"\xff", b"hi \xc3", b"\xe2\x28\xa1", b"\xf0\x90\x28", b"\xed\xa0\x80"]
BUDGETS = [
    struct.pack("<BI", 2, 1_400_000),
    struct.pack("<BI", 2, 500_000),
    struct.pack("<BI", 2, 2**32 - 1),
    struct.pack("<BQ", 3, 1),
    struct.pack("<BQ", 3, 999_999),
    struct.pack("<BQ", 3, 2**64 - 1),
    struct.pack("<BI", 1, 256 * 1024),
    struct.pack("<BI", 1, 33 * 1024 + 1),
    struct.pack("<BI", 1, 1024),
    struct.pack("<BI", 4, 0),
    struct.pack("<BI", 4, 2**31),
    struct.pack("<BII", 0, 1, 1),
    b"",
]
TABLE_OWNERS = 2


def lamports(world: World) -> Instruction:
    """Move lamports: to old, new and foreign accounts, and from addresses with a seed."""
    rng, source = world.rng, world.user()
    amount = rng.choice([*LAMPORTS, rng.randrange(10**7)])
    if rng.random() < 0.2:
        return _from_seed(world, source, amount)
    target = rng.choice([world.user(), world.any_address(), seeded(source, "abc")])
    data = struct.pack("<IQ", 2, amount)
    return Instruction(SYSTEM_PROGRAM, data, [paying(source), writable(target)])


def _from_seed(world: World, base: Pubkey, amount: int) -> Instruction:
    seed = world.rng.choice(SEEDS[:4])
    data = struct.pack("<IQ", 11, amount) + text(seed) + bytes(SYSTEM_PROGRAM)
    accounts = [writable(seeded(base, seed)), signer(base), writable(world.user())]
    return Instruction(SYSTEM_PROGRAM, data, accounts)


def accounts(world: World) -> Instruction:
    """Create, allocate and assign accounts, with keys or with seeds."""
    rng, payer, new = world.rng, world.user(), world.rng.choice(NEW).pubkey()
    space, held = rng.choice(SPACES), rng.choice([*LAMPORTS, 2_039_280])
    owner = rng.choice([SYSTEM_PROGRAM, TOKEN_PROGRAM, world.user()])
    kind = rng.choice([0, 0, 1, 3, 8, 9, 10, 13])
    plain = struct.pack("<QQ32s", held, space, bytes(owner))
    if kind in (0, 13):
        metas = [paying(payer), paying(new)]
        return _system(kind, plain, metas if kind == 0 else metas[::-1])
    if kind == 1:
        return _system(1, bytes(owner), [paying(new)])
    if kind == 8:
        return _system(8, struct.pack("<Q", space), [paying(new)])
    seed = rng.choice(SEEDS)
    address = seeded(payer, seed if len(seed) < 33 else "", owner)
    head = bytes(payer) + text(seed)
    if kind == 3:
        return _system(3, head + plain, [paying(payer), writable(address)])
    body = struct.pack("<Q", space) if kind == 9 else b""
    metas = [writable(address), signer(payer)]
    return _system(kind, head + body + bytes(owner), metas)


def _system(tag: int, body: bytes, metas: list[AccountMeta]) -> Instruction:
    return Instruction(SYSTEM_PROGRAM, struct.pack("<I", tag) + body, metas)


def seeded(base: Pubkey, seed: str, owner: Pubkey = SYSTEM_PROGRAM) -> Pubkey:
    return Pubkey.create_with_seed(base, seed, owner)


def text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def memos(world: World) -> Instruction:
    """Memos of both versions, with signers, without, and not in UTF-8."""
    rng = world.rng
    program = rng.choice([MEMO_PROGRAM, MEMO_PROGRAM, MEMO_V1_PROGRAM])
    words = rng.choice([*TEXTS, rng.choice(NOT_UTF8)])
    signers = [signer(world.user()) for _ in range(rng.choice([0, 0, 1, 2]))]
    return Instruction(program, words, signers)


def budgets(world: World) -> list[Instruction]:
    """Ask for limits and prices, sometimes twice, in front of a memo."""
    rng = world.rng
    asked = [
        Instruction(COMPUTE_BUDGET_PROGRAM, rng.choice(BUDGETS), [])
        for _ in range(rng.randrange(1, 4))
    ]
    return [*asked, Instruction(MEMO_PROGRAM, b"budget", [])]


def tables(world: World) -> Instruction:
    """Create, extend, freeze, deactivate and close lookup tables."""
    rng, slot = world.rng, world.twins.slot
    owner = world.user()
    kind = rng.choice([0, 0, 2, 2, 2, 2, 1, 3, 4])
    if kind == 0:
        recent = slot - rng.choice([0, 1, 1, 1, 1, 2, 512, 513])
        table, bump = table_address(owner, recent)
        world.tables.append((table, owner))
        bump -= rng.random() < 0.1
        data = struct.pack("<IQB", 0, recent, bump)
        metas = [writable(table), readonly(owner), paying(world.user())]
        return Instruction(
            LOOKUP_TABLE_PROGRAM, data, [*metas, readonly(SYSTEM_PROGRAM)]
        )
    table, authority = rng.choice(world.tables or [(owner, owner)])
    data = struct.pack("<I", kind)
    metas = [writable(table), signer(authority)]
    if kind == 2:
        new = [world.any_address() for _ in range(rng.choice([0, 1, 5, 20]))]
        data += struct.pack("<Q", len(new)) + b"".join(map(bytes, new))
        if rng.random() < 0.9:
            metas += [paying(world.user()), readonly(SYSTEM_PROGRAM)]
    elif kind == 4:
        metas.append(writable(world.user()))
    return Instruction(LOOKUP_TABLE_PROGRAM, data, metas)


def table_address(owner: Pubkey, slot: int) -> tuple[Pubkey, int]:
    seeds = [bytes(owner), struct.pack("<Q", slot)]
    return Pubkey.find_program_address(seeds, LOOKUP_TABLE_PROGRAM)
