"""What every venue offers: which accounts it reads, a quote, and the swap instruction."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Account, Accounts, Quote, Snapshot


class Venue(Protocol):
    """One kind of pool of one program. Pure functions over account bytes: no I/O, no state.

    What one has decoded of a snapshot it may keep in `snapshot.decoded`, under keys that
    no other venue uses.
    """

    name: str
    program_id: Pubkey

    def addresses(self, pool: Pubkey, accounts: Accounts) -> list[Pubkey]:
        """List every account a quote of `pool` reads, as far as `accounts` tells so far.

        The caller fetches them and asks again until nothing new is named. The Clock
        sysvar is not listed: every snapshot has it.
        """
        ...

    def mints(self, pool: Pubkey, accounts: Accounts) -> tuple[Pubkey, Pubkey]:
        """Return the two mints of a pool; raises QuoteRefused when it is none of ours."""
        ...

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        """Return exactly what the chain pays for `amount_in` base units of `mint_in`.

        Raises QuoteRefused when the program would refuse, or when the accounts do not
        show for certain what it would pay.
        """
        ...

    def swap_instruction(
        self, quote: Quote, snapshot: Snapshot, *, user: Pubkey, min_amount_out: int
    ) -> Instruction:
        """Build the swap of `quote` between the user's associated token accounts.

        It fails on chain when less than `min_amount_out` base units would arrive.
        """
        ...

    def after_swap(self, quote: Quote, snapshot: Snapshot) -> dict[Pubkey, Account]:
        """Return every account of `snapshot` that a swap like `quote` changes.

        Pool, quantity and direction are those of `quote`; what it pays follows from
        `snapshot`, which may be another one than the quote's. A later quote on these
        accounts is exact; what no quote reads (oracles, rewards) may be left as it was.
        Raises QuoteRefused where the program would fail.
        """
        ...


def existing_account(accounts: Accounts, address: Pubkey, what: str) -> Account:
    """Return an account that the quote cannot do without.

    Raises QuoteRefused: `accounts_missing` when it was never asked for,
    `pool_unreadable` when it does not exist.
    """
    if address not in accounts:
        raise QuoteRefused(
            "accounts_missing",
            f"The {what} {address} was not read; read it and ask again.",
        )
    account = accounts[address]
    if account is None:
        raise QuoteRefused(
            "pool_unreadable", f"The {what} {address} does not exist on this chain."
        )
    return account


@lru_cache(maxsize=4_096)
def readonly(address: Pubkey) -> AccountMeta:
    """Name an account that an instruction only reads."""
    return AccountMeta(address, is_signer=False, is_writable=False)


@lru_cache(maxsize=4_096)
def writable(address: Pubkey) -> AccountMeta:
    """Name an account that an instruction writes."""
    return AccountMeta(address, is_signer=False, is_writable=True)
