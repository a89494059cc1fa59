"""One event loop that claims orders and carries out up to N of them at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from dex import log_context
from dex.errors import WrongChain
from dex.solana.endpoint import look_at
from orders import claims
from orders.claims import Claim, Claimed
from orders.held import Held

from .engine import Engine
from .storage import CONNECTION_ERRORS
from .unproven import ALONE_S, Unproven

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 3.0
# How long a planned stop lets orders finish before it gives them back.
DRAIN_S = 5.0


def holder_name(role: str) -> str:
    """Name this process in the leases it holds; no two processes share a name."""
    host = socket.gethostname()[:24]
    return f"{role}@{host}:{os.getpid()}:{secrets.token_hex(4)}"


class Runner:
    """Carries claimed orders as tasks of one loop, and keeps their leases."""

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int,
        owner: str,
        renew_every_s: float = RENEW_EVERY_S,
        alone_s: float = ALONE_S,
    ) -> None:
        self.owner = owner
        # Resolves with the error that must stop the process, WrongChain.
        self.fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.run = engine.database.run
        self.engine = engine
        self.unproven = Unproven(alone_s)
        self._capacity = capacity
        self._renew_every_s = renew_every_s
        self._places = asyncio.Semaphore(capacity)
        self._tasks: dict[Claim, asyncio.Task[None]] = {}
        self._adopting: set[asyncio.Task[int]] = set()
        self._wanted: list[tuple[UUID, str]] = []  # with the requests that placed them
        # Brought by jobs, each with a place, and not claimed yet.
        self._unclaimed = 0
        self._claiming = asyncio.create_task(self._claim_wanted())
        self._renewals = asyncio.create_task(self._renew_for_ever())
        self._stopping = False

    @property
    def free_places(self) -> int:
        """How many more orders fit now.

        May be read in other threads: what one thread alone takes away can only grow.
        """
        taken = self._unclaimed + len(self._tasks)
        return 0 if self._stopping else self._capacity - taken

    async def place_free(self) -> None:
        """Wait until one more order fits."""
        async with self._places:
            pass

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    async def take(self, order_id: UUID, request_id: str = "") -> None:
        """Claim one order for a job and carry it, both in the background.

        Waits for a free place only. Nothing follows when somebody else holds the order.
        `request_id` names the request that placed it, for the log.
        """
        await self._places.acquire()
        self._wanted.append((order_id, request_id))
        self._unclaimed += 1
        if self._claiming.done():
            self._claiming = asyncio.create_task(self._claim_wanted())

    async def take_all(self, orders: Iterable[tuple[UUID, str]]) -> None:
        """Take the orders of a batch of jobs; those that find places are claimed together."""
        for order_id, request_id in orders:
            await self.take(order_id, request_id)

    async def _claim_wanted(self) -> None:
        """Claim what jobs brought, together: what comes meanwhile is the next batch."""
        while self._wanted:
            wanted, self._wanted = self._wanted, []
            claimed: list[Claimed] = []
            try:
                if not self._stopping:
                    order_ids = [order_id for order_id, _ in wanted]
                    claimed = await self.run(
                        claims.claim_orders, order_ids, owner=self.owner
                    )
            except CONNECTION_ERRORS as error:
                logger.warning("%d orders are left to a keeper: %s", len(wanted), error)
            except Exception:
                # Their places must be given back all the same.
                logger.exception("%d orders are left to a keeper", len(wanted))
            requests = dict(wanted)
            for one in claimed:
                self._start(one, requests[one.claim.order_id])
            self._unclaimed -= len(wanted)
            for _ in range(len(wanted) - len(claimed)):
                self._places.release()

    async def adopt(self, claim: Callable[[], Iterable[Claimed]]) -> int:
        """Claim orders by calling `claim` in a thread, and carry them; return how many.

        A caller who is cancelled leaves no claim behind: stop() gives it back.
        """
        adopting = asyncio.create_task(self._adopt(claim))
        self._adopting.add(adopting)
        adopting.add_done_callback(self._adopting.discard)
        adopting.add_done_callback(look_at)
        return await asyncio.shield(adopting)

    async def _adopt(self, claim: Callable[[], Iterable[Claimed]]) -> int:
        claimed = list(await self.run(claim))
        for one in claimed:
            await self._places.acquire()
            self._start(one)
        return len(claimed)

    def _start(self, claimed: Claimed, request_id: str = "") -> None:
        claim = claimed.claim
        self.unproven.begin(claim)
        carrying = self._carry(claim, claimed.held)
        task = asyncio.create_task(carrying, name=str(claim.order_id))
        log_context.carrying(task, str(claim.order_id), request_id)
        self._tasks[claim] = task
        task.add_done_callback(lambda _: self._end(claim))

    def _end(self, claim: Claim) -> None:
        del self._tasks[claim]
        self.unproven.proved(claim)
        self._places.release()

    async def finished(self) -> None:
        """Wait until nothing is being claimed and no order is carried any more."""
        await self.claimed()
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def claimed(self) -> None:
        """Wait until every order that was taken is claimed, or is somebody else's."""
        await asyncio.gather(self._claiming, *self._adopting, return_exceptions=True)

    async def stop(self, drain_s: float = DRAIN_S) -> None:
        """Take nothing more, let orders finish for `drain_s`, give the rest back."""
        # The jobs of these are done with already: they are carried, or given back.
        await self.claimed()
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.finished(), drain_s)
        held = list(self._tasks)
        for task in list(self._tasks.values()):
            task.cancel()
        self._renewals.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if held:
            await self._give_back(held)

    async def _give_back(self, held: list[Claim]) -> None:
        try:
            await self.run(claims.release, held, owner=self.owner)
            logger.info("gave %d orders back", len(held))
        except CONNECTION_ERRORS as error:
            # Their leases run out by themselves.
            logger.warning("%d orders could not be given back: %s", len(held), error)

    async def _carry(self, claim: Claim, held: Held) -> None:
        logger.debug("order %s is taken", claim.order_id)
        try:
            await self.engine.carry_out(
                claim, held=held, stepped=partial(self.unproven.proved, claim)
            )
        except WrongChain as error:
            if not self.fatal.done():
                self.fatal.set_exception(error)
        except Exception:
            # A bug, or an answer nobody foresaw. The lease runs out and the keeper
            # takes the order; after 20 such claims it waits for an operator.
            logger.exception("order %s: carrying it out failed", claim.order_id)
        finally:
            logger.debug("order %s is let go", claim.order_id)

    async def renew(self) -> None:
        """Renew all leases in one update; drop the orders that others have claimed."""
        mine = list(self._tasks)
        if not mine:
            return
        held = await self.run(claims.renew, mine, owner=self.owner)
        for claim in mine:
            if claim.order_id not in held and claim in self._tasks:
                self._tasks[claim].cancel()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._renew_every_s)
            try:
                await self.renew()
            except CONNECTION_ERRORS as error:
                logger.warning("leases were not renewed: %s", error)
            except Exception:
                # Without renewals every order of this process would be lost to others.
                logger.exception("leases were not renewed")
