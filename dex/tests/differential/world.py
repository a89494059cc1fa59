"""Who and what random transactions are about: users, mints, accounts, and mistakes."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.localnet.sysvars import RENT_SYSVAR
from dex.solana.addresses import (
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.types import Account

from .twins import FIRST_SLOT, Twins, system_account


def keypair(number: int) -> Keypair:
    return Keypair.from_seed(bytes([number]) * 32)


USERS = [keypair(n) for n in range(1, 5)]
# Accounts that transactions create, with keys of their own.
NEW = [keypair(n) for n in range(20, 28)]
RICH, POOR, DUST = 10**10, 2_000_000, 6_000
AUTHORITY = USERS[0].pubkey()
TOKEN, FEE_TOKEN, PLAIN_2022, FIXED = (Pubkey(bytes([n]) * 32) for n in range(101, 105))
PROGRAM_OF = {
    TOKEN: TOKEN_PROGRAM,
    FIXED: TOKEN_PROGRAM,
    WRAPPED_SOL_MINT: TOKEN_PROGRAM,
    FEE_TOKEN: TOKEN_2022_PROGRAM,
    PLAIN_2022: TOKEN_2022_PROGRAM,
}
DECIMALS = {TOKEN: 6, FIXED: 0, WRAPPED_SOL_MINT: 9, FEE_TOKEN: 2, PLAIN_2022: 9}
# Multisignatures of both programs: two of three users sign.
MULTISIGS = {
    Pubkey(bytes([105]) * 32): TOKEN_PROGRAM,
    Pubkey(bytes([106]) * 32): TOKEN_2022_PROGRAM,
}
AMOUNTS = [0, 1, 999, 1_000, 50_000, 10**6, 10**12, 2**64 - 1]


def signer(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=False)


def paying(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=True)


def writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def readonly(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


@dataclass
class World:
    """Both worlds, the dice, and the accounts that transactions are drawn from."""

    rng: random.Random
    twins: Twins = field(default_factory=Twins)
    # Lookup tables that were created or tried, and their authorities.
    tables: list[tuple[Pubkey, Pubkey]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for user, lamports in zip(USERS, (RICH, RICH, POOR, DUST), strict=True):
            self.twins.put(user.pubkey(), system_account(lamports))
        for mint, program in PROGRAM_OF.items():
            self.twins.put(mint, Account(program, 10**9, mint_data(mint)))
        for mint in PROGRAM_OF:
            for user in USERS[:3]:
                self._fund(user.pubkey(), mint)
        for multisig, program in MULTISIGS.items():
            data = multisig_data(USERS[:3], required=2)
            self.twins.put(multisig, Account(program, 10**9, data))
            for mint in PROGRAM_OF:
                self._fund(multisig, mint)

    def refill(self) -> None:
        """Give the rich users what they have spent or sent away."""
        for user in USERS[:2]:
            account = self.twins.here.get(user.pubkey())
            if account is None or account.lamports < RICH // 10:
                self.twins.put(user.pubkey(), system_account(RICH))

    def user(self) -> Pubkey:
        """Draw a user; the ones with lamports more often."""
        return self.rng.choices(USERS, (6, 4, 2, 1))[0].pubkey()

    def mint(self, program: Pubkey | None = None) -> Pubkey:
        return self.rng.choice(
            [m for m, p in PROGRAM_OF.items() if program in (None, p)]
        )

    def amount(self) -> int:
        rng = self.rng
        if rng.random() < 0.6:
            return rng.randrange(1, 20_000)
        return rng.choice(AMOUNTS)

    def decimals(self, mint: Pubkey) -> int:
        return DECIMALS[mint] + (self.rng.random() < 0.04)

    def account_of(self, owner: Pubkey, mint: Pubkey) -> Pubkey:
        return associated_token_address(owner, mint, PROGRAM_OF[mint])

    def option(self, address: Pubkey, some: float = 0.5) -> bytes:
        """Draw an optional address as instructions carry it, sometimes a wrong one."""
        rng = self.rng
        if rng.random() < 0.05:
            tag = bytes([rng.randrange(2, 256)])
            return tag + bytes(address)[: rng.choice([0, 3, 32])]
        return b"\1" + bytes(address) if rng.random() < some else b"\0"

    def any_address(self) -> Pubkey:
        """Draw any account that random transactions are about."""
        rng = self.rng
        mint = rng.choice(list(PROGRAM_OF))
        user = rng.choice(USERS).pubkey()
        return rng.choice(
            [
                user,
                mint,
                self.account_of(user, mint),
                self.account_of(user, mint),
                rng.choice(NEW).pubkey(),
                rng.choice([SYSTEM_PROGRAM, TOKEN_PROGRAM, RENT_SYSVAR]),
            ]
        )

    def spoiled(self, instruction: Instruction) -> Instruction:
        """Make one mistake in an instruction: its accounts, their rights, or its data."""
        rng = self.rng
        accounts, data = list(instruction.accounts), bytes(instruction.data)
        kind = rng.randrange(9)
        at = rng.randrange(len(accounts)) if accounts else 0
        if kind <= 4 and accounts:
            meta = accounts[at]
            accounts[at] = [
                AccountMeta(self.any_address(), meta.is_signer, meta.is_writable),
                AccountMeta(meta.pubkey, False, meta.is_writable),
                AccountMeta(meta.pubkey, meta.is_signer, not meta.is_writable),
                AccountMeta(
                    rng.choice(accounts).pubkey, meta.is_signer, meta.is_writable
                ),
                AccountMeta(self.user(), meta.is_signer, meta.is_writable),
            ][kind]
        elif kind == 5 and accounts:
            del accounts[at]
        elif kind == 6:
            data = data[: rng.randrange(len(data) + 1)]
        elif kind == 7:
            del accounts[at:]
        elif data:  # or a tag might come out that localnet does not run
            data += rng.randbytes(rng.randrange(1, 5))
        return Instruction(instruction.program_id, data, accounts)

    def _fund(self, owner: Pubkey, mint: Pubkey) -> None:
        """Put a token account with tokens into both worlds."""
        program, amount = PROGRAM_OF[mint], 10**6
        native = mint == WRAPPED_SOL_MINT
        extensions = b""
        if program == TOKEN_2022_PROGRAM:
            extensions = b"\2" + struct.pack("<HH", layout.IMMUTABLE_OWNER, 0)
        if mint == FEE_TOKEN:
            extensions += struct.pack("<HHQ", layout.TRANSFER_FEE_AMOUNT, 8, 0)
        rent = rent_exempt_minimum(layout.ACCOUNT_SIZE + len(extensions))
        data = layout.new_token_account(
            mint, owner, amount, native_reserve=rent if native else None
        )
        lamports = rent + (amount if native else 0)
        self.twins.put(
            self.account_of(owner, mint), Account(program, lamports, data + extensions)
        )


def multisig_data(members: Sequence[Keypair], *, required: int) -> bytes:
    head = bytes([required, len(members), 1])
    addresses = b"".join(bytes(member.pubkey()) for member in members)
    return (head + addresses).ljust(layout.MULTISIG_SIZE, b"\0")


def mint_data(mint: Pubkey) -> bytes:
    authority = None if mint in (FIXED, WRAPPED_SOL_MINT) else AUTHORITY
    data = layout.new_mint(decimals=DECIMALS[mint], supply=10**9, authority=authority)
    if authority is not None:
        data = layout.with_optional_address(data, layout.FREEZE_AUTHORITY, authority)
    if mint != FEE_TOKEN:
        return data
    epoch = FIRST_SLOT // 432_000
    fees = struct.pack("<QQHQQH", epoch, 5_000, 125, epoch + 1, 900, 300)
    config = bytes(AUTHORITY) * 2 + bytes(8) + fees
    return data + bytes(83) + b"\1" + struct.pack("<HH", 1, len(config)) + config


def with_memo(
    rng: random.Random, instructions: Sequence[Instruction]
) -> list[Instruction]:
    """Add a memo in front or behind, so that a transaction has more than one leg."""
    memo = Instruction(MEMO_PROGRAM, rng.randbytes(4).hex().encode(), [])
    return [memo, *instructions] if rng.random() < 0.5 else [*instructions, memo]


def create_associated(
    payer: Pubkey, owner: Pubkey, mint: Pubkey, program: Pubkey | None = None
) -> list[AccountMeta]:
    program = program or PROGRAM_OF[mint]
    return [
        paying(payer),
        writable(associated_token_address(owner, mint, program)),
        readonly(owner),
        readonly(mint),
        readonly(SYSTEM_PROGRAM),
        readonly(program),
    ]
