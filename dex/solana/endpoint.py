"""One JSON-RPC endpoint: HTTP with kept connections, batches, and the chain it serves.

Calls made at the same time share one HTTP request. No answer is believed before the
endpoint has shown the genesis hash of our chain over a connection at least as new.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from dex.errors import RpcError, RpcRejected, RpcUnavailable

# JSON-RPC errors that speak of the node and not of the request: another node, or the
# same one a little later, may answer.
# https://github.com/anza-xyz/agave/blob/master/rpc-client-api/src/custom_error.rs
NODE_ERRORS = {
    -32603: "internal error",
    -32004: "block not available",
    -32005: "node is unhealthy",
    -32014: "block status not available yet",
    -32016: "node has not reached the minimum context slot",
    -32429: "too many requests",
    429: "too many requests",
}


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    params: Sequence[Any]
    answer: asyncio.Future[Any]


class Endpoint:
    """One RPC endpoint. `name` is its host and port: the URL may contain an API key."""

    def __init__(
        self,
        url: URL,
        *,
        timeout_s: float,
        batch_size: int,
        check_genesis: Callable[[str, str], None],
        connections: int,
        max_answer_bytes: int,
    ) -> None:
        self.name = f"{url.host}:{url.port}"
        self.latency_ms: float | None = None
        self.error = ""  # of the newest exchange, "" when it was answered
        self._failed_at: float | None = None
        self._url = url
        self._timeout_s = timeout_s
        self._batch_size = batch_size
        self._check_genesis = check_genesis
        self._connections = connections
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[_Call] = deque()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._last_id = 0
        # Connections opened so far, and how many of them the genesis check covers.
        self._opened = 0
        self._checked = -1
        self._checking = asyncio.Lock()

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
        self._fail_all(list(self._waiting), RpcUnavailable(f"{self.name}: closed"))
        self._waiting.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _check_chain(self) -> None:
        if self._checked == self._opened:
            return
        async with self._checking:
            if self._checked == self._opened:
                return
            genesis_hash = await self._ask("getGenesisHash", ())
            if not isinstance(genesis_hash, str):
                raise self._unavailable("no genesis hash in the answer")
            self._check_genesis(self.name, genesis_hash)
            self._checked = self._opened

    async def _ask(self, method: str, params: Sequence[Any]) -> Any:
        loop = asyncio.get_running_loop()
        call = _Call(method, params, loop.create_future())
        if not self._waiting:
            # By then every call made in this turn of the loop is waiting too.
            loop.call_soon(self._send_waiting)
        self._waiting.append(call)
        return await call.answer

    def _send_waiting(self) -> None:
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
        if self._waiting:
            self._send_waiting()

    async def _exchange(self, calls: list[_Call]) -> None:
        requests = {}
        for call in calls:
            self._last_id += 1
            requests[self._last_id] = call
        bodies = [
            {"jsonrpc": "2.0", "id": id_, "method": call.method, "params": call.params}
            for id_, call in requests.items()
        ]
        try:
            document = await self._post(bodies if len(bodies) > 1 else bodies[0])
        except RpcUnavailable as error:
            self._fail_all(calls, error)
            return
        except BaseException:
            self._fail_all(calls, RpcUnavailable(f"{self.name}: closed"))
            raise
        entries = document if isinstance(document, list) else [document]
        answers = {
            entry["id"]: entry
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("id"), int)
        }
        for id_, call in requests.items():
            self._settle(call, answers.get(id_), len(calls))

    async def _post(self, body: Any) -> Any:
        started = time.monotonic()
        try:
            async with self._open_session().post(
                self._url, json=body, allow_redirects=False
            ) as response:
                raw = await self._read(response)
                if response.status != 200:
                    raise self._unavailable(f"HTTP status {response.status}")
            document = json.loads(raw)
        except TimeoutError:
            raise self._unavailable(f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # `from None`: the text of the original may show the URL with its key.
            raise self._unavailable(type(error).__name__) from None
        except (ValueError, RecursionError):
            raise self._unavailable("the answer is not JSON") from None
        self.latency_ms = (time.monotonic() - started) * 1000
        self.error, self._failed_at = "", None
        return document

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._max_answer_bytes:
                raise self._unavailable(
                    f"the answer is longer than {self._max_answer_bytes} bytes"
                )
        return bytes(raw)

    def _settle(self, call: _Call, entry: dict[str, Any] | None, sent: int) -> None:
        if call.answer.done():
            return
        try:
            call.answer.set_result(self._result(entry, sent))
        except RpcError as error:
            call.answer.set_exception(error)

    def _result(self, entry: dict[str, Any] | None, sent: int) -> Any:
        if entry is not None and "result" in entry and not entry.get("error"):
            return entry["result"]
        error = entry.get("error") if entry is not None else None
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            hint = " (set RPC_BATCH_SIZE=1 if it refuses batches)" if sent > 1 else ""
            raise self._unavailable(f"a call was left without an answer{hint}")
        code, message = error["code"], str(error.get("message", ""))[:500]
        if code in NODE_ERRORS:
            raise RpcUnavailable(f"{self.name}: {NODE_ERRORS[code]} ({code})")
        raise RpcRejected(code, message, error.get("data"))

    def _fail_all(self, calls: Sequence[_Call], error: RpcUnavailable) -> None:
        for call in calls:
            if not call.answer.done():
                call.answer.set_exception(RpcUnavailable(str(error)))

    def _unavailable(self, reason: str) -> RpcUnavailable:
        self._note_failure(reason)
        return RpcUnavailable(f"{self.name}: {reason}")

    def _note_failure(self, reason: str) -> None:
        self.error = reason
        self._failed_at = time.monotonic()
        self._checked = -1  # who answers next may be another chain

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(self._connection_opened)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
        return self._session

    async def _connection_opened(self, *_: object) -> None:
        self._opened += 1
