"""What a venue says a swap leaves behind is what localnet's ledger holds after it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from solders.keypair import Keypair

from dex.errors import QuoteRefused
from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.testing import land
from dex.solana.addresses import associated_token_address

WALLET = Keypair.from_seed(bytes([7]) * 32)
EACH_POOL = pytest.mark.parametrize(
    "pool", genesis.pools(), ids=lambda p: f"{p.venue}-{p.base.symbol}-{p.quote.symbol}"
)


@pytest.fixture
def network(tmp_path):
    network = Network.open(tmp_path, slot_time_s=3600, fund=[WALLET.pubkey()])
    yield network
    network.ledger.close()


@EACH_POOL
def test_swaps_applied_one_after_another_are_those_the_chain_makes(network, pool):
    venue, rng = VENUES[pool.venue], random.Random(5)
    seen = read_snapshot(network.ledger, venue, pool.address)
    for step in range(8):
        base_in = rng.random() < 0.5
        mint_in = (pool.base if base_in else pool.quote).mint
        depth = pool.base_depth if base_in else pool.quote_depth
        quote = venue.quote(pool.address, seen, mint_in, rng.randrange(1, depth // 30))
        changed = venue.after_swap(quote, seen)
        seen = replace(seen, accounts={**seen.accounts, **changed})

        before = balance(network, quote.mint_out)
        swap = venue.swap_instruction(
            quote, seen, user=WALLET.pubkey(), min_amount_out=quote.amount_out
        )
        record = land(network.ledger, WALLET, swap, memo=str(step))

        assert record is not None
        assert record.error is None
        assert balance(network, quote.mint_out) == before + quote.amount_out
        for address in seen.accounts:
            assert network.ledger.account(address) == seen.accounts[address]
        used = record.meta["computeUnitsConsumed"]
        assert 0 <= used - quote.compute_units < 3_000  # the memo and the event


@EACH_POOL
def test_a_swap_that_the_pool_cannot_pay_leaves_no_state(network, pool):
    venue = VENUES[pool.venue]
    seen = read_snapshot(network.ledger, venue, pool.address)
    quote = venue.quote(pool.address, seen, pool.base.mint, 10**9)

    with pytest.raises(QuoteRefused):
        venue.after_swap(replace(quote, amount_in=2**64), seen)


def balance(network, mint):
    account = network.ledger.account(associated_token_address(WALLET.pubkey(), mint))
    assert account is not None
    return layout.amount_of(account.data)
