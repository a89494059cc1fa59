"""Random mints, token accounts and multisignatures: opened, and then used."""

from __future__ import annotations

import struct

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from dex.localnet.sysvars import RENT_SYSVAR
from dex.solana.addresses import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

from .world import AUTHORITY, NEW, World, paying, readonly, signer, writable

MINT_SIZES = {TOKEN_PROGRAM: (82,), TOKEN_2022_PROGRAM: (82, 82, 278, 170)}
ACCOUNT_SIZES = {TOKEN_PROGRAM: (165,), TOKEN_2022_PROGRAM: (165, 170, 178, 182, 200)}


def opening(world: World) -> list[Instruction]:
    """Create an account and make it a mint, a token account or a multisignature."""
    rng = world.rng
    program = rng.choice([TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
    new, payer = rng.choice(NEW).pubkey(), world.user()
    kind = rng.choice(["mint", "account", "account", "multisig", "mixed"])
    if kind == "mint":
        size, then = rng.choice(MINT_SIZES[program]), _mint(world, new, program)
    elif kind == "account":
        size = rng.choice(ACCOUNT_SIZES[program])
        then = _account(world, new, program)
    elif kind == "mixed":  # steps of both, and not all of them
        sizes = [*MINT_SIZES[program], *ACCOUNT_SIZES[program]]
        steps = [*_mint(world, new, program), *_account(world, new, program)]
        size, then = rng.choice(sizes), rng.choices(steps, k=rng.randrange(1, 4))
    else:
        size, then = 355, [_multisig(world, new, program)]
    if rng.random() < 0.05:
        size += rng.choice([-1, 1])
    lamports = (128 + size) * 6_960 - (rng.random() < 0.05)
    data = struct.pack("<IQQ32s", 0, lamports, size, bytes(program))
    create = Instruction(SYSTEM_PROGRAM, data, [paying(payer), paying(new)])
    return [create, *then]


def _mint(world: World, new: Pubkey, program: Pubkey) -> list[Instruction]:
    rng = world.rng
    instructions = []
    if program == TOKEN_2022_PROGRAM and rng.random() < 0.8:
        bps = rng.choice([0, 100, 10_000, 10_001])
        authorities = world.option(AUTHORITY) + world.option(AUTHORITY)
        data = b"\x1a\0" + authorities + struct.pack("<HQ", bps, 5_000)
        instructions.append(Instruction(program, data, [writable(new)]))
    tag, extra = rng.choice([(0, [readonly(RENT_SYSVAR)]), (20, [])])
    data = bytes([tag, rng.randrange(10)]) + bytes(AUTHORITY) + world.option(AUTHORITY)
    instructions.append(Instruction(program, data, [writable(new), *extra]))
    return instructions


def _account(world: World, new: Pubkey, program: Pubkey) -> list[Instruction]:
    rng = world.rng
    mint, owner = world.mint(program), world.user()
    instructions = []
    if rng.random() < 0.4:
        instructions.append(Instruction(program, b"\x16", [writable(new)]))
    accounts = [writable(new), readonly(mint)]
    tag = rng.choice([1, 16, 18])
    data = bytes([tag])
    if tag == 1:
        accounts.append(readonly(owner))
    else:
        data += bytes(owner)
    if tag != 18:
        accounts.append(readonly(RENT_SYSVAR))
    instructions.append(Instruction(program, data, accounts))
    return instructions


def _multisig(world: World, new: Pubkey, program: Pubkey) -> Instruction:
    rng = world.rng
    tag, extra = rng.choice([(2, [readonly(RENT_SYSVAR)]), (19, [])])
    members = [readonly(world.user()) for _ in range(rng.choice([0, 1, 2, 3, 3]))]
    data = bytes([tag, rng.choice([0, 1, 2, 2, 12])])
    return Instruction(program, data, [writable(new), *extra, *members])


def new_accounts(world: World) -> Instruction:
    """Move tokens to and from accounts, mints and multisignatures made by `opening`."""
    rng = world.rng
    program = rng.choice([TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
    one, two = rng.choice(NEW).pubkey(), rng.choice(NEW).pubkey()
    user, mint = world.user(), world.mint(program)
    owned = world.account_of(user, mint)
    tag, accounts = rng.choice(
        [
            (12, [writable(owned), readonly(mint), writable(one), signer(user)]),
            (12, [writable(one), readonly(mint), writable(owned), signer(user)]),
            (9, [writable(one), writable(user), signer(user)]),
            (7, [writable(one), writable(two), signer(AUTHORITY)]),
            (6, [writable(owned), signer(user)]),
            (6, [writable(one), signer(user)]),
            (3, [writable(owned), writable(one), signer(user)]),
            (3, [writable(one), writable(owned), readonly(two), signer(user)]),
            (4, [writable(owned), readonly(one), signer(user)]),
            (17, [writable(one)]),
            (18, [writable(one), readonly(two)]),
            (20, [writable(one)]),
            (22, [writable(one)]),
        ]
    )
    data = bytes([tag])
    if tag in (3, 4, 7, 12):
        data += struct.pack("<Q", world.amount())
    if tag == 12:
        data += bytes([world.decimals(mint)])
    if tag == 6:
        data += bytes([rng.choice([2, 3])]) + b"\1" + bytes(two)
    if tag == 18:
        data += bytes(user)
    if tag == 20:
        data += b"\0" + bytes(user) + world.option(user)
    if rng.random() < 0.3:
        accounts = [*accounts, signer(world.user()), signer(world.user())]
    return Instruction(program, data, accounts)
