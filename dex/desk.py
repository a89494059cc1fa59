"""The quote desk: prices and the health of the endpoints, for sync code.

The web process has no engine. It keeps one event loop in a thread, with connections of
its own, so that a page that asks for a quote pays no set-up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import dataclass
from typing import TypedDict

from django.conf import settings
from django.db import Error as DatabaseError
from solders.pubkey import Pubkey

from .background import BackgroundLoop
from .chain import known_chain
from .errors import DexError, RpcUnavailable
from .models import Chain, Token
from .quoting import Wanted
from .rehearsal import Rehearsal, Rehearser
from .router import allowed_pools, find_route, load_venues, wanted_swap
from .solana.configured import configured_client
from .solana.endpoint import Endpoint
from .solana.market import Market
from .solana.rpc import MAX_BEHIND_SLOTS, RpcClient
from .types import Route
from .venues.base import Venue

logger = logging.getLogger(__name__)


class EndpointHealth(TypedDict):
    """What one endpoint answered just now; `error` is "" when it is well.

    `circuit` is closed, open (it is given a rest) or half_open (it is being tried);
    `score` is from 0 to 1 by its latest answers, `behind` the slots by which it is behind
    the best endpoint. `isWrongChain` holds for good: with such an endpoint in its list
    this process asks none of them for quotes.
    """

    ok: bool
    latencyMs: float | None
    slot: int | None
    behind: int | None
    circuit: str
    score: float
    error: str
    isWrongChain: bool


@dataclass(frozen=True, slots=True)
class _Tools:
    rpc: RpcClient
    market: Market
    rehearser: Rehearser
    venues: dict[str, Venue]
    pid: int


class Desk:
    """Asks the venues and the endpoints from any thread."""

    def __init__(self) -> None:
        self._loop = BackgroundLoop("quote-desk")
        self._lock = threading.Lock()
        self._tools: _Tools | None = None
        self._knows_chain = False

    def ask(
        self,
        token_in: Token,
        token_out: Token,
        amount_in: int,
        timeout_s: float,
        max_price_impact_bps: int | None = None,
    ) -> Route:
        """Return the best quote and every venue's answer. `amount_in` in base units.

        The quotes are of the pools as they are: swaps under way are the engine's to know.
        Raises NoRoute with the refusals, PriceImpactTooHigh, RpcUnavailable, WrongChain,
        database errors.
        """
        tools, chain = self._open(), self._met_chain()
        wanted = _wanted(token_in, token_out, amount_in, max_price_impact_bps, chain)
        route = find_route(
            wanted, market=tools.market, venues=tools.venues, timeout_s=timeout_s
        )
        try:
            # The router keeps its own deadline; this one is for a loop that is stuck.
            return self._loop.run(route, timeout_s + 1)[0]
        except TimeoutError as error:
            raise RpcUnavailable(f"No quote within {timeout_s:g} s.") from error

    def rehearse(
        self,
        token_in: Token,
        token_out: Token,
        amount_in: int,
        slippage_bps: int,
        timeout_s: float,
        max_price_impact_bps: int | None = None,
    ) -> Rehearsal:
        """Quote a swap as ask() does, and try it out; nothing is signed, sent or stored.

        The quotes may take `timeout_s`, and the simulation as long again; without an
        answer to it, the rehearsal says so. Raises what ask() raises.
        """
        tools, chain = self._open(), self._met_chain()
        wanted = _wanted(token_in, token_out, amount_in, max_price_impact_bps, chain)
        wallet = Pubkey.from_string(chain.wallet) if chain else None
        rehearsal = tools.rehearser.rehearse(wanted, wallet, slippage_bps, timeout_s)
        try:
            return self._loop.run(rehearsal, 2 * timeout_s + 1)
        except TimeoutError as error:
            raise RpcUnavailable(f"No quote within {timeout_s:g} s.") from error

    def _met_chain(self) -> Chain | None:
        """Return the chain that this database belongs to, and hold the endpoints to it."""
        chain = known_chain()
        if chain is not None:
            self.expect(chain.genesis_hash)
        return chain

    def health(self, timeout_s: float = 2.0) -> dict[str, EndpointHealth]:
        """Ask every endpoint for its slot; how each is doing, by its name."""
        tools = self._open()
        if not self._knows_chain:
            try:
                chain = known_chain()
                if chain is not None:
                    self.expect(chain.genesis_hash)
            except DatabaseError:
                # Readiness names the database by itself; the endpoints answer all the
                # same, and from the first time on without it.
                logger.warning("the genesis hash is unchecked: the database is away")
        return self._loop.run(_health(tools.rpc, timeout_s), timeout_s + 1)

    def expect(self, genesis_hash: str) -> None:
        """Hold the endpoints to this chain. Raises WrongChain when one served another."""
        rpc = self._open().rpc
        rpc.expect(genesis_hash)
        self._knows_chain = True

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        with self._lock:
            tools, self._tools = self._tools, None
            self._knows_chain = False
        if tools is not None and tools.pid == os.getpid():
            self._loop.run(_close(tools), 5)

    def _open(self) -> _Tools:
        with self._lock:
            # A forked child has the object but neither its loop nor its connections.
            if self._tools is None or self._tools.pid != os.getpid():
                rpc = configured_client(None)
                venues = load_venues()
                market = Market(rpc, venues, slot_time_s=settings.SLOT_TIME_S)
                rehearser = Rehearser(rpc, market, venues)
                self._tools = _Tools(rpc, market, rehearser, venues, os.getpid())
            return self._tools


def _wanted(
    token_in: Token,
    token_out: Token,
    amount_in: int,
    max_price_impact_bps: int | None,
    chain: Chain | None,
) -> Wanted:
    return wanted_swap(
        token_in,
        token_out,
        amount_in,
        pools=allowed_pools(token_in, token_out),
        wallet=Pubkey.from_string(chain.wallet) if chain else None,
        max_price_impact_bps=max_price_impact_bps,
        unit_price=settings.COMPUTE_UNIT_PRICE,
    )


async def _health(rpc: RpcClient, timeout_s: float) -> dict[str, EndpointHealth]:
    asked = (_ask_slot(rpc, endpoint, timeout_s) for endpoint in rpc.endpoints)
    errors = await asyncio.gather(*asked)
    # Only now: how far one is behind is known when all have answered.
    return {
        endpoint.name: _seen(rpc, endpoint, error)
        for endpoint, error in zip(rpc.endpoints, errors, strict=True)
    }


async def _ask_slot(rpc: RpcClient, endpoint: Endpoint, timeout_s: float) -> str:
    """Note the endpoint's slot; return why it is not well, or ""."""
    try:
        async with asyncio.timeout(timeout_s):
            slot = await endpoint.call("getSlot", [{"commitment": "confirmed"}])
    except TimeoutError:
        endpoint.mark_slow()
        if endpoint.health.wanted_pause_s:
            return f"given a rest after: {endpoint.health.error}"
        return f"no answer within {timeout_s:g} s"
    except DexError as error:
        return f"{error.code}: {error}"
    rpc.reached(endpoint, slot)
    return ""


def _seen(rpc: RpcClient, endpoint: Endpoint, error: str) -> EndpointHealth:
    health, behind = endpoint.health, rpc.behind(endpoint)
    if not error and behind > MAX_BEHIND_SLOTS:
        error = f"lags {behind} slots behind"
    elif not error and health.slot is not None and not rpc.pace.admits(health.slot):
        error = "is at a slot that the chain cannot have reached yet"
    answered = not error or health.slot is not None
    latency_ms = None if error else health.latency_ms
    return {
        "ok": not error,
        "latencyMs": None if latency_ms is None else round(latency_ms, 1),
        "slot": health.slot,
        "behind": behind if answered else None,
        "circuit": health.circuit.value,
        "score": round(health.score, 2),
        "error": error,
        "isWrongChain": endpoint.wrong_chain is not None,
    }


async def _close(tools: _Tools) -> None:
    await tools.rehearser.close()
    await tools.market.close()
    await tools.rpc.close()


_desk = Desk()
ask = _desk.ask
rehearse = _desk.rehearse
health = _desk.health
close = _desk.close
