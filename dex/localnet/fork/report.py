"""What a user should know of the pools that were forked into a ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from solders.pubkey import Pubkey

from dex.amounts import to_whole
from dex.errors import QuoteRefused
from dex.localnet.genesis import TOKENS, GenesisToken
from dex.localnet.ledger import Ledger
from dex.localnet.market import VENUES, pool_accounts, read_snapshot

from .load import Fork, ForkedToken
from .missing import Made
from .pools import ForkedPool


def report(fork: Fork, ledger: Ledger) -> Iterator[str]:
    """Say of each pool whether it is new here, and what keeps it from trading."""
    listed: list[GenesisToken | ForkedToken] = [*TOKENS.values(), *fork.tokens]
    tokens = {token.mint: token for token in listed}
    for pool in fork.pools:
        name, digest = f"fork {pool.address}", _digest(fork, pool)
        known = ledger.store.meta().get(name)
        state = "copied"
        if known == digest:
            state = "was copied before; its state here goes on"
        elif known is not None:
            state = (
                "was copied before from another dump, whose state here goes on; to "
                "begin with this one, start a new ledger with --ledger"
            )
        else:
            ledger.store.set_meta(**{name: digest})
        yield f"{pool.venue} pool {pool.address}: {state}"
        refusals = [_refusal(pool, mint, ledger) for mint in pool.held]
        if all(refusals):
            yield f"{pool.venue} pool {pool.address}: no swaps now: {refusals[0]}"
        if known is None:
            for made in pool.made:
                yield f"made, as no dump held it: {_said(made, tokens)}"
    ledger.commit()


def _said(made: Made, tokens: Mapping[Pubkey, GenesisToken | ForkedToken]) -> str:
    if made.mint is None:
        return made.what
    token = tokens[made.mint]
    held = to_whole(made.amount, token.decimals)
    return f"{made.what} (holding {held} {token.symbol})"


def _digest(fork: Fork, pool: ForkedPool) -> str:
    """Tell one copy of a pool from another. Mints are shared with other pools."""
    digest = hashlib.sha256()
    copied = dict(fork.accounts)
    read = pool_accounts(VENUES[pool.venue], pool.address, copied.get)
    for address in sorted(read.keys() - pool.held.keys(), key=bytes):
        account = read[address]
        digest.update(bytes(address) + (b"" if account is None else account.data))
    return digest.hexdigest()


def _refusal(pool: ForkedPool, mint_in: Pubkey, ledger: Ledger) -> str:
    """Say why a swap of a thousandth of the pool is refused; "" when it is not."""
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(ledger, venue, pool.address)
    try:
        venue.quote(pool.address, snapshot, mint_in, pool.held[mint_in] // 1_000 or 1)
    except QuoteRefused as refusal:
        if refusal.code != "pool_not_open":
            return refusal.reason
        clock = snapshot.clock
        return (
            f"{refusal.reason} Localnet is at slot {clock.slot} and unix time "
            f"{clock.unix_timestamp}; `localnet_advance` (with --control) moves both."
        )
    return ""
