"""What landing a swap costs beside what the pool takes, and what that is in its output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from solders.pubkey import Pubkey

from .solana.addresses import WRAPPED_SOL_MINT
from .types import Accounts, NetworkCosts, Quote
from .venues.integers import ceil_div
from .venues.token_2022 import associated_account_size

SIGNATURE_FEE_LAMPORTS = 5_000  # our transactions have one signature
# Two years' rent of a byte, and the bytes that every account counts beside its data.
RENT_LAMPORTS_PER_BYTE = 6_960
ACCOUNT_OVERHEAD_BYTES = 128

MAX_UNIT_LIMIT = 1_400_000
# The compute limit is the need and a fifth: the pool may move in between.
UNIT_MARGIN_PERCENT = 120
# What a transaction of ours uses beside its swap: two limits and a memo. Where it creates
# the output account, about so much more: the search for its address takes longer for some.
OTHER_UNITS = 587
CREATE_ACCOUNT_UNITS = 10_000

# The amount at which SOL is priced: about what a swap with a new account costs. The fee
# alone would be nothing in whole base units of a token that is dear.
PRICED_LAMPORTS = 10_000_000


@dataclass(frozen=True, slots=True)
class SolPrice:
    """`lamports` are worth `amount_out` base units of the output token."""

    lamports: int
    amount_out: int

    def worth(self, lamports: int) -> int:
        """Return the base units that `lamports` are worth, rounded up."""
        return ceil_div(lamports * self.amount_out, self.lamports)


def sol_price(mint_out: Pubkey, quotes: Iterable[Quote]) -> SolPrice | None:
    """Price SOL in the output token by quotes for PRICED_LAMPORTS of it, the best first.

    None when there are none: then nothing says what the network's costs are worth.
    """
    if mint_out == WRAPPED_SOL_MINT:
        return SolPrice(1, 1)
    best = max((quote.amount_out for quote in quotes), default=0)
    return SolPrice(PRICED_LAMPORTS, best) if best else None


def unit_limit(units: int) -> int:
    """Return the compute limit to ask for when a transaction needs `units`."""
    return min(units * UNIT_MARGIN_PERCENT // 100, MAX_UNIT_LIMIT)


def priority_fee_lamports(units: int, unit_price: int) -> int:
    """Return the priority fee of a transaction that needs `units`.

    `unit_price` in micro-lamports per compute unit of the limit; a part of a lamport
    counts as one.
    """
    return ceil_div(unit_limit(units) * unit_price, 1_000_000)


def network_costs(
    quote: Quote,
    accounts: Accounts,
    *,
    account_out: Pubkey | None,
    unit_price: int,
    price: SolPrice | None,
) -> NetworkCosts:
    """Say what a swap of `quote` costs the wallet whose output account is `account_out`.

    `unit_price` in micro-lamports per compute unit. Without `account_out` the rent is not
    known.
    """
    is_missing = account_out is not None and accounts.get(account_out) is None
    units = quote.compute_units + OTHER_UNITS
    if is_missing:
        units += CREATE_ACCOUNT_UNITS
    rent = 0
    if is_missing:
        size = associated_account_size(accounts.get(quote.mint_out))
        rent = (ACCOUNT_OVERHEAD_BYTES + size) * RENT_LAMPORTS_PER_BYTE
    fee = SIGNATURE_FEE_LAMPORTS + priority_fee_lamports(units, unit_price)
    return NetworkCosts(
        fee_lamports=fee,
        rent_lamports=None if account_out is None else rent,
        in_output=price.worth(fee + rent) if price else None,
    )
