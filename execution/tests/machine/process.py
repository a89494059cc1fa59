"""One process of the engine: its own client, cluster, runner and database."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from functools import partial
from typing import Any
from uuid import UUID

from dex.router import load_venues
from dex.solana.cluster import Cluster
from dex.solana.rpc import RpcClient
from dex.solana.wallet import Wallet
from execution.engine import Engine
from execution.keeper import keeper_round
from execution.runner import Runner
from execution.storage import CONNECTION_ERRORS

from .chain import URLS, WALLET, DirectTransport
from .door import Door, Writes
from .gates import Call, Gate, GatedDatabase
from .loop import StillLoop

SLOT_TIME_S = 0.4
# How long a call may take is decided by the machine, never by a clock.
NEVER_S = 1e6


class Process:
    """A worker and a keeper in one: it takes jobs, and makes rounds when told to."""

    def __init__(
        self, name: str, loop: StillLoop, door: Door, writes: Writes, seed: int
    ) -> None:
        self.name = name
        self.gate = Gate()
        self._loop = loop
        self._door = door
        self._writes = writes
        self._seed = seed
        self._tasks: set[asyncio.Task[None]] = set()
        loop.do(self._open())

    async def _open(self) -> None:
        rpc = RpcClient(
            URLS,
            timeout_s=NEVER_S,
            patience_s=0.2,
            batch_size=1,
            expected_genesis=None,
            slot_time_s=SLOT_TIME_S,
            make_transport=partial(DirectTransport, self.gate, self._door),
            clock=self._loop.time,
        )
        venues = load_venues()
        self.cluster = Cluster(rpc, venues, slot_time_s=SLOT_TIME_S)
        await self.cluster.start()
        engine = Engine(
            cluster=self.cluster,
            wallet=Wallet(WALLET),
            venues=venues,
            database=GatedDatabase(self.gate),
            unit_price=0,
            rng=random.Random(self._seed),
        )
        engine.may_sign.set()
        self.runner = Runner(engine, capacity=20, owner=self.name)

    @property
    def is_alive(self) -> bool:
        return not self.gate.is_dead

    def take(self, order_id: UUID) -> None:
        """Take a job from the queue."""
        self._begin(self.runner.take(order_id))

    def make_round(self) -> None:
        """Look for what is overdue, as a keeper does each second."""
        self._begin(_surviving(keeper_round(self.runner)))

    def stop(self) -> None:
        """Begin a planned stop: what is carried is given back."""
        self._begin(_surviving(self.runner.stop(drain_s=0)))

    def perform(self, call: Call) -> None:
        """Let a call take effect."""
        self._writes.log.append(f"{self.name}: {call}")
        if call.node is None and call.outcome is None:
            self._writes.carry_out(call, self.name)
        else:
            call.perform()

    def finish(self, call: Call) -> None:
        """Let the answer of a call arrive, and go on until all wait again."""
        self.gate.waiting.remove(call)
        self.perform(call)
        call.tell()
        self._loop.settle()

    def lose(self, call: Call) -> None:
        """Break the connection under a call, whether it took effect or not."""
        self.gate.waiting.remove(call)
        call.lose()
        self._loop.settle()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._loop.settle()


async def _surviving(work: Coroutine[Any, Any, object]) -> None:
    """Do what a process does again a moment later, should the database be away."""
    with contextlib.suppress(*CONNECTION_ERRORS):
        await work
