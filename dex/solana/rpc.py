"""The JSON-RPC client: several endpoints of one chain, with fall-over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from yarl import URL

from dex.chain import wrong_chain
from dex.errors import RpcError, RpcRejected, RpcUnavailable, WrongChain

from .decoding import is_count
from .endpoint import Endpoint, look_at
from .health import Circuit
from .pace import MAX_BEHIND_SLOTS, ChainPace
from .transport import Transport

logger = logging.getLogger(__name__)

T = TypeVar("T")

SLOT_TIME_S = 0.4  # Solana's own


class RpcClient:
    """Asks whichever endpoint answers. All endpoints must serve the same chain.

    `expected_genesis` None means: whichever chain answers first. `patience_s` is how
    long a call waits for one endpoint before it asks the next as well. `pace` tells how
    far the chain can be by now, at `slot_time_s` a slot. `make_transport` and `clock`
    (seconds that only grow) are for whoever brings a network or a time of its own.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_s: float,
        batch_size: int,
        expected_genesis: str | None,
        patience_s: float | None = None,
        slot_time_s: float = SLOT_TIME_S,
        connections: int = 8,
        max_answer_bytes: int = 4 * 2**20,
        make_transport: Callable[..., Transport] = Transport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.genesis_hash = expected_genesis
        # Set for good once an endpoint has served another chain: nothing is asked then.
        self.wrong_chain: WrongChain | None = None
        self.batch_size = batch_size
        self._patience_s = timeout_s / 5 if patience_s is None else patience_s
        endpoints: dict[str, Endpoint] = {}
        for url in map(URL, urls):
            if url.scheme not in ("http", "https") or not url.host:
                # Not shown: it may hold a key.
                raise ValueError("SOLANA_RPC_URLS has an entry that is no http(s) URL")
            transport = make_transport(
                url,
                timeout_s=timeout_s,
                connections=connections,
                max_answer_bytes=max_answer_bytes,
            )
            endpoint = Endpoint(
                transport,
                timeout_s=timeout_s,
                batch_size=batch_size,
                connections=connections,
                check_genesis=self._check_genesis,
                clock=clock,
            )
            if endpoint.name in endpoints:
                # One host is one witness, whatever path or key leads to it.
                logger.warning("%s is listed twice: the first is used", endpoint.name)
                continue
            endpoints[endpoint.name] = endpoint
        if not endpoints:
            raise ValueError("SOLANA_RPC_URLS names no endpoint")
        self.endpoints = tuple(endpoints.values())
        self.pace = ChainPace(
            slot_time_s=slot_time_s, endpoints=len(self.endpoints), clock=clock
        )

    async def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Return the result from an endpoint that answers.

        Raises RpcUnavailable when none does, RpcRejected when one answered with a
        JSON-RPC error about the request and no other did better, WrongChain.
        """
        return await self.first(lambda endpoint: endpoint.call(method, params))

    async def first(
        self,
        ask: Callable[[Endpoint], Awaitable[T]],
        *,
        is_content: Callable[[], bool] = lambda: False,
    ) -> T:
        """Return what `ask` brings from the first endpoint for which it succeeds.

        For several calls that must be answered by the same node. With `is_content` true
        it waits for no endpoint longer than its patience. Raises as `call` does.
        """
        if self.wrong_chain is not None:
            raise self.wrong_chain
        left = deque(sorted(self.endpoints, key=self._rank))
        asked: dict[asyncio.Future[T], Endpoint] = {}
        late: set[asyncio.Future[T]] = set()
        failures: list[RpcError] = []
        try:
            while left or asked:
                if left:
                    endpoint = left.popleft()
                    asked[asyncio.ensure_future(ask(endpoint))] = endpoint
                elif is_content() and late.issuperset(asked):
                    break
                done, slow = await asyncio.wait(
                    asked,
                    timeout=self._patience_s if left or is_content() else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for answer in done:
                    del asked[answer]
                    try:
                        return answer.result()
                    except RpcError as error:
                        failures.append(error)
                if not done:
                    for answer in slow - late:
                        asked[answer].mark_slow()
                    late |= slow
        finally:
            for answer in asked:
                answer.add_done_callback(look_at)
                answer.cancel()
        raise _summed_up(failures)

    async def freshest(self, ask: Callable[[Endpoint], Awaitable[tuple[int, T]]]) -> T:
        """Return what `ask` brings together with its slot, from a node that keeps up.

        Where all that answer in time are far from the newest slot that is believed, the
        closest of their answers, and that is the newest from then on: a slot that nobody
        shows any more must not stop everything.
        """
        strayed: list[tuple[int, T]] = []

        async def ask_for_new(endpoint: Endpoint) -> T:
            slot, answer = await ask(endpoint)
            self.reached(endpoint, slot)
            if not self.pace.strays(slot):
                return answer
            strayed.append((slot, answer))
            raise RpcUnavailable(
                f"{endpoint.name} is at slot {slot}, far from {self.pace.newest}"
            )

        try:
            return await self.first(ask_for_new, is_content=lambda: bool(strayed))
        except RpcError:
            if not strayed:
                raise
            slot, answer = min(strayed, key=lambda entry: self.pace.distance(entry[0]))
            self.pace.believe(slot)
            return answer

    def reached(self, endpoint: Endpoint, slot: int) -> None:
        """Note the slot of an endpoint's answer at commitment confirmed."""
        endpoint.health.slot = slot
        self.pace.reached(endpoint.name, slot)

    def behind(self, endpoint: Endpoint) -> int:
        """Say by how many slots its last answer was behind the newest that is believed."""
        slot = endpoint.health.slot
        return 0 if slot is None else max(self.pace.newest - slot, 0)

    async def read_slots(self) -> None:
        """Ask every endpoint how far it is: who is not asked otherwise seems to lag."""
        shown = await asyncio.gather(*(self._read_slot(e) for e in self.endpoints))
        slots = [slot for slot in shown if slot is not None]
        if slots and all(map(self.pace.strays, slots)):
            self.pace.believe(min(slots, key=self.pace.distance))

    async def _read_slot(self, endpoint: Endpoint) -> int | None:
        try:
            slot = await endpoint.call("getSlot", [{"commitment": "confirmed"}])
        except RpcError as error:
            logger.debug("the slot of %s is unknown: %s", endpoint.name, error)
            return None
        if not is_count(slot):
            return None
        self.reached(endpoint, slot)
        return slot

    def expect(self, genesis_hash: str) -> None:
        """Hold all endpoints to this chain; WrongChain when another one answered before."""
        if self.genesis_hash not in (None, genesis_hash):
            raise wrong_chain(genesis_hash, str(self.genesis_hash))
        self.genesis_hash = genesis_hash

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints))

    def _rank(self, endpoint: Endpoint) -> tuple[bool, bool, float]:
        """Who is asked first: whose circuit is closed, who keeps up, who answers well.

        The score is rounded, so that a millisecond does not change the order.
        """
        health = endpoint.health
        return (
            health.circuit is not Circuit.CLOSED,
            health.slot is not None and self.pace.strays(health.slot),
            -round(health.score, 1),
        )

    def _check_genesis(self, name: str, served: str) -> None:
        if self.genesis_hash is None:
            self.genesis_hash = served
        if self.genesis_hash != served:
            self.wrong_chain = wrong_chain(self.genesis_hash, served, endpoint=name)
            raise self.wrong_chain


def _summed_up(failures: Sequence[RpcError]) -> RpcError:
    """Return a rejection if there is one: of the request, or of us by that provider."""
    for failure in failures:
        if isinstance(failure, RpcRejected):
            return failure
    reasons = "; ".join(map(str, failures))
    return RpcUnavailable(f"No RPC endpoint answered: {reasons}")


__all__ = ["MAX_BEHIND_SLOTS", "Endpoint", "RpcClient"]
