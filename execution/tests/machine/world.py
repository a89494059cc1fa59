"""Everything at once: the chain, the processes, the web, and what is promised of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers
from django.contrib.auth.models import AbstractBaseUser

from dex.models import Token
from orders import services
from orders.errors import CancelConflict, IdempotencyConflict
from orders.intake import PROCESS_INTAKE, Intake
from orders.models import Order
from orders.owners import local_owner
from orders.placing import place_order
from orders.submissions import OrderRequest, Placement

from .chain import Chain
from .complaints import complaints
from .door import Door, Writes
from .gates import Call
from .hints import JobQueue, Layer
from .invariants import Invariants
from .loop import StillLoop
from .process import SLOT_TIME_S, Process
from .promises import hold
from .races import Contender, race
from .records import Records
from .web import Web

MEMORY = Path("/dev/shm")
PROCESSES = 2
# Time passes in the rows by so much at once. The database's own clock runs on meanwhile:
# so no lease (10 s) and no due time (5 s) is so close to its end that a run could differ.
TICK_S = 6.0


class World:
    """One small world in which time, the network and every crash are the machine's."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            dir=MEMORY if MEMORY.is_dir() else None
        )
        self.records = Records()
        self.records.forget_all()
        self.chain = Chain(Path(self._folder.name))
        self.loop = StillLoop()
        self.layer = Layer()
        channel_layers.set(DEFAULT_CHANNEL_LAYER, self.layer)
        self.jobs = JobQueue()
        self.web = Web(self.loop)
        self.door = Door(self.chain, self.records)
        self.writes = Writes(self.chain, self.records)
        self.invariants = Invariants(self.chain, self.records)
        # Kept: a task that nobody knows any more would end with the next collection.
        self.dead: list[Process] = []
        self._started = 0
        self._checked = (0, 0)
        self._untold_s = 0.0  # passed, but not in the rows yet
        self.processes = [self.start_process() for _ in range(PROCESSES)]
        self.orders: list[UUID] = []
        self.placed: dict[str, tuple[UUID, OrderRequest]] = {}
        self._owner: AbstractBaseUser = local_owner()
        self._tokens = {token.symbol: token for token in Token.objects.all()}

    def close(self) -> None:
        for process in self.processes:
            process.gate.end()
        self.web.gate.end()
        self.loop.end()
        self.chain.close()
        self._folder.cleanup()

    def start_process(self) -> Process:
        self._started += 1
        name = f"process-{self._started}"
        return Process(name, self.loop, self.door, self.writes, self._started)

    def crash(self, process: Process) -> None:
        """Let a process die where it is, and another one start in its place."""
        process.gate.end()
        self.dead.append(process)
        self.processes[self.processes.index(process)] = self.start_process()

    def open_calls(self) -> list[tuple[Process, Call]]:
        """List what any process that runs waits for."""
        return [
            (process, call)
            for process in self.processes
            for call in process.gate.open_calls
        ]

    def request(
        self, pair: Sequence[str], amount_in: int, slippage_bps: int
    ) -> OrderRequest:
        return OrderRequest(
            order_type="market",
            token_in=self._tokens[pair[0]],
            token_out=self._tokens[pair[1]],
            amount_in=amount_in,
            slippage_bps=slippage_bps,
        )

    def place(self, key: str, request: OrderRequest) -> None:
        """Place an order as a client does, or repeat it, or another one under its key."""
        try:
            placement = self._place(key, request)
        except IdempotencyConflict as conflict:
            self.note_conflict(key, request, conflict)
        else:
            self.note_placement(key, request, placement)

    def race_places(self, key: str, request: OrderRequest, stop_at: int) -> None:
        """Place one order twice at once; a worker looks at the queue in between."""
        process = self.processes[0]
        outcomes = race(
            self.records,
            # Each in a web process of its own.
            partial(self._place, key, request, Intake()),
            partial(self._place, key, request, Intake()),
            stop_at=stop_at,
            meanwhile=partial(self.take_job, process),
        )
        for contender in sorted(outcomes, key=_is_replay):
            if contender.error is None:
                self.note_placement(key, request, contender.result)
            else:
                self.note_conflict(key, request, contender.error)

    def _place(
        self, key: str, request: OrderRequest, intake: Intake = PROCESS_INTAKE
    ) -> Placement:
        return place_order(
            request, owner=self._owner, idempotency_key=key, intake=intake
        )

    def note_conflict(self, key: str, request: OrderRequest, error: Exception) -> None:
        earlier = self.placed.get(key)
        hold(
            "a_key_is_one_order",
            isinstance(error, IdempotencyConflict)
            and earlier is not None
            and earlier[1] != request,
            f"{key} was refused: {error!r}",
        )

    def note_placement(
        self, key: str, request: OrderRequest, placement: Placement
    ) -> None:
        self.writes.note()
        order_id, earlier = placement.order_id, self.placed.get(key)
        hold(
            "a_key_is_one_order",
            placement.created == (earlier is None)
            and (earlier is None or earlier == (order_id, request)),
            f"{key}: {placement} after {earlier}",
        )
        if placement.created:
            self.placed[key] = order_id, request
            self.orders.append(order_id)
            self.web.follow(order_id)

    def cancel(self, order_id: UUID) -> None:
        """Cancel an order; remember it when the answer was that nothing will be swapped."""
        try:
            _cancel(order_id)
        except CancelConflict:
            pass
        else:
            self.invariants.cancelled.add(order_id)
        self.writes.note()

    def race_cancel(
        self,
        process: Process,
        call: Call,
        order_id: UUID,
        *,
        cancel_first: bool,
        stop_at: int,
    ) -> None:
        """Cancel an order at the very moment at which its holder makes a step."""
        work: list[Callable[[], None]] = [call.perform, partial(_cancel, order_id)]
        if cancel_first:
            work.reverse()

        def both() -> None:
            outcomes = race(self.records, work[0], work[1], stop_at=stop_at)
            cancelling = outcomes[0 if cancel_first else 1]
            if cancelling.error is None:
                self.invariants.cancelled.add(order_id)
            elif not isinstance(cancelling.error, CancelConflict):
                raise cancelling.error

        self.writes.carry_out(call, process.name, both)

    def take_job(self, process: Process) -> None:
        """Let a worker take what is next in the queue."""
        order_id = self.jobs.take()
        if order_id is None:
            return
        hold("jobs_name_committed_orders", self.records.exists(order_id), order_id)
        process.take(order_id)

    def move_chain(self, slots: int) -> None:
        """Let the chain, and with it the time of the hosts, go on."""
        self.chain.move(slots)
        self.pass_time(slots * SLOT_TIME_S)

    def pass_time(self, seconds: float) -> None:
        """Let time pass for hosts and rows, and not for the chain."""
        ticks, self._untold_s = divmod(self._untold_s + seconds, TICK_S)
        if ticks:
            self.records.pass_time(ticks * TICK_S)
        self.loop.pass_time(seconds)

    def check(self) -> None:
        """Raise Violation unless every promise holds now."""
        complaints.check()
        for client in self.web.clients:
            client.check()
        revision = self.records.revision, self.chain.changes
        if revision != self._checked:
            self._checked = revision
            self.invariants.check()

    def read_all(self, most: int = 100) -> None:
        """Let the hub read all it asks for."""
        for _ in range(most):
            if not self.web.read():
                return


def _cancel(order_id: UUID) -> None:
    services.cancel_order(Order.objects.get(id=order_id))


def _is_replay(contender: Contender) -> bool:
    return contender.error is None and not contender.result.created
