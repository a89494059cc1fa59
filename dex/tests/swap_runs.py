"""Swaps run by localnet's programs on accounts that a test made, without a ledger."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet.programs import token_layout as layout
from dex.localnet.runtime import Outcome, execute, load
from dex.solana.addresses import (
    SYSTEM_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.types import Account, Accounts, Quote, Snapshot

USER = Keypair.from_seed(bytes([7]) * 32)
START = 2**63  # base units of the input token that the user holds
RICH = 2**64  # lamports that cover every wrapped SOL


@dataclass(frozen=True)
class SwapRun:
    """One swap: what it did, and what the user paid and received in base units."""

    outcome: Outcome
    paid: int
    received: int

    def after(self, at: Snapshot) -> Snapshot:
        """Return `at` with every account of it that the swap changed."""
        changed = {
            a: self.outcome.changes[a] for a in at.accounts if a in self.outcome.changes
        }
        return replace(at, accounts={**at.accounts, **changed})

    def data_after(self, address: Pubkey) -> bytes:
        account = self.outcome.changes.get(address, self.outcome.before.get(address))
        assert account is not None
        return account.data


def run_swap(instruction: Instruction, at: Snapshot, quote: Quote) -> SwapRun:
    """Execute a swap of `quote`'s tokens for a user with plenty of both accounts."""
    source, target = (
        associated_token_address(USER.pubkey(), mint, program)
        for mint, program in (
            (quote.mint_in, quote.token_program_in),
            (quote.mint_out, quote.token_program_out),
        )
    )
    accounts = {
        **at.accounts,
        USER.pubkey(): Account(SYSTEM_PROGRAM, 10**9, b""),
        source: user_account(at.accounts, quote.mint_in, START),
        target: user_account(at.accounts, quote.mint_out, 0),
    }
    message = MessageV0.try_compile(USER.pubkey(), [instruction], [], Hash.default())
    raw = bytes(VersionedTransaction(message, [USER]))
    run = SwapRun(execute(load(raw), accounts.get, at.clock), 0, 0)
    if run.outcome.error is not None:
        assert len(run.outcome.changes) == 1, "only the fee payer may have changed"
        return run
    paid = START - layout.amount_of(run.data_after(source))
    return replace(run, paid=paid, received=layout.amount_of(run.data_after(target)))


def user_account(accounts: Accounts, mint: Pubkey, amount: int) -> Account:
    """Return the user's token account of a mint, with the extensions that it asks for."""
    mint_account = accounts[mint]
    assert mint_account is not None
    reserve = 0 if mint == WRAPPED_SOL_MINT else None
    data = layout.new_token_account(mint, USER.pubkey(), amount, native_reserve=reserve)
    if len(mint_account.data) > layout.MINT_SIZE:
        # Of Token-2022: an immutable owner, and nothing withheld for a transfer fee.
        data += b"\x02" + struct.pack("<HHHH8x", 7, 0, 2, 8)
    return Account(mint_account.owner, RICH, data)
