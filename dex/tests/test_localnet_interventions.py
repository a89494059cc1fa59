"""Funding a wallet and pausing a venue, beside what a fork may still take back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.genesis import GenesisPool
from dex.localnet.market import VENUES, pool_accounts, read_snapshot
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.testing import land
from dex.solana.addresses import associated_token_address

from .books import COMMITMENTS, surplus
from .ledger_client import OTHER, SOL, WALLET, lamports, open_network, pay

USDC = genesis.TOKENS["USDC"]
EACH_VENUE = pytest.mark.parametrize("venue", ["raydium", "meteora"])


def open_settled(folder) -> Network:
    """Open a chain whose confirmed slot is behind, and has seen everything so far."""
    network = open_network(folder, slots_to_confirm=3)
    network.advance(5, None)
    network.ledger.commit()
    return network


def pool_of(venue: str) -> GenesisPool:
    return next(p for p in genesis.pools() if p.venue == venue and p.quote == USDC)


def swap(network: Network, pool: GenesisPool, mint_in: Pubkey, amount: int) -> None:
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(network.ledger, venue, pool.address)
    quote = venue.quote(pool.address, snapshot, mint_in, amount)
    bought = venue.swap_instruction(
        quote, snapshot, user=WALLET.pubkey(), min_amount_out=1
    )
    record = land(network.ledger, WALLET, bought)
    assert record is not None
    assert record.error is None
    network.ledger.commit()


def held(network: Network, owner: Pubkey, mint: Pubkey, slot: int | None = None) -> int:
    address = associated_token_address(owner, mint)
    account = network.ledger.account(address, slot)
    return 0 if account is None else layout.amount_of(account.data)


def books(network: Network) -> list[dict[str, int]]:
    clock = network.ledger.clock
    return [surplus(network.ledger, clock.slot_for(name)) for name in COMMITMENTS]


def take_back(network: Network) -> int:
    """Fork, and keep what it took back from landing again."""
    taken = network.ledger.fork(5, network.ledger.clock.now() + 10**6)
    network.ledger.commit()
    return taken


def test_books_agree_at_every_commitment_after_funding_at_a_restart(tmp_path):
    network = open_settled(tmp_path)
    swap(network, pool_of("raydium"), USDC.mint, 5_000 * 10**6)
    network.ledger.close()

    network = open_network(tmp_path, slots_to_confirm=3)

    assert books(network) == [{}, {}, {}]
    assert held(network, WALLET.pubkey(), USDC.mint) == 100_000_000 * 10**6
    network.ledger.close()


def test_books_agree_after_a_fork_that_follows_funding(tmp_path):
    network = open_settled(tmp_path)
    swap(network, pool_of("raydium"), USDC.mint, 5_000 * 10**6)
    network.fund(WALLET.pubkey())
    network.ledger.commit()

    assert take_back(network) == 1

    assert books(network) == [{}, {}, {}]
    # The swap paid them, and was taken back; what was given for them stays.
    assert held(network, WALLET.pubkey(), USDC.mint) == 100_005_000 * 10**6
    network.ledger.close()


def test_books_agree_when_a_fork_and_funding_meet_in_one_commit_and_a_restart(tmp_path):
    network = open_settled(tmp_path)
    swap(network, pool_of("meteora"), USDC.mint, 5_000 * 10**6)
    network.fund(WALLET.pubkey())
    swap(network, pool_of("meteora"), USDC.mint, 7_000 * 10**6)
    network.fund(WALLET.pubkey())
    network.ledger.fork(5, network.ledger.clock.now() + 10**6)
    network.ledger.close()

    network = open_network(tmp_path, slots_to_confirm=3)

    assert books(network) == [{}, {}, {}]
    assert held(network, WALLET.pubkey(), USDC.mint) == 100_012_000 * 10**6
    network.ledger.close()


def test_lamports_of_an_unconfirmed_payment_are_not_made_twice(tmp_path):
    network = open_settled(tmp_path)
    record = land(network.ledger, WALLET, pay(SOL))
    assert record is not None
    network.fund(WALLET.pubkey())
    network.ledger.commit()
    clock = network.ledger.clock

    confirmed = network.ledger.account(WALLET.pubkey(), clock.slot_for("confirmed"))
    take_back(network)

    assert confirmed is not None
    given = SOL + record.meta["fee"]
    assert confirmed.lamports == 10_000 * SOL + given
    assert lamports(network, WALLET.pubkey()) == 10_000 * SOL + given
    assert lamports(network, OTHER) == 0
    network.ledger.close()


def test_a_new_wallet_is_funded_at_every_commitment(tmp_path):
    network = open_settled(tmp_path)

    network.fund(OTHER)

    clock = network.ledger.clock
    for slot in map(clock.slot_for, COMMITMENTS):
        assert held(network, OTHER, USDC.mint, slot) == 100_000_000 * 10**6
    assert books(network) == [{}, {}, {}]
    network.ledger.close()


def test_funding_changes_nothing_of_an_account_but_its_amount(network):
    ledger = network.ledger
    address = associated_token_address(WALLET.pubkey(), USDC.mint)
    account = ledger.account(address)
    delegate = (1).to_bytes(4, "little") + bytes(OTHER)
    data = layout.put(account.data, 64, (7).to_bytes(8, "little"))
    ledger.put([(address, replace(account, data=layout.put(data, 72, delegate)))])

    network.fund(WALLET.pubkey())

    raised = ledger.account(address)
    assert layout.amount_of(raised.data) == 100_000_000 * 10**6
    assert raised.data[72:108] == delegate


def states(network: Network, pool: GenesisPool, slot: int | None = None) -> list[bytes]:
    """Return the bytes of everything a quote of the pool reads."""
    read = pool_accounts(
        VENUES[pool.venue],
        pool.address,
        lambda address: network.ledger.account(address, slot),
    )
    return [b"" if account is None else account.data for account in read.values()]


@EACH_VENUE
def test_a_pause_shows_no_part_of_a_swap_before_its_commitment(tmp_path, venue):
    network, pool = open_settled(tmp_path), pool_of(venue)
    before = states(network, pool)
    swap(network, pool, pool.base.mint, 2_000 * SOL)

    network.pause([venue])
    network.pause([])

    confirmed = network.ledger.clock.slot_for("confirmed")
    assert states(network, pool, confirmed) == before
    assert states(network, pool) != before
    network.ledger.close()


@EACH_VENUE
def test_a_fork_takes_a_whole_swap_back_from_a_pool_that_was_paused(tmp_path, venue):
    network, pool = open_settled(tmp_path), pool_of(venue)
    before = states(network, pool)
    swap(network, pool, pool.base.mint, 2_000 * SOL)
    network.pause([venue])
    network.ledger.close()

    network = open_network(tmp_path, slots_to_confirm=3)  # and opens it again

    assert take_back(network) == 1
    assert states(network, pool) == before
    network.ledger.close()


@EACH_VENUE
def test_a_pause_outlives_a_fork(tmp_path, venue):
    network, pool = open_settled(tmp_path), pool_of(venue)
    open_state = states(network, pool)
    swap(network, pool, pool.base.mint, 2_000 * SOL)
    network.pause([venue])

    take_back(network)
    paused_state = states(network, pool)
    network.pause([])

    assert paused_state != open_state
    assert states(network, pool) == open_state
    network.ledger.close()
