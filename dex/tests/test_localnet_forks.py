"""Forks take back what is not confirmed, and land it again if it still can."""

from __future__ import annotations

import pytest

from dex.localnet import testing
from dex.localnet.ledger import Commit
from dex.localnet.network import Network
from dex.localnet.runtime import load
from dex.localnet.store import Record

from .ledger_client import (
    OTHER,
    SOL,
    WALLET,
    lamports,
    land_raw,
    open_network,
    pay,
    signed,
)

FORK = {"kind": "fork", "slots": 2, "delayS": 0, "count": 1}


@pytest.fixture
def forking(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    yield network
    network.ledger.close()


def land(network: Network, memo: str = "") -> Record:
    record = testing.land(network.ledger, WALLET, pay(SOL), memo=memo)
    assert record is not None
    return record


def known(network: Network, signature: str) -> bool:
    return network.ledger.status(signature, search_history=True) is not None


def mentioned(network: Network) -> list[str]:
    records = network.ledger.store.history.mentioning(
        OTHER, before=None, until=None, newest_slot=10**9, limit=100
    )
    return [record.signature for record in records]


def test_a_fork_takes_back_accounts_statuses_records_and_mentions(forking):
    ledger = forking.ledger
    kept = land(forking, "kept")
    forking.advance(1, None)
    balance = lamports(forking, WALLET.pubkey())
    taken = [land(forking, memo) for memo in ("one", "two")]
    ledger.commit()

    count = ledger.fork(1, ledger.clock.now() + 60)

    assert count == 2
    assert (lamports(forking, OTHER), lamports(forking, WALLET.pubkey())) == (
        SOL,
        balance,
    )
    assert [known(forking, record.signature) for record in [kept, *taken]] == [
        True,
        False,
        False,
    ]
    assert ledger.store.history.transaction(taken[0].signature) is None
    assert mentioned(forking) == [kept.signature]


def test_what_a_fork_took_back_lands_again_later_in_its_order(forking):
    ledger = forking.ledger
    records = [land(forking, str(n)) for n in range(5)]
    before = records[-1].slot
    forking.faults.add({**FORK, "delayS": 60})

    forking.tick()
    assert mentioned(forking) == []
    forking.advance(3, 60)

    assert mentioned(forking) == [record.signature for record in records[::-1]]
    again = ledger.store.history.transaction(records[0].signature)
    assert again is not None
    assert again.slot == before + 3
    assert lamports(forking, OTHER) == 5 * SOL


def test_what_is_too_old_by_then_is_gone_for_good(forking):
    forking.ledger.fork(1, 0)  # nothing to take back
    record = land(forking)

    forking.ledger.fork(2, forking.ledger.clock.now() + 60)
    forking.advance(151, 60)

    assert not known(forking, record.signature)
    assert lamports(forking, OTHER) == 0


def test_a_fork_never_takes_back_what_is_confirmed(forking):
    ledger = forking.ledger
    confirmed = land(forking, "confirmed")
    forking.advance(2, None)
    land(forking, "processed")

    assert ledger.fork(150, 0) == 1

    assert known(forking, confirmed.signature)
    assert lamports(forking, OTHER) == SOL


def test_what_was_confirmed_stays_when_more_slots_are_asked_later(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=0)
    record = land(network)
    network.ledger.close()

    network = open_network(tmp_path, slots_to_confirm=30)

    assert not network.ledger.has_unconfirmed()
    assert network.ledger.fork(30, 0) == 0
    assert known(network, record.signature)
    network.ledger.close()


def test_a_fork_and_what_it_took_back_survive_a_restart(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    record = land(network)
    network.ledger.commit()
    network.faults.add({**FORK, "delayS": 60})
    network.tick()
    network.ledger.close()

    network = open_network(tmp_path, slots_to_confirm=2)

    assert not known(network, record.signature)
    assert lamports(network, OTHER) == 0
    network.advance(0, 60)
    assert known(network, record.signature)
    assert lamports(network, OTHER) == SOL
    network.ledger.close()


def test_a_fork_after_a_restart_takes_back_what_landed_before_it(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    balance = lamports(network, WALLET.pubkey())
    land(network)
    network.ledger.close()

    network = Network.open(tmp_path, slot_time_s=3600, slots_to_confirm=2)

    assert network.ledger.fork(2, network.ledger.clock.now() + 60) == 1
    assert lamports(network, OTHER) == 0
    assert lamports(network, WALLET.pubkey()) == balance
    network.ledger.close()


def test_listeners_hear_of_a_fork_and_of_the_landing_again(forking):
    heard: list[Commit] = []
    forking.listeners.append(heard.append)
    record = land(forking)
    forking.ledger.commit()
    forking.faults.add(FORK)

    forking.tick()
    forking.tick()

    assert [
        ([each.signature for each in commit.records], list(commit.dropped))
        for commit in heard
    ] == [
        ([record.signature], []),
        ([], [record.signature]),
        ([record.signature], []),
    ]
    assert {OTHER, WALLET.pubkey()} <= set(heard[1].accounts)


def test_forks_leave_time_for_what_they_took_back_to_settle(forking):
    forking.faults.add({"kind": "fork", "slots": 2, "delayS": 0})
    record = land(forking)

    settled = []
    for _ in range(6):
        forking.tick()
        status = forking.ledger.status(record.signature, search_history=True)
        settled.append(status and forking.ledger.clock.commitment_of(status.slot))
        forking.advance(1, None)

    assert settled[0] is None  # taken back by the first tick
    assert settled[-1] == "confirmed"


def test_a_transaction_that_was_taken_back_may_be_sent_again(forking):
    raw = signed(forking, pay(SOL))
    land_raw(forking, raw)
    forking.ledger.fork(2, forking.ledger.clock.now() + 60)

    forking.nodes[0].submit(raw, load(raw))
    forking.advance(1, 60)

    assert lamports(forking, OTHER) == SOL
    assert mentioned(forking) == [load(raw).signature]
