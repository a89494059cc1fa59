"""Localnet's market moves prices, leads them back, and repeats by its seed."""

from __future__ import annotations

import pytest

from dex.localnet import genesis
from dex.localnet.ledger import STATUS_CACHE_SLOTS
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.store import Record
from dex.localnet.testing import land

from .ledger_client import SOL, WALLET, pay


def open_market(folder, seed: int = 1) -> Network:
    network = Network.open(folder, slot_time_s=3600, seed=seed)
    network.fund(network.market.wallet.pubkey())
    return network


def vault_amounts(network: Network) -> list[int]:
    accounts = [network.ledger.account(pool.base_vault) for pool in genesis.pools()]
    return [int.from_bytes(a.data[64:72], "little") for a in accounts if a is not None]


def test_trades_land_move_prices_and_stay_near_the_beginning(tmp_path):
    network = open_market(tmp_path)
    before = vault_amounts(network)
    for _ in range(500):
        network.market.trade()

    moved = [
        abs(now - then) / then
        for now, then in zip(vault_amounts(network), before, strict=True)
    ]

    assert network.ledger.store.history.count() == 500
    assert all(0 < share < 0.005 for share in moved)
    network.ledger.close()


def test_pool_that_a_user_has_pushed_away_comes_back(tmp_path):
    network = open_market(tmp_path)
    ledger, pool = network.ledger, genesis.pools()[1]
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(ledger, venue, pool.address)
    amount = pool.base_depth // 10
    quote = venue.quote(pool.address, snapshot, pool.base.mint, amount)
    user = network.market.wallet
    swap = venue.swap_instruction(quote, snapshot, user=user.pubkey(), min_amount_out=1)
    record = land(ledger, user, swap)
    assert record is not None
    assert record.error is None
    pushed = network.market.drift_ppm(pool)

    for _ in range(400):
        network.market.trade()

    assert pushed > 99_000
    assert abs(network.market.drift_ppm(pool)) < 5_000
    ledger.close()


def test_same_seed_makes_the_same_trades(tmp_path):
    results = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        network = open_market(tmp_path / name, seed)
        for _ in range(50):
            network.market.trade()
        results.append(vault_amounts(network))
        network.ledger.close()

    assert results[0] == results[1]
    assert results[0] != results[2]


def kept(network: Network) -> list[Record]:
    """Return what mentions the market's wallet, newest first."""
    return network.ledger.store.history.mentioning(
        network.market.wallet.pubkey(),
        before=None,
        until=None,
        newest_slot=network.ledger.clock.slot(),
        limit=1_000,
    )


def kept_memos(network: Network) -> list[str]:
    return [str(record.memo).split("] ")[1] for record in kept(network)]


def trades(numbers: range) -> list[str]:
    return [f"market:{number}" for number in numbers]


def test_old_trades_are_deleted_but_for_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr("dex.localnet.market.KEPT_TRADES", 10)
    network = open_market(tmp_path)
    for _ in range(30):
        network.market.trade()
    network.advance(STATUS_CACHE_SLOTS + 1, None)

    network.market.trade()

    assert kept_memos(network) == trades(range(31, 21, -1))
    network.ledger.close()


def test_a_deleted_trade_is_not_shown_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr("dex.localnet.market.KEPT_TRADES", 1)
    network = open_market(tmp_path)
    for _ in range(2):
        network.market.trade()
    history = network.ledger.store.history
    landed = kept(network)
    assert all(history.transaction(record.signature) for record in landed)
    network.advance(STATUS_CACHE_SLOTS + 1, None)

    network.market.trade()

    shown = [history.transaction(record.signature) for record in landed]
    assert shown == [None, None]
    network.ledger.close()


def test_no_trade_is_deleted_while_nodes_still_know_its_status(tmp_path, monkeypatch):
    monkeypatch.setattr("dex.localnet.market.KEPT_TRADES", 10)
    network = open_market(tmp_path)
    for _ in range(30):
        network.market.trade()
    network.advance(STATUS_CACHE_SLOTS, None)

    network.market.trade()

    assert kept_memos(network) == trades(range(31, 0, -1))
    network.ledger.close()


def test_what_users_pay_to_the_markets_wallet_is_never_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("dex.localnet.market.KEPT_TRADES", 2)
    network = open_market(tmp_path)
    network.fund(WALLET.pubkey())
    payment = pay(SOL, to=network.market.wallet.pubkey())
    for number in range(5):
        network.market.trade()
        assert land(network.ledger, WALLET, payment, memo=f"market:{number}")
    network.advance(STATUS_CACHE_SLOTS + 1, None)

    network.market.trade()

    history = network.ledger.store.history
    assert [history.count(), len(kept_memos(network))] == [11, 7]
    assert kept_memos(network)[:2] == ["market:6", "market:4"]
    network.ledger.close()


@pytest.mark.parametrize("venue", ["raydium", "meteora"])
def test_market_passes_over_a_paused_venue(tmp_path, venue):
    network = open_market(tmp_path)
    network.pause([venue])
    before = vault_amounts(network)

    for _ in range(60):
        network.market.trade()

    for pool, then, now in zip(
        genesis.pools(), before, vault_amounts(network), strict=True
    ):
        assert (then == now) == (pool.venue == venue)
    network.ledger.close()
