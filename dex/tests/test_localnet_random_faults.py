"""Random sends, faults, forks and restarts: accounts and history never part."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dex.localnet.network import Network
from dex.localnet.runtime import load

from .ledger_client import OTHER, SOL, WALLET, open_network, pay, signed

FEE = 5_000
FAULTS = [
    {"kind": "fork", "slots": 3, "delayS": 0, "probability": 0.4},
    {"kind": "fork", "slots": 1, "delayS": 7_200, "probability": 0.4},
    {"kind": "drop", "probability": 0.1},
    {"kind": "landLate", "delayS": 10_000, "probability": 0.2},
    {"kind": "landLate", "untilLastValid": True, "probability": 0.1},
]


@dataclass
class Story:
    """One ledger, what was sent to it, and what it has ever called confirmed."""

    folder: Path
    rng: random.Random
    network: Network = field(init=False)
    sent: list[bytes] = field(default_factory=list)
    confirmed: dict[str, int] = field(default_factory=dict)
    start: int = 0
    forks: int = 0

    def __post_init__(self) -> None:
        open_network(self.folder).ledger.close()  # funds the wallet, once
        self.open()
        self.start = self.lamports(WALLET.pubkey(), self.slot("processed"))

    def open(self) -> None:
        self.network = Network.open(self.folder, slot_time_s=3600, slots_to_confirm=3)
        for number, rule in enumerate(FAULTS):
            self.network.faults.add(
                {**rule, "seed": self.rng.randrange(1_000) + number}
            )

    def step(self, number: int) -> None:
        """Do one thing at random; then let time pass, or nothing at all."""
        draw = self.rng.random()
        if draw < 0.6:
            self.sent.append(signed(self.network, pay(SOL), memo=str(number)))
            self.send(self.sent[-1])
        elif draw < 0.8 and self.sent:
            self.send(self.rng.choice(self.sent[-20:]))
        elif draw < 0.85:
            self.network.ledger.close()
            self.open()
        elif draw < 0.97:
            self.network.advance(self.rng.randrange(4), None)
        else:
            self.network.advance(40, None)
        before = self.network.ledger.store.history.count()
        self.network.tick()
        self.forks += self.network.ledger.store.history.count() < before

    def send(self, raw: bytes) -> None:
        self.rng.choice(self.network.nodes).submit(raw, load(raw))
        self.network.ledger.commit()

    def check(self) -> None:
        """Compare accounts with history at every commitment."""
        history = self.network.ledger.store.history
        records = history.mentioning(
            OTHER, before=None, until=None, newest_slot=10**9, limit=10**6
        )
        assert len({record.signature for record in records}) == len(records)
        for commitment in ("processed", "confirmed", "finalized"):
            slot = self.slot(commitment)
            landed = sum(record.slot <= slot for record in records)
            assert self.lamports(OTHER, slot) == landed * SOL
            spent = landed * (SOL + FEE)
            assert self.lamports(WALLET.pubkey(), slot) == self.start - spent
        slots = {record.signature: record.slot for record in records}
        for signature, slot in self.confirmed.items():
            assert slots[signature] == slot
        confirmed = self.slot("confirmed")
        self.confirmed |= {s: slot for s, slot in slots.items() if slot <= confirmed}

    def slot(self, commitment: str) -> int:
        return self.network.ledger.clock.slot_for(commitment)

    def lamports(self, address, slot: int) -> int:
        account = self.network.ledger.account(address, slot)
        return 0 if account is None else account.lamports


def tell(folder: Path, seed: int, steps: int) -> Story:
    story = Story(folder, random.Random(seed))
    for number in range(steps):
        story.step(number)
        story.check()
    story.network.ledger.close()
    return story


@pytest.mark.parametrize("seed", range(3))
def test_accounts_are_what_history_says_whatever_happens(tmp_path, seed):
    story = tell(tmp_path, seed, 150)

    assert story.forks > 0
    assert story.confirmed


@pytest.mark.prove
@pytest.mark.timeout(1_200)
def test_accounts_are_what_history_says_in_a_long_story(tmp_path):
    stories = [tell(tmp_path / str(seed), seed, 400) for seed in range(20)]

    print(  # noqa: T201
        f"{sum(len(s.sent) for s in stories):,} sent, "
        f"{sum(s.forks for s in stories):,} forks, "
        f"{sum(len(s.confirmed) for s in stories):,} confirmed"
    )
