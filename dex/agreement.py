"""Whether a simulation paid what was quoted, by the balances of the pool's vaults."""

from __future__ import annotations

from solders.pubkey import Pubkey

from dex.solana.decoding import token_amount
from dex.types import Quote, Simulation, Snapshot


def pays_as_quoted(quote: Quote, before: Snapshot, simulation: Simulation) -> bool:
    """Whether a swap simulated on the accounts of `before` moved what `quote` says."""
    after = simulation.token_amounts
    received = after[quote.vault_in] - _balance(before, quote.vault_in)
    paid = _balance(before, quote.vault_out) - after[quote.vault_out]
    return (received, paid) == (quote.vault_in_delta, quote.vault_out_delta)


def are_equal(addresses: list[Pubkey], before: Snapshot, after: Snapshot) -> bool:
    """Whether all these accounts are the same in both readings."""
    return all(
        before.accounts.get(address) == after.accounts.get(address)
        for address in addresses
    )


def _balance(snapshot: Snapshot, address: Pubkey) -> int:
    account = snapshot.accounts[address]
    assert account is not None, "a quoted pool has its vaults"
    return token_amount(account)
