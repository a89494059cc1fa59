"""One JSON-RPC endpoint: batches, typed errors, health, and the chain it serves.

Calls made at the same time share one HTTP request. No answer is believed before the
endpoint has shown the genesis hash of our chain over a connection at least as new.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dex.errors import RpcError, RpcRejected, RpcUnavailable

from .transport import Transport

# JSON-RPC errors that speak of the node and not of the request: another node, or the
# same one a little later, may answer. Source: anza-xyz/agave,
# rpc-client-api/src/custom_error.rs; 429 in two spellings is providers' own.
NODE_ERRORS = {
    -32603: "internal error",
    -32004: "block not available",
    -32005: "node is unhealthy",
    -32011: "node keeps no transaction history",
    -32014: "block status not available yet",
    -32016: "node has not reached the minimum context slot",
    -32019: "the node's history store is unreachable",
    -32429: "too many requests",
    429: "too many requests",
}

# How long a call waits for others that may share its request.
GATHER_S = 0.002


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    params: Sequence[Any]
    answer: asyncio.Future[Any]


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
    ) -> None:
        self.name = transport.name
        self.latency_ms: float | None = None
        self.error = ""  # of the newest exchange, "" when it was answered
        self._failed_at: float | None = None
        self._transport = transport
        self._timeout_s = timeout_s
        self._batch_size = batch_size
        self._connections = connections
        self._check_genesis = check_genesis
        self._waiting: deque[_Call] = deque()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._last_id = 0
        # How many of the connections opened so far the genesis check covers.
        self._checked = -1
        self._check: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def failed_within(self, seconds: float) -> bool:
        """Whether the newest exchange failed, and less than `seconds` ago."""
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() - failed_at < seconds

    def mark_slow(self) -> None:
        """Note that a caller could not wait for this endpoint any longer."""
        self._note_failure("slow to answer")

    async def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Return the result of one JSON-RPC call.

        Raises RpcUnavailable for anything but a complete answer in time, RpcRejected
        for a JSON-RPC error about the request, WrongChain.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._check_chain()
                result = await self._ask(method, params)
                # A connection lost in silence was replaced during this call.
                await self._check_chain()
                return result
        except TimeoutError:
            raise self._unavailable(f"no answer within {self._timeout_s:g} s") from None

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
        genesis_hash = await self._ask("getGenesisHash", ())
        if not isinstance(genesis_hash, str):
            raise self._unavailable("no genesis hash in the answer")
        self._check_genesis(self.name, genesis_hash)
        self._checked = self._transport.opened

    async def _ask(self, method: str, params: Sequence[Any]) -> Any:
        loop = asyncio.get_running_loop()
        call = _Call(method, params, loop.create_future())
        self._waiting.append(call)
        if len(self._waiting) >= self._batch_size:
            self._send_waiting()
        elif len(self._waiting) == 1:
            loop.call_later(GATHER_S, self._send_waiting)
        return await call.answer

    def _send_waiting(self) -> None:
        """Send what waits, as long as a connection is free; the rest gathers meanwhile."""
        while self._waiting and len(self._exchanges) < self._connections:
            calls: list[_Call] = []
            while self._waiting and len(calls) < self._batch_size:
                call = self._waiting.popleft()
                if not call.answer.done():  # its caller may have given up
                    calls.append(call)
            if calls:
                task = asyncio.create_task(self._exchange(calls))
                self._exchanges.add(task)
                task.add_done_callback(self._exchanged)

    def _exchanged(self, task: asyncio.Task[None]) -> None:
        self._exchanges.discard(task)
        self._send_waiting()

    async def _exchange(self, calls: Sequence[_Call]) -> None:
        requests = {}
        for call in calls:
            self._last_id += 1
            requests[self._last_id] = call
        bodies = [
            {"jsonrpc": "2.0", "id": id_, "method": call.method, "params": call.params}
            for id_, call in requests.items()
        ]
        started = time.monotonic()
        try:
            document = await self._transport.post(
                bodies if len(bodies) > 1 else bodies[0]
            )
        except RpcUnavailable as error:
            self._note_failure(str(error))
            self._fail(calls, error)
            return
        except asyncio.CancelledError:
            self._fail(calls, "closed")
            raise
        self.latency_ms = (time.monotonic() - started) * 1000
        self.error, self._failed_at = "", None
        answers = _by_id(document)
        for id_, call in requests.items():
            self._settle(call, answers.get(id_), len(calls))

    def _settle(self, call: _Call, entry: dict[str, Any] | None, sent: int) -> None:
        if call.answer.done():
            return
        try:
            call.answer.set_result(self._result(entry, sent))
        except RpcError as error:
            call.answer.set_exception(error)

    def _result(self, entry: dict[str, Any] | None, sent: int) -> Any:
        match entry:
            case {"error": {"code": int(code), **error}}:
                if code in NODE_ERRORS:
                    raise RpcUnavailable(f"{self.name}: {NODE_ERRORS[code]} ({code})")
                message = str(error.get("message", ""))[:500]
                raise RpcRejected(code, message, error.get("data"))
            case {"result": result}:
                return result
        hint = " (set RPC_BATCH_SIZE=1 if it refuses batches)" if sent > 1 else ""
        raise self._unavailable(f"a call was left without an answer{hint}")

    def _fail(self, calls: Sequence[_Call], reason: object) -> None:
        for call in calls:
            if not call.answer.done():
                call.answer.set_exception(RpcUnavailable(str(reason)))

    def _unavailable(self, reason: str) -> RpcUnavailable:
        self._note_failure(reason)
        return self._transport.unavailable(reason)

    def _note_failure(self, reason: str) -> None:
        self.error = reason
        self._failed_at = time.monotonic()
        self._checked = -1  # who answers next may be another chain


def _by_id(document: Any) -> dict[int, dict[str, Any]]:
    entries = document if isinstance(document, list) else [document]
    return {
        entry["id"]: entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), int)
    }


def look_at(outcome: asyncio.Future[Any]) -> None:
    """Look at an outcome that nobody may be waiting for: asyncio complains otherwise."""
    if not outcome.cancelled():
        outcome.exception()
