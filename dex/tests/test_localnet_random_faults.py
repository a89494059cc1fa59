"""Random sends, trades, faults, forks, restarts, funding and pauses.

Accounts and history never part, no token is lost or made, and no pool is torn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.market import Market
from dex.localnet.network import Network
from dex.localnet.pausing import switched
from dex.localnet.runtime import load
from dex.localnet.store import Record

from .books import COMMITMENTS, surplus
from .ledger_client import OTHER, SOL, WALLET, open_network, pay, signed

FEE = 5_000
MARKET = Market.wallet.pubkey()
PAUSES: list[list[str]] = [[], ["raydium"], ["meteora"], ["raydium", "meteora"]]
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
    # By what has landed on them: the bytes of all pools, with their statuses left out.
    pools: dict[tuple[object, ...], list[bytes]] = field(default_factory=dict)
    # What the wallet has ever been given, in lamports.
    given: int = 0
    forks: int = 0

    def __post_init__(self) -> None:
        open_network(self.folder).ledger.close()
        self.open()
        self.given = self.lamports(WALLET.pubkey(), self.slot("processed"))

    def open(self, *, fund: bool = True) -> None:
        wallets = [WALLET.pubkey(), MARKET] if fund else []
        self.network = Network.open(
            self.folder,
            slot_time_s=3600,
            slots_to_confirm=3,
            fund=wallets,
            seed=self.rng.randrange(1_000),
        )
        for number, rule in enumerate(FAULTS):
            self.network.faults.add(
                {**rule, "seed": self.rng.randrange(1_000) + number}
            )

    def step(self, number: int) -> None:
        """Do one thing at random; then let time pass, or nothing at all."""
        draw = self.rng.random()
        if draw < 0.2:
            self.network.market.trade()
            self.network.ledger.commit()
        elif draw < 0.6:
            self.sent.append(signed(self.network, pay(SOL), memo=str(number)))
            self.send(self.sent[-1])
        elif draw < 0.7 and self.sent:
            self.send(self.rng.choice(self.sent[-20:]))
        elif draw < 0.85:
            self.intervene()
        elif draw < 0.97:
            self.network.advance(self.rng.randrange(4), None)
        else:
            self.network.advance(40, None)
        before = self.network.ledger.store.history.count()
        self.network.tick()
        self.forks += self.network.ledger.store.history.count() < before

    def intervene(self) -> None:
        """Restart, fund the wallets or pause venues, whatever is not confirmed yet."""
        held = self.lamports(WALLET.pubkey(), self.slot("processed"))
        draw = self.rng.random()
        if draw < 0.4:
            self.network.ledger.close()
            self.open(fund=draw < 0.3)
        elif draw < 0.7:
            for wallet in (WALLET.pubkey(), MARKET):
                self.network.fund(wallet)
        else:
            self.network.pause(self.rng.choice(PAUSES))
        self.given += self.lamports(WALLET.pubkey(), self.slot("processed")) - held

    def send(self, raw: bytes) -> None:
        self.rng.choice(self.network.nodes).submit(raw, load(raw))
        self.network.ledger.commit()

    def check(self) -> None:
        """Compare accounts with history, supplies and pools at every commitment."""
        payments = self.landed(OTHER)
        trades = self.landed(MARKET)
        for slot in map(self.slot, COMMITMENTS):
            landed = sum(record.slot <= slot for record in payments)
            assert self.lamports(OTHER, slot) == landed * SOL
            spent = landed * (SOL + FEE)
            assert self.lamports(WALLET.pubkey(), slot) == self.given - spent
            assert surplus(self.network.ledger, slot) == {}
            states = self.pools_as_of(slot)
            story = tuple(map(outcome, (r for r in trades if r.slot <= slot)))
            assert self.pools.setdefault(story, states) == states
        slots = {record.signature: record.slot for record in payments}
        for signature, slot in self.confirmed.items():
            assert slots[signature] == slot
        confirmed = self.slot("confirmed")
        self.confirmed |= {s: slot for s, slot in slots.items() if slot <= confirmed}

    def landed(self, address: Pubkey) -> list[Record]:
        """Return what mentions an address; nothing has landed twice."""
        records = self.network.ledger.store.history.mentioning(
            address, before=None, until=None, newest_slot=10**9, limit=10**6
        )
        assert len({record.signature for record in records}) == len(records)
        return records

    def pools_as_of(self, slot: int) -> list[bytes]:
        """Return the bytes of all pools' accounts, as though none was ever paused."""
        states = []
        for pool in genesis.pools():
            for address, _ in pool.accounts:
                account = self.network.ledger.account(address, slot)
                assert account is not None
                if address == pool.address:
                    account = switched(
                        account, first=pool.state, venue=pool.venue, paused=False
                    )
                states.append(account.data)
        return states

    def slot(self, commitment: str) -> int:
        return self.network.ledger.clock.slot_for(commitment)

    def lamports(self, address, slot: int) -> int:
        account = self.network.ledger.account(address, slot)
        return 0 if account is None else account.lamports


def outcome(record: Record) -> tuple[object, ...]:
    """Return all that decides what a trade did to its pool."""
    # Landed again, it may find its venue paused that was open before.
    return record.signature, record.slot, record.block_time, repr(record.error)


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
