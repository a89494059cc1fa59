"""Localnet under load: a thousand orders a second, and memory that does not grow."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from solders.hash import Hash

from dex.localnet.accounts import Bank
from dex.localnet.methods.bodies import answer_body
from dex.localnet.network import Network
from dex.localnet.server import METHODS

from .ledger_client import open_network
from .localnet_orders import (
    BATCH,
    WALLET,
    Batch,
    SignedOrder,
    bodies,
    run_orders,
    signed_orders,
    swaps,
)
from .localnet_process import LocalnetProcess

# Signed at once, and sent within the life of one blockhash even on a busy machine.
CHUNK = 5_000


def land(network: Network, orders: list[SignedOrder]) -> int:
    """Send orders through one node; return how many the other one shows as landed."""
    landed = 0
    for send, look, _ in bodies(orders):
        answer_body(METHODS, network.nodes[0], json.loads(send))
        network.ledger.commit()
        found = answer_body(METHODS, network.nodes[1], json.loads(look))
        assert found is not None
        statuses = [each["result"]["value"][0] for each in json.loads(found)]
        landed += sum(status["err"] is None for status in statuses)
    return landed


def held(bank: Bank) -> int:
    """Return how many states it holds, of all accounts together."""
    return sum(map(len, bank._versions.values()))


def test_what_localnet_holds_in_memory_does_not_grow_with_its_history(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("dex.localnet.ledger.REMEMBERED_STATUSES", 300)
    monkeypatch.setattr("dex.localnet.store_history.NEWEST_RECORDS", 200)
    network = open_network(tmp_path)
    ledger, clock = network.ledger, network.ledger.clock
    instructions = swaps(ledger)

    def run(numbers: range) -> tuple[int, ...]:
        for start in numbers[::BATCH]:
            blockhash = clock.blockhash(clock.slot())
            batch = range(start, start + BATCH)
            orders = list(signed_orders(instructions, blockhash, batch))
            assert land(network, orders) == BATCH
            network.advance(20, None)
        return (
            held(ledger.bank),
            len(list(ledger.store.accounts.replaced())),
            len(ledger.store.history._address_ids),
            len(ledger._recent),
            len(ledger.store.history._newest),
        )

    first = run(range(500))
    second = run(range(500, 1_000))

    assert second == first
    assert first[3:] == (300, 200)
    assert len(clock._blockhash_slots) <= 700
    network.advance(clock.kept_slots + 1, None)
    ledger.commit()
    accounts = sum(1 for _ in ledger.store.accounts.newest())
    assert held(ledger.bank) == accounts
    assert list(ledger.store.accounts.replaced()) == []
    ledger.close()


def test_statuses_beyond_those_remembered_are_found_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("dex.localnet.ledger.REMEMBERED_STATUSES", 10)
    network = open_network(tmp_path)
    ledger = network.ledger
    blockhash = ledger.clock.blockhash(ledger.clock.slot())
    orders = list(signed_orders(swaps(ledger), blockhash, range(50)))
    assert land(network, orders) == 50

    statuses = [
        ledger.status(order.signature, search_history=False) for order in orders
    ]

    assert len(ledger._recent) == 10
    assert all(status is not None and status.error is None for status in statuses)
    network.ledger.close()


def test_transactions_beyond_those_at_hand_are_shown_alike_from_the_file(tmp_path):
    network = open_network(tmp_path)
    ledger = network.ledger
    blockhash = ledger.clock.blockhash(ledger.clock.slot())
    orders = list(signed_orders(swaps(ledger), blockhash, range(20)))
    assert land(network, orders) == 20

    def shown(order) -> str:
        options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
        call = {"jsonrpc": "2.0", "id": 1, "method": "getTransaction"}
        call["params"] = [order.signature, options]
        return answer_body(METHODS, network.nodes[0], call) or ""

    at_hand = [shown(order) for order in orders]
    ledger.store.history._newest.clear()

    assert [shown(order) for order in orders] == at_hand
    assert all('"meta":{"err":null' in text for text in at_hand)
    network.ledger.close()


@dataclass(frozen=True)
class Figures:
    """What a run of orders cost."""

    orders: int
    per_second: float
    cpu_ms: float
    resident_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.orders:>7} orders: {self.per_second:,.0f}/s, "
            f"{self.cpu_ms:.2f} ms CPU each, {self.resident_bytes / 2**20:.0f} MiB"
        )


def load(folder: Path, count: int) -> list[Figures]:
    """Run `count` orders through a localnet process; return figures chunk by chunk."""
    network = open_network(folder / "of the quotes")
    instructions = swaps(network.ledger)
    network.ledger.close()
    ledger = folder / "ledger"
    figures = []
    with LocalnetProcess(ledger, fund=WALLET.pubkey()) as process:
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            latest = process.call("getLatestBlockhash", {"commitment": "confirmed"})
            blockhash = Hash.from_string(latest["value"]["blockhash"])
            batches = list(
                bodies(list(signed_orders(instructions, blockhash, numbers)))
            )
            figures.append(measure(process, batches, numbers.stop))
            print(figures[-1])  # noqa: T201 - what this run is for
        size = sum(path.stat().st_size for path in ledger.iterdir())
        print(f"{size / count:,.0f} bytes on disk each")  # noqa: T201
    return figures


def measure(process: LocalnetProcess, batches: Sequence[Batch], orders: int) -> Figures:
    began, cpu_s = time.perf_counter(), process.cpu_s()
    landed = asyncio.run(run_orders(process.url, batches))
    seconds, cpu_s = time.perf_counter() - began, process.cpu_s() - cpu_s
    assert landed == sum(len(signatures) for _, _, signatures in batches)
    return Figures(
        orders, landed / seconds, cpu_s / landed * 1e3, process.memory_bytes()
    )


def test_orders_land_over_http_in_batches(tmp_path):
    (figures,) = load(tmp_path, 500)

    # Far from the real figure, which `make prove` shows: other tests run beside this.
    assert figures.cpu_ms < 10


@pytest.mark.prove
@pytest.mark.timeout(1_200)
def test_a_thousand_orders_a_second_in_flat_memory(tmp_path):
    figures = load(tmp_path, 100_000)

    # One processor carries a thousand a second, also while others use the machine.
    assert sorted(each.cpu_ms for each in figures)[len(figures) // 2] < 1
    # Full once every slot that is kept has its versions, after 182 slots.
    half = figures[len(figures) // 2].resident_bytes
    assert figures[-1].resident_bytes < half * 1.05
