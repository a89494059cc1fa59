"""A venue on paper: pools whose bytes say what they read and what they pay.

A pool's data is 8 bytes of payout (base units for any input) and then the addresses it
reads; those accounts may name further ones in the same way.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import CLOCK_SYSVAR, TOKEN_PROGRAM
from dex.solana.decoding import CLOCK
from dex.types import Account, Accounts, Quote, Snapshot

from .builders import key

MINT_IN, MINT_OUT = key("mint in"), key("mint out")


def page(payout: int, *names: Pubkey) -> bytes:
    """Return the data of an account that names others."""
    return payout.to_bytes(8, "little") + b"".join(map(bytes, names))


class PaperVenue:
    """Pays what the pool's bytes say; 0 means no liquidity."""

    def __init__(self, name: str, broken: bool = False) -> None:
        self.name = name
        self.program_id = key(f"program of {name}")
        self._broken = broken

    def addresses(self, pool: Pubkey, accounts: Accounts) -> list[Pubkey]:
        if self._broken:
            raise struct_error()
        named = [pool]
        for address in named:
            account = accounts.get(address)
            data = b"" if account is None else account.data[8:]
            chunks = (data[i : i + 32] for i in range(0, len(data), 32))
            named += [
                Pubkey.from_bytes(c) for c in chunks if c not in map(bytes, named)
            ]
        return named

    def mints(self, pool: Pubkey, accounts: Accounts) -> tuple[Pubkey, Pubkey]:
        return MINT_IN, MINT_OUT

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        if self._broken:
            raise struct_error()
        account = snapshot.accounts[pool]
        if account is None:
            raise QuoteRefused("pool_unreadable", f"Pool {pool} does not exist.")
        amount_out = int.from_bytes(account.data[:8], "little")
        if not amount_out:
            raise QuoteRefused("no_liquidity", "The pool is empty.")
        return Quote(
            venue=self.name,
            pool=pool,
            mint_in=mint_in,
            mint_out=MINT_OUT if mint_in == MINT_IN else MINT_IN,
            token_program_in=TOKEN_PROGRAM,
            token_program_out=TOKEN_PROGRAM,
            vault_in=key("vault in"),
            vault_out=key("vault out"),
            amount_in=amount_in,
            amount_out=amount_out,
            vault_in_delta=amount_in,
            vault_out_delta=amount_out,
            fee_amount=0,
            fee_mint=mint_in,
            fee_bps=0,
            price_impact_bps=0,
            slot=snapshot.slot,
        )

    def swap_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, min_amount_out: int
    ) -> Instruction:
        accounts = [
            AccountMeta(user, is_signer=True, is_writable=True),
            *(AccountMeta(a, False, True) for a in quote.route_accounts),
        ]
        return Instruction(
            self.program_id, min_amount_out.to_bytes(8, "little"), accounts
        )

    def after_swap(self, quote: Quote, snapshot: Snapshot) -> dict[Pubkey, Account]:
        """Return the pool, whose payout falls by one base unit with each swap."""
        account = snapshot.accounts[quote.pool]
        if account is None:
            raise QuoteRefused("pool_unreadable", f"Pool {quote.pool} does not exist.")
        payout = int.from_bytes(account.data[:8], "little") - 1
        data = payout.to_bytes(8, "little") + account.data[8:]
        return {quote.pool: replace(account, data=data)}


def struct_error() -> Exception:
    return ValueError("this venue is broken")


class PaperChain:
    """The accounts that scripted nodes serve, at a slot that tests move."""

    def __init__(self) -> None:
        self.slot = 100
        self.accounts: dict[Pubkey, bytes] = {}
        self.asked: list[list[str]] = []

    def get_multiple_accounts(self, names: list[str], options: dict[str, Any]) -> Any:
        self.asked.append(names)
        return {
            "context": {"slot": self.slot},
            "value": [self._entry(Pubkey.from_string(name)) for name in names],
        }

    def _entry(self, address: Pubkey) -> Any:
        if address == CLOCK_SYSVAR:
            data = CLOCK.pack(self.slot, 0, 3, 4, 1_700_000_000 + self.slot)
        elif address in self.accounts:
            data = self.accounts[address]
        else:
            return None
        return {
            "data": [base64.b64encode(data).decode(), "base64"],
            "owner": str(TOKEN_PROGRAM),
            "lamports": 1,
            "executable": False,
            "rentEpoch": 0,
        }
