"""Random instructions of the token programs and the associated token program."""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
)

from .world import (
    AUTHORITY,
    DECIMALS,
    FEE_TOKEN,
    MULTISIGS,
    PROGRAM_OF,
    USERS,
    World,
    create_associated,
    paying,
    readonly,
    signer,
    writable,
)


def associated(world: World) -> Instruction:
    """Create an associated account, or recover a nested one."""
    rng = world.rng
    mint = world.mint()
    data = rng.choice([b"", b"\0", b"\1", b"\1", b"\1"])
    payer, owner = world.user(), world.user()
    program = PROGRAM_OF[mint] if rng.random() < 0.9 else world.any_address()
    accounts = create_associated(payer, owner, mint, program)
    if rng.random() < 0.1:
        data, accounts = b"\2", _nested(world, mint)
    return Instruction(ASSOCIATED_TOKEN_PROGRAM, data, accounts)


def _nested(world: World, mint: Pubkey) -> list[AccountMeta]:
    program = PROGRAM_OF[mint]
    wallet = world.user()
    owner_mint = world.mint(program)
    owner = world.account_of(wallet, owner_mint)
    return [
        writable(world.account_of(owner, mint)),
        readonly(mint),
        writable(world.account_of(wallet, mint)),
        readonly(owner),
        readonly(owner_mint),
        paying(wallet),
        readonly(program),
    ]


def transfers(world: World) -> Instruction:
    """Transfer, checked or not, also to oneself and by a delegate."""
    rng, mint = world.rng, world.mint()
    owner, other = world.user(), world.user()
    source, target = world.account_of(owner, mint), world.account_of(other, mint)
    authority = owner if rng.random() < 0.8 else world.user()
    amount = world.amount()
    if rng.random() < 0.4:
        data = struct.pack("<BQ", 3, amount)
        accounts = [writable(source), writable(target), signer(authority)]
    else:
        data = struct.pack("<BQB", 12, amount, world.decimals(mint))
        accounts = [
            writable(source),
            readonly(mint),
            writable(target),
            signer(authority),
        ]
    return Instruction(PROGRAM_OF[mint], data, accounts)


def delegations(world: World) -> Instruction:
    """Approve and revoke."""
    rng, mint = world.rng, world.mint()
    owner, delegate = world.user(), world.user()
    account = writable(world.account_of(owner, mint))
    kind = rng.randrange(3)
    if kind == 0:
        data = struct.pack("<BQ", 4, world.amount())
        accounts = [account, readonly(delegate), signer(owner)]
    elif kind == 1:
        data = struct.pack("<BQB", 13, world.amount(), world.decimals(mint))
        accounts = [account, readonly(mint), readonly(delegate), signer(owner)]
    else:
        data, accounts = b"\5", [account, signer(rng.choice([owner, delegate]))]
    return Instruction(PROGRAM_OF[mint], data, accounts)


def authorities(world: World) -> Instruction:
    """Set an authority, freeze and thaw."""
    rng, mint = world.rng, world.mint()
    owner = world.user()
    account = world.account_of(owner, mint)
    if rng.random() < 0.5:
        tag = rng.choice([10, 11, 11])
        accounts = [writable(account), readonly(mint), signer(AUTHORITY)]
        return Instruction(PROGRAM_OF[mint], bytes([tag]), accounts)
    kind = rng.choice([2, 3, 3, 3, rng.randrange(20)])
    subject = account
    if rng.random() < 0.2:
        subject, kind, owner = mint, rng.randrange(7), AUTHORITY
    new = world.option(AUTHORITY if subject == mint else world.user(), some=0.7)
    data = bytes([6, kind]) + new
    return Instruction(PROGRAM_OF[mint], data, [writable(subject), signer(owner)])


