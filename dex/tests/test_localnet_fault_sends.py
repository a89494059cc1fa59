"""Faults that strike a transaction on its way into the ledger."""

from __future__ import annotations

import pytest

from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot, sign_transaction
from dex.localnet.methods.rpc import Params, RpcError
from dex.localnet.runtime import load
from dex.localnet.server import METHODS

from .ledger_client import OTHER, SOL, WALLET, lamports, open_network, pay, signed


def send(network, raw: bytes, node: int = 0):
    """Send through a node; return the record, None when it has not landed."""
    loaded = load(raw)
    network.nodes[node].submit(raw, loaded)
    return network.ledger.store.history.transaction(loaded.signature)


def swap(network, venue: str, memo: str = "") -> bytes:
    pool = next(pool for pool in genesis.pools() if pool.venue == venue)
    snapshot = read_snapshot(network.ledger, VENUES[venue], pool.address)
    quote = VENUES[venue].quote(pool.address, snapshot, pool.base.mint, SOL)
    instruction = VENUES[venue].swap_instruction(
        quote, snapshot, user=WALLET.pubkey(), min_amount_out=1
    )
    return sign_transaction(network.ledger, WALLET, [instruction], memo)


def test_a_dropped_transaction_never_lands_however_often_it_is_sent(network):
    rule = network.faults.add({"kind": "drop", "probability": 0.5, "seed": 1})
    sent = [signed(network, pay(SOL), memo=str(number)) for number in range(40)]

    first = [send(network, raw) is not None for raw in sent]
    again = [send(network, raw, node=1) is not None for raw in sent]

    assert first == again
    assert 0 < sum(first) < 40
    network.faults.clear([rule])
    assert all(send(network, raw) for raw in sent)


def test_a_drop_per_send_loses_one_sending_and_not_the_next(network):
    network.faults.add({"kind": "drop", "perSend": True, "count": 1})
    raw = signed(network, pay(SOL))

    assert send(network, raw) is None
    assert send(network, raw) is not None


def test_a_late_transaction_lands_in_its_last_valid_block(tmp_path):
    network = open_network(tmp_path)
    network.faults.add({"kind": "landLate", "untilLastValid": True})
    signed_in = network.ledger.clock.slot()
    raw = signed(network, pay(SOL))
    assert send(network, raw) is None

    network.advance(149, None)
    before = lamports(network, OTHER)
    network.advance(1, None)

    record = network.ledger.store.history.transaction(load(raw).signature)
    assert before == 0
    assert record is not None
    assert record.slot == signed_in + 150
    network.ledger.close()


def test_a_late_transaction_that_is_sent_again_does_not_land_sooner(network):
    network.faults.add({"kind": "landLate", "delayS": 60})
    raw = signed(network, pay(SOL))
    send(network, raw)
    network.advance(0, 59)

    assert send(network, raw, node=1) is None
    network.advance(0, 1)
    assert lamports(network, OTHER) == SOL


def test_an_error_is_answered_after_the_transaction_has_landed(network):
    network.faults.add({"kind": "errorAfterLanding", "seed": 5})
    ways = []
    for number in range(20):
        raw = signed(network, pay(SOL), memo=str(number))
        try:
            send(network, raw)
            ways.append(network.nodes[0].lost_answer)
        except RpcError as error:
            ways.append(error.code)
        assert network.ledger.store.history.transaction(load(raw).signature)

    assert set(ways) == {-32603, "serverError", "reset"}
    assert lamports(network, OTHER) == 20 * SOL


@pytest.mark.parametrize(("venue", "code"), [("raydium", 6005), ("meteora", 6003)])
def test_a_struck_swap_lands_with_the_slippage_error_of_its_venue(network, venue, code):
    network.faults.add({"kind": "programError"})
    before = lamports(network, WALLET.pubkey())
    raw = swap(network, venue)

    record = send(network, raw)

    assert record is not None
    assert record.error == {"InstructionError": [0, {"Custom": code}]}
    assert record.raw == raw
    assert any(
        "failed: custom program error" in line for line in record.meta["logMessages"]
    )
    assert lamports(network, WALLET.pubkey()) == before - 5_000
    network.faults.clear()
    landed = send(network, swap(network, venue, memo="after"))
    assert landed is not None
    assert landed.error is None


def test_a_program_error_holds_for_a_transaction_that_lands_late(tmp_path):
    network = open_network(tmp_path)
    network.faults.add({"kind": "programError"})
    network.faults.add({"kind": "landLate", "delayS": 10})
    raw = swap(network, "raydium")
    send(network, raw)
    network.ledger.close()

    network = open_network(tmp_path)
    network.advance(0, 10)

    record = network.ledger.store.history.transaction(load(raw).signature)
    assert record is not None
    assert record.error == {"InstructionError": [0, {"Custom": 6005}]}
    network.ledger.close()


def test_market_and_airdrops_meet_no_fault_of_sending(network):
    for kind in ("drop", "errorAfterLanding", "programError"):
        network.faults.add({"kind": kind})
    network.faults.add({"kind": "landLate", "delayS": 10})
    network.fund(network.market.wallet.pubkey())

    network.market.trade()
    signature = METHODS["requestAirdrop"](network.nodes[0], Params([str(OTHER), SOL]))

    assert network.ledger.status(signature, search_history=False) is not None
    assert lamports(network, OTHER) == SOL
    trades = network.ledger.store.history.mentioning(
        network.market.wallet.pubkey(),
        before=None,
        until=None,
        newest_slot=10**9,
        limit=10,
    )
    assert [trade.error for trade in trades] == [None]
