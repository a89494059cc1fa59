"""One JSON-RPC endpoint: batches, its health, and the chain it serves.

Calls made at the same time share one HTTP request. No answer is believed before the
endpoint has shown the genesis hash of our chain over a connection at least as new.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from dex.errors import RpcError, RpcRateLimited, RpcRejected, RpcUnavailable, WrongChain

from .answers import NoAnswer, by_id, is_unwell, result_of
from .batches import Call, next_batch
from .health import Health
from .transport import Transport

# How long a call waits for others that may share its request, while others are on their
# way: whoever asks alone is not held up.
GATHER_S = 0.002
GENESIS = "getGenesisHash"
T = TypeVar("T")


class Endpoint:
    """One RPC endpoint, named by its host and port.

    `check_genesis` is called with the name and the genesis hash that it serves, and
    raises WrongChain. Up to `batch_size` calls share a request; 1 means no batches.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_s: float,
        batch_size: int,
        connections: int,
        check_genesis: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = transport.name
        self.health = Health(clock)
        self._clock = clock
        # Set for good once it has served another chain: it is not asked again.
        self.wrong_chain: WrongChain | None = None
        self._transport = transport
        self._timeout_s = timeout_s
        self._batch_size = batch_size
        self._connections = connections
        self._check_genesis = check_genesis
        self._waiting: deque[Call] = deque()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._last_id = 0
        # How many of the connections opened so far the genesis check covers.
        self._checked = -1
        self._check: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def mark_slow(self) -> None:
        """Note that a caller could not wait for this endpoint any longer."""
        if self.health.wanted_pause_s:
            return  # it said so itself
        self.health.slowed("slow to answer")
        self._checked = -1  # who answers next may be another chain

    async def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Return the result of one JSON-RPC call, of a shape that its method has.

        Waits for the end of a pause that the endpoint wants. Raises RpcUnavailable for
        anything but a complete answer in time, and while the endpoint is given a rest;
        RpcRejected for a JSON-RPC error about the request, WrongChain.
        """
        return await self._within_time(lambda: self._ask(method, params))

    async def call_all(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, as_one: bool = False
    ) -> list[Any]:
        """Return the result, or the RpcError, of each of several calls, in their order.

        `as_one` keeps them in one request where the batch size and their length allow it.
        Raises RpcUnavailable as `call` does where they could not be asked, WrongChain.
        """

        async def ask_all() -> list[Any]:
            asked = self._queue(calls, as_one=as_one)
            return await asyncio.gather(*asked, return_exceptions=True)

        return await self._within_time(ask_all)

    async def _within_time(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, once it may be asked, over connections that show our chain."""
        if self.wrong_chain is not None:
            raise self.wrong_chain
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._wait_to_be_admitted()
                await self._check_chain()
                result = await ask()
                # A connection lost in silence was replaced during this call.
                await self._check_chain()
                return result
        except TimeoutError:
            # Its exchange ends just as late, and is noted there, once for all its calls.
            raise self._unavailable(f"no answer within {self._timeout_s:g} s") from None

    async def _wait_to_be_admitted(self) -> None:
        """Wait until a pause that it wants is over, with all others who wait for that.

        So that each of them has its turn, and they share what it allows.
        """
        while 0 < (pause_s := self.health.wanted_pause_s) < self._timeout_s:
            await asyncio.sleep(pause_s)
        if not self.health.admits():
            raise self._unavailable(f"given a rest after: {self.health.error}")

    async def close(self) -> None:
        """End the connections; whoever still waits gets RpcUnavailable."""
        exchanges = list(self._exchanges)
        for task in exchanges:
            task.cancel()
        await asyncio.gather(*exchanges, return_exceptions=True)
        self._fail(self._waiting, "closed")
        self._waiting.clear()
        await self._transport.close()

    async def _check_chain(self) -> None:
        """Compare the genesis hash, unless every connection so far is covered."""
        if self._checked == self._transport.opened:
            return
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._compare_genesis())
            self._check.add_done_callback(look_at)
        await asyncio.shield(self._check)

    async def _compare_genesis(self) -> None:
        try:
            genesis_hash = await self._ask(GENESIS, ())
        except RpcRejected as error:
            raise self._unavailable(f"it does not tell its chain: {error}") from error
        try:
            self._check_genesis(self.name, genesis_hash)
        except WrongChain as error:
            self.wrong_chain = error
            raise
        self._checked = self._transport.opened

    async def _ask(self, method: str, params: Sequence[Any]) -> Any:
        (answer,) = self._queue([(method, params)])
        return await answer

    def _queue(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, as_one: bool = False
    ) -> list[asyncio.Future[Any]]:
        """Let these calls wait for a request that carries them; return their answers."""
        loop = asyncio.get_running_loop()
        is_first = not self._waiting
        answers: list[asyncio.Future[Any]] = []
        together = len(calls) if as_one else 1
        for method, params in calls:
            answers.append(loop.create_future())
            self._waiting.append(Call(method, params, answers[-1], together))
            together = 1
        if len(self._waiting) >= self._batch_size:
            self._send_waiting()
        elif is_first:
            # With 0, too, those made at the same moment go together.
            loop.call_later(GATHER_S if self._exchanges else 0, self._send_waiting)
        return answers

    def _send_waiting(self) -> None:
        """Send what waits, as long as a connection is free; the rest gathers meanwhile."""
        while self._waiting and len(self._exchanges) < self._connections:
            calls = next_batch(self._waiting, self._batch_size)
            if calls:
                task = asyncio.create_task(self._exchange(calls))
                self._exchanges.add(task)
                task.add_done_callback(self._exchanged)

    def _exchanged(self, task: asyncio.Task[None]) -> None:
        self._exchanges.discard(task)
        self._send_waiting()

    async def _exchange(self, calls: Sequence[Call]) -> None:
        requests = {}
        for call in calls:
            self._last_id += 1
            requests[self._last_id] = call
        bodies = [
            {"jsonrpc": "2.0", "id": id_, "method": call.method, "params": call.params}
            for id_, call in requests.items()
        ]
        started_at = self._clock()
        try:
            document = await self._transport.post(bodies)
        except RpcUnavailable as error:
            if isinstance(error, RpcRateLimited):
                self.health.limited(str(error), error.retry_after_s)
            else:
                self.health.failed(str(error))
                self._checked = -1  # who answers next may be another chain
            self._fail(calls, error)
            return
        except asyncio.CancelledError:
            self._fail(calls, "closed")
            raise
        self._settle(requests, by_id(document), (self._clock() - started_at) * 1000)

    def _settle(
        self,
        requests: dict[int, Call],
        answers: dict[int, dict[str, Any]],
        latency_ms: float,
    ) -> None:
        """Hand out the answers of one exchange, and note how it went as a whole."""
        failure = ""
        for id_, call in requests.items():
            try:
                entry = answers.get(id_)
                sent = len(requests)
                call.give(result_of(entry, call.method, self.name, sent=sent))
            except RpcError as error:
                if isinstance(error, NoAnswer):
                    failure = str(error)
                call.refuse(error)
        if all(is_unwell(answers.get(id_)) for id_ in requests):
            self.health.limited("it says that it is not well")
        elif failure:
            self.health.failed(failure)
        elif any(call.method != GENESIS for call in requests.values()):
            # Who shows its chain and nothing else is no better than who shows nothing.
            self.health.answered(latency_ms)

    def _fail(self, calls: Sequence[Call], reason: object) -> None:
        for call in calls:
            call.refuse(RpcUnavailable(str(reason)))

    def _unavailable(self, reason: str) -> RpcUnavailable:
        return self._transport.unavailable(reason)


def look_at(outcome: asyncio.Future[Any]) -> None:
    """Look at an outcome that nobody may be waiting for: asyncio complains otherwise."""
    _ = outcome.cancelled() or outcome.exception()
