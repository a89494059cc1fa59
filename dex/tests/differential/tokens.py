"""Random instructions of the token programs and the associated token program."""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.localnet.sysvars import RENT_SYSVAR
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

from .world import (
    AUTHORITY,
    FEE_TOKEN,
    NEW,
    PROGRAM_OF,
    World,
    create_associated,
    paying,
    readonly,
    signer,
    writable,
)

MINT_SIZES = {TOKEN_PROGRAM: (82,), TOKEN_2022_PROGRAM: (82, 82, 278, 170)}
ACCOUNT_SIZES = {TOKEN_PROGRAM: (165,), TOKEN_2022_PROGRAM: (165, 170, 178, 182, 200)}


def associated(world: World) -> Instruction:
    """Create an associated account, or recover a nested one."""
    rng = world.rng
    mint = world.mint()
    data = rng.choice([b"", b"\0", b"\1", b"\1", b"\1"])
    accounts = create_associated(world.user(), world.user(), mint)
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
    new = b"\0" if rng.random() < 0.3 else b"\1" + bytes(world.user())
    if subject == mint and rng.random() < 0.8:
        new = b"\1" + bytes(AUTHORITY)
    data = bytes([6, kind]) + new
    return Instruction(PROGRAM_OF[mint], data, [writable(subject), signer(owner)])


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


def opening(world: World) -> list[Instruction]:
    """Create an account and make it a mint, a token account or a multisignature."""
    rng = world.rng
    program = rng.choice([TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
    new, payer = rng.choice(NEW).pubkey(), world.user()
    kind = rng.choice(["mint", "account", "account", "multisig"])
    if kind == "mint":
        size, then = rng.choice(MINT_SIZES[program]), _mint(world, new, program)
    elif kind == "account":
        size = rng.choice(ACCOUNT_SIZES[program])
        then = _account(world, new, program)
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
        authority = rng.choice([b"\0", b"\1" + bytes(AUTHORITY)])
        data = b"\x1a\0" + authority * 2 + struct.pack("<HQ", bps, 5_000)
        instructions.append(Instruction(program, data, [writable(new)]))
    tag, extra = rng.choice([(0, [readonly(RENT_SYSVAR)]), (20, [])])
    freezer = rng.choice([b"\0", b"\1" + bytes(AUTHORITY)])
    data = bytes([tag, rng.randrange(10)]) + bytes(AUTHORITY) + freezer
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
    if rng.random() < 0.3:
        accounts = [*accounts, signer(world.user()), signer(world.user())]
    return Instruction(program, data, accounts)


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
