"""Two hundred orders routed at once from one reading, then landed in that order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.testing import land
from dex.pending import PendingSwaps
from dex.quoting import Swap, Wanted, choose_route
from dex.ranking import ImpactLimit
from dex.solana.addresses import associated_token_address
from dex.solana.decoding import token_amount
from dex.types import Account, Snapshot

WALLET = Keypair.from_seed(bytes([7]) * 32)
PAIR = [pool for pool in genesis.pools() if pool.base.symbol == "A"]
WANTED = Wanted(
    swap=Swap(PAIR[0].base.mint, PAIR[0].quote.mint, PAIR[0].base.units(5_000)),
    pools=[(pool.venue, pool.address) for pool in PAIR],
    max_price_impact=ImpactLimit(10_000, "no limit"),
)


def read(network: Network) -> Snapshot:
    """Both pools of the pair in one snapshot."""
    accounts: dict[Pubkey, Account | None] = {}
    for pool in PAIR:
        view = read_snapshot(network.ledger, VENUES[pool.venue], pool.address)
        accounts.update(view.accounts)
    return replace(view, accounts=accounts)


def balance(network: Network) -> int:
    address = associated_token_address(WALLET.pubkey(), WANTED.swap.mint_out)
    account = network.ledger.account(address)
    assert account is not None
    return token_amount(account)


def test_each_pays_to_the_unit_what_it_was_told_and_both_venues_share_them(
    tmp_path: Path,
):
    network = Network.open(tmp_path, slot_time_s=3600, fund=[WALLET.pubkey()])
    snapshot, pending = read(network), PendingSwaps(VENUES)
    routes = []
    for _ in range(200):
        routes.append(choose_route(WANTED, snapshot, VENUES, pending))
        pending.reserve(routes[-1].best)

    shares = Counter(route.best.venue for route in routes)
    assert shares == {"meteora": 164, "raydium": 36}
    for number, route in enumerate(routes):
        before = balance(network)
        swap = VENUES[route.best.venue].swap_instruction(
            route.raw,
            snapshot,
            user=WALLET.pubkey(),
            min_amount_out=route.best.amount_out,
        )
        record = land(network.ledger, WALLET, swap, memo=str(number))
        assert record is not None
        assert record.error is None, number
        assert balance(network) == before + route.best.amount_out
    network.ledger.close()
