"""How an order is carried out: route → build → sign → save → send → confirm.

One transition each. Every write names the claim and the status it expects, and after one
that did not count, or any failure, the order is read again before anything else. So a step
may be repeated after any crash, and a holder whose claim was taken writes nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dex.errors import RpcError, TradingHalted
from dex.pending import PendingSwaps
from dex.solana.cluster import Cluster
from dex.solana.wallet import Wallet
from dex.venues.base import Venue
from orders.claims import Claim
from orders.errors import StaleTransition
from orders.held import Held

from .batches import Batches
from .build import TransactionBuilder
from .carrier import Carrier
from .storage import CONNECTION_ERRORS, Database
from .waiting import reason_of
from .waiting_log import WaitingLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intervals:
    """How long the engine waits, in seconds. Tests pass shorter ones."""

    unavailable_s: float = 1.0  # between tries while the chain or the database is away
    quote_timeout_s: float = 2.0
    backoff_scale: float = 1.0  # of the back-off between attempts


class Engine:
    """Carries out orders over one cluster with one wallet."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        wallet: Wallet,
        venues: Mapping[str, Venue],
        database: Database,
        unit_price: int,
        intervals: Intervals | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.cluster = cluster
        self.wallet = wallet
        self.venues = venues
        self.database = database
        self.batches = Batches(database, wallet, unit_price)
        self.pending = PendingSwaps(venues)
        self.intervals = intervals or Intervals()
        self.rng = rng or random.Random()
        self.waiting_log = WaitingLog()
        self.builder = TransactionBuilder(
            cluster=cluster,
            wallet=wallet.address,
            venues=venues,
            sign=self.batches.sign,
            unit_price=unit_price,
        )
        # Set once the wallet's own history was matched with the table: nothing is
        # signed before.
        self.may_sign = asyncio.Event()

    async def carry_out(
        self,
        claim: Claim,
        *,
        held: Held | None = None,
        stepped: Callable[[], None] = lambda: None,
    ) -> None:
        """Carry one claimed order as far as it goes; return when it is closed or lost.

        `held` is the order as it was read with the claim; without it, it is read first.
        `stepped` is called after every step that was written and is not only a former
        holder's, done again.
        """
        carrier = Carrier(self, claim)
        self.batches.in_flight += 1
        try:
            await self._carry(carrier, claim, held, stepped)
        finally:
            self.batches.in_flight -= 1
            # It is closed, or somebody else's now: its swap counts here no more.
            carrier.drop_plan()

    async def _carry(
        self,
        carrier: Carrier,
        claim: Claim,
        held: Held | None,
        stepped: Callable[[], None],
    ) -> None:
        if held is not None:
            carrier.waits.read(held.order)
        fruitless = 0
        while fruitless < 3:
            try:
                if held is None:
                    held = await self.batches.read_held(claim)
                    if held is None or held.order.is_closed:
                        return
                    carrier.waits.read(held.order)
                # None from here on: whatever goes wrong, the order is read again.
                at_hand, held = held, None
                held = await carrier.step(at_hand)
            except StaleTransition:
                # The claim was taken, or a condition of the write no longer holds: the
                # next read tells which. Three in a row with the claim still ours is a
                # bug; the order is left for the keeper, which counts such claims.
                fruitless += 1
            except CONNECTION_ERRORS as error:
                logger.warning("order %s: database: %s", claim.order_id, error)
                await asyncio.sleep(self.intervals.unavailable_s)
            except (RpcError, TradingHalted) as error:
                # Neither costs an attempt: the order waits until its deadline.
                with contextlib.suppress(StaleTransition):  # the next read says why
                    await carrier.waits.note(reason_of(error))
                await asyncio.sleep(self.intervals.unavailable_s)
            else:
                fruitless = 0
                carrier.waits.over()
                if not carrier.is_resuming:
                    stepped()
                if held is not None and held.order.is_closed:
                    return
        logger.error(
            "order %s: three writes in a row did not count; a keeper takes it over",
            claim.order_id,
        )
