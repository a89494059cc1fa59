"""What a funded wallet holds: SOL, and some of every token that can be traded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

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


def fund(ledger: Ledger, fork: Fork, owner: Pubkey) -> None:
    """Raise a wallet's SOL and every token to at least what it is given, out of nothing.

    What is missing now is added at every commitment, so that the supplies agree with
    what is held, whatever a fork takes back.
    """
    wallet = ledger.account(owner)
    missing = NATIVE_SOL * 10**9 - (0 if wallet is None else wallet.lamports)
    if missing > 0:
        ledger.bank.adjust(owner, partial(_with_lamports, more=missing))
    for token in genesis.TOKENS.values():
        amount = token.units(FUNDING[token.symbol])
        _raise(ledger, owner, token.mint, TOKEN_PROGRAM, amount)
    for forked in fork.tokens:
        _raise(ledger, owner, forked.mint, forked.token_program, forked.funding)


def _raise(
    ledger: Ledger, owner: Pubkey, mint: Pubkey, token_program: Pubkey, amount: int
) -> None:
    """Raise the owner's associated account to `amount`."""
    issuer = ledger.account(mint)
    assert issuer is not None, "mints are never closed"
    empty = token_account(mint, issuer, owner, 0)
    address = associated_token_address(owner, mint, token_program)
    held = layout.amount_of(_tokens(ledger.account(address), empty).data)
    missing = amount - held
    if missing <= 0:
        return
    ledger.bank.adjust(address, partial(_with_tokens, empty=empty, more=missing))
    if mint != WRAPPED_SOL_MINT:
        ledger.bank.adjust(mint, partial(_with_supply, more=missing))


def _with_lamports(account: Account | None, *, more: int) -> Account:
    account = account or Account(SYSTEM_PROGRAM, 0, b"")
    return replace(account, lamports=account.lamports + more)


def _tokens(account: Account | None, empty: Account) -> Account:
    """Return a token account, `empty` where there is none of its program."""
    return account if account is not None and account.owner == empty.owner else empty


def _with_tokens(account: Account | None, *, empty: Account, more: int) -> Account:
    tokens = _tokens(account, empty)
    amount = layout.amount_of(tokens.data) + more
    data = layout.put(tokens.data, 64, amount.to_bytes(8, "little"))
    wrapped = more if layout.mint_of(data) == WRAPPED_SOL_MINT else 0
    return replace(tokens, lamports=tokens.lamports + wrapped, data=data)


def _with_supply(mint: Account | None, *, more: int) -> Account:
    assert mint is not None, "mints are never closed"
    supply = int.from_bytes(mint.data[36:44], "little") + more
    return replace(mint, data=with_supply(mint.data, supply))