def multisignatures(world: World) -> Instruction:
    """Use accounts of a multisignature of either program, signed by some or by all."""
    rng, mint = world.rng, world.mint()
    owner = rng.choice(list(MULTISIGS))
    account = writable(world.account_of(owner, mint))
    other = writable(world.account_of(world.user(), mint))
    amount = struct.pack("<Q", world.amount())
    data, accounts = rng.choice(
        [
            (b"\3" + amount, [account, other]),
            (b"\3" + amount, [other, account]),
            (
                b"\x0c" + amount + bytes([DECIMALS[mint]]),
                [account, readonly(mint), other],
            ),
            (b"\4" + amount, [account, readonly(world.user())]),
            (b"\5", [account]),
            (b"\6\3" + world.option(world.user()), [account]),
            (b"\x08" + amount, [account, writable(mint)]),
            (b"\x09", [account, writable(world.user())]),
        ]
    )
    members = [signer(user.pubkey()) for user in rng.choices(USERS, k=rng.randrange(5))]
    accounts = [*accounts, readonly(owner), *members]
    return Instruction(PROGRAM_OF[mint], data, accounts)


def supply(world: World) -> Instruction:
    """Mint and burn, checked or not."""
    rng, mint = world.rng, world.mint()
    owner = world.user()
    account = writable(world.account_of(owner, mint))
    tag = rng.choice([7, 8, 14, 15])
    data = struct.pack("<BQ", tag, world.amount())
    if tag > 8:
        data += bytes([world.decimals(mint)])
    if tag in (7, 14):
        accounts = [writable(mint), account, signer(AUTHORITY)]
    else:
        accounts = [account, writable(mint), signer(owner)]
    return Instruction(PROGRAM_OF[mint], data, accounts)


def closing(world: World) -> Instruction:
    """Close an account, or count the lamports of wrapped SOL."""
    rng, mint = world.rng, world.mint()
    owner = world.user()
    account = writable(world.account_of(owner, mint))
    if rng.random() < 0.3:
        return Instruction(PROGRAM_OF[mint], b"\x11", [account])
    accounts = [account, writable(world.user()), signer(owner)]
    return Instruction(PROGRAM_OF[mint], b"\x09", accounts)


def answers(world: World) -> Instruction:
    """Instructions that change nothing: sizes and amounts."""
    rng, mint = world.rng, world.mint()
    tag = rng.choice([21, 23, 24])
    if tag == 21:
        data = rng.choice([b"", b"\7\0", b"\7\0", b"\2\0", b"\1\0", b"\7"])
    elif tag == 23:
        data = struct.pack("<Q", world.amount())
    else:
        texts = ["1.5", "0.000001", "12", ".5", "1.", "", ".", "1.2.3", "x", "0", "-1"]
        data = rng.choice([*texts, "18446744073709551616", "007.10"]).encode()
    return Instruction(PROGRAM_OF[mint], bytes([tag]) + data, [readonly(mint)])


def transfer_fees(world: World) -> Instruction:
    """Transfer with the fee named, set fees, and collect what is withheld."""
    rng = world.rng
    mint = FEE_TOKEN if rng.random() < 0.9 else world.mint()
    owner, other = world.user(), world.user()
    source, target = world.account_of(owner, mint), world.account_of(other, mint)
    tag = rng.choice([1, 1, 1, 2, 3, 4, 5, rng.randrange(9)])
    data = bytes([26, tag])
    accounts: list[AccountMeta] = [writable(mint), writable(target), signer(AUTHORITY)]
    if tag == 1:
        amount, decimals = world.amount(), world.decimals(mint)
        fee = min(-(-amount * 125 // 10_000), 5_000) + (rng.random() < 0.1)
        data += struct.pack("<QBQ", amount, decimals, min(fee, 2**64 - 1))
        accounts = [writable(source), readonly(mint), writable(target), signer(owner)]
    elif tag == 3:
        sources = [
            world.account_of(world.user(), mint) for _ in range(rng.randrange(4))
        ]
        count = len(sources) + (rng.random() < 0.05)
        data += bytes([count])
        accounts += [writable(each) for each in sources]
    elif tag == 4:
        sources = [
            world.account_of(world.user(), mint) for _ in range(rng.randrange(4))
        ]
        accounts = [writable(mint), *(writable(each) for each in sources)]
    elif tag == 5:
        bps = rng.choice([0, 125, 500, 10_000, 10_001])
        data += struct.pack("<HQ", bps, rng.choice([0, 5_000, 2**64 - 1]))
        accounts = [writable(mint), signer(AUTHORITY)]
    return Instruction(PROGRAM_OF[mint], data, accounts)
