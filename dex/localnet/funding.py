"""What a funded wallet holds: SOL, and some of every token that can be traded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.types import Account

from . import genesis
from .fork.load import Fork
from .fork.missing import token_account, with_supply
from .ledger import Ledger
from .programs import token_layout as layout

# What a funded wallet holds at least, in whole tokens.
NATIVE_SOL = 10_000
FUNDING = {
    "SOL": 1_000_000,
    "USDC": 100_000_000,
    "RAY": 50_000_000,
    "MET": 200_000_000,
    "A": 100_000_000,
    "B": 200_000_000,
}


def funding(
    ledger: Ledger, fork: Fork, owner: Pubkey
) -> Iterator[tuple[Pubkey, Account | None]]:
    """Iterate over the accounts that raise a wallet to what it is given."""
    wallet = ledger.account(owner) or Account(SYSTEM_PROGRAM, 0, b"")
    lamports = max(wallet.lamports, NATIVE_SOL * 10**9)
    yield owner, replace(wallet, lamports=lamports)
    for token in genesis.TOKENS.values():
        amount = token.units(FUNDING[token.symbol])
        yield from _raise(ledger, owner, token.mint, TOKEN_PROGRAM, amount)
    for forked in fork.tokens:
        program, amount = forked.token_program, forked.funding
        yield from _raise(ledger, owner, forked.mint, program, amount)


def _raise(
    ledger: Ledger, owner: Pubkey, mint: Pubkey, token_program: Pubkey, amount: int
) -> Iterator[tuple[Pubkey, Account | None]]:
    """Raise the owner's associated account to `amount`, out of nothing."""
    address = associated_token_address(owner, mint, token_program)
    existing = ledger.account(address)
    held = 0
    if existing is not None and existing.owner == token_program:
        held = layout.amount_of(existing.data)
    if held >= amount:
        return
    account = ledger.account(mint)
    assert account is not None, "mints are never closed"
    yield address, token_account(mint, account, owner, amount)
    if mint != WRAPPED_SOL_MINT:
        supply = int.from_bytes(account.data[36:44], "little") + amount - held
        yield mint, replace(account, data=with_supply(account.data, supply))
