"""Swaps on localnet pay what the venues quote, and fail as the programs do."""

from __future__ import annotations

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot, sign_transaction
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.runtime import load
from dex.solana.addresses import associated_token_address
from dex.types import Quote

WALLET = Keypair.from_seed(bytes([7]) * 32)


@pytest.fixture
def network(tmp_path):
    network = Network.open(tmp_path, slot_time_s=3600, fund=[WALLET.pubkey()])
    yield network
    network.ledger.close()


def balance(network: Network, mint: Pubkey) -> int:
    account = network.ledger.account(associated_token_address(WALLET.pubkey(), mint))
    assert account is not None
    return layout.amount_of(account.data)


def quote_of(network, pool, mint_in, amount) -> Quote:
    snapshot = read_snapshot(network.ledger, VENUES[pool.venue], pool.address)
    return VENUES[pool.venue].quote(pool.address, snapshot, mint_in, amount)


def swap(network, pool, quote, *, min_amount_out=1, memo="x"):
    """Land the swap of a quote and return its meta."""
    venue, ledger = VENUES[pool.venue], network.ledger
    snapshot = read_snapshot(ledger, venue, pool.address)
    instruction = venue.swap_instruction(
        quote, snapshot, user=WALLET.pubkey(), min_amount_out=min_amount_out
    )
    raw = sign_transaction(ledger, WALLET, [instruction], memo)
    loaded = load(raw)
    ledger.land(raw, loaded)
    record = ledger.store.transaction(loaded.signature)
    assert record is not None
    return record.meta


POOLS = pytest.mark.parametrize(
    "pool", genesis.pools(), ids=lambda p: f"{p.venue}-{p.base.symbol}-{p.quote.symbol}"
)


@POOLS
def test_swap_pays_exactly_its_quote_in_both_directions(network, pool):
    for mint_in, depth in (
        (pool.base.mint, pool.base_depth),
        (pool.quote.mint, pool.quote_depth),
    ):
        quote = quote_of(network, pool, mint_in, depth // 50 + 7)
        before = balance(network, quote.mint_in), balance(network, quote.mint_out)

        meta = swap(network, pool, quote, min_amount_out=quote.amount_out)

        assert meta["err"] is None, meta["logMessages"]
        assert balance(network, quote.mint_in) == before[0] - quote.amount_in
        assert balance(network, quote.mint_out) == before[1] + quote.amount_out
