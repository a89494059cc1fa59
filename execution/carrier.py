"""The steps of one order, by its status."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.pending import Reservation
from dex.quoting import Wanted
from dex.types import (
    Expired,
    Fill,
    Landed,
    LandedWithError,
    SignedTransaction,
    VenueAnswer,
)
from orders.claims import Claim
from orders.held import Held
from orders.models import Order, Status
from orders.moves import AttemptOpening

from . import attempts, history
from .build import Plan
from .failures import AttemptFailed, Failure, VenueMismatch, too_late
from .holder import Holder
from .routing import route_order
from .storage import read_live_attempt
from .waiting import Waits, WalletUnmatched

if TYPE_CHECKING:
    from .engine import Engine


class Carrier:
    """Carries one claimed order. Its plan lives here only: after a crash it is made anew."""

    def __init__(self, engine: Engine, claim: Claim) -> None:
        self._engine = engine
        self._holder = Holder(
            claim,
            engine.batches,
            rng=engine.rng,
            backoff_scale=engine.intervals.backoff_scale,
        )
        self.claim = claim
        self.plan: Plan | None = None
        # Whether it does again what a former holder had done before it was gone.
        self.is_resuming = False
        # What its first route may use, asked for already.
        self._wanted: asyncio.Future[Wanted] | None = None
        # What it has signed and saved, until it begins to watch that.
        self._live: AttemptOpening | None = None
        # Its swap among those that others must reckon with, until its end is known.
        self._reservation: Reservation | None = None
        # Venues that quoted otherwise than the chain would pay, with the record of it.
        self._refuted: dict[str, VenueAnswer] = {}
        self.waits = Waits(claim, engine.database, engine.waiting_log)

    async def step(self, held: Held) -> Held | None:
        """Do once what the order's status asks for.

        Returns the order as it stands then; None when it must be read again. Raises
        StaleTransition, RpcError, TradingHalted and database errors; after each of them
        the order can be read and stepped again.
        """
        order = held.order
        if order.status == Status.SUBMITTED:
            return held if await self._watch(order) else None
        if held.is_past_deadline or order.cancel_requested_at is not None:
            reason = self.waits.reason
            waited = reason.message if reason else order.waiting_message
            await self._holder.fail(order, too_late(waited))
            return None
        if order.status == Status.PENDING:
            venues = {"venues": sorted(self._engine.venues)}
            # It is read while the step is written: neither needs the other.
            wanted = self._engine.batches.wanted(order)
            await self._holder.move(order, Status.ROUTING, venues, attempt=1)
            self._wanted = wanted
            return held
        if order.status == Status.BUILDING and self.plan is None:
            # The former holder is gone, and nothing was signed.
            self.is_resuming = True
            resumed = {"resumed": True}
            await self._holder.move(order, Status.ROUTING, resumed, is_progress=False)
            return held
        return held if await self._attempt(order) else None

    def drop_plan(self) -> None:
        """Forget the plan: its swap is not made, or not by this process."""
        self.plan = None
        if self._reservation is not None:
            self._engine.pending.release(self._reservation)
            self._reservation = None

    async def _attempt(self, order: Order) -> bool:
        """Route or build; False when that failed and the next attempt or end began."""
        try:
            if order.status == Status.ROUTING:
                await self._route(order)
            else:
                await self._build(order)
        except QuoteRefused as refusal:
            self._give_attempt_up()
            failure = Failure(refusal.code, refusal.reason, retryable=True)
            await self._holder.fail(order, failure)
        except AttemptFailed as failed:
            self._give_attempt_up()
            if isinstance(failed, VenueMismatch):
                self._refuted[failed.answer.venue] = failed.answer
            await self._holder.fail(order, failed.failure)
        else:
            return True
        return False

    def _give_attempt_up(self) -> None:
        self.drop_plan()
        self.is_resuming = False

    async def _route(self, order: Order) -> None:
        self.drop_plan()
        wanted, self._wanted = self._wanted, None
        routed = await route_order(self._engine, order, self._refuted, wanted)
        self._reservation = routed.reservation
        venue, floor = routed.plan.quote.venue, routed.plan.floor
        await self._holder.move(
            order,
            Status.BUILDING,
            history.routed(order, routed.route),
            columns={"venue": venue, "min_amount_out": floor},
            is_progress=not self.is_resuming,
        )
        self.plan = routed.plan

    async def _build(self, order: Order) -> None:
        assert self.plan is not None
        if not self._engine.may_sign.is_set():
            raise WalletUnmatched(
                "The wallet's own history is not matched with this database yet. That "
                "needs an RPC endpoint which lists the wallet's signatures."
            )
        memo = f"{order.id}:{order.attempt}"
        plan, signed = await self._engine.builder.build(self.plan, memo)
        opening = attempts.signed(order, plan, signed)
        data = history.signed(order, signed, plan.floor)
        await self._holder.move(
            order,
            Status.SUBMITTED,
            data,
            columns={"signature": signed.signature},
            opens=opening,
        )
        self._live = opening
        self.is_resuming = False

    async def _watch(self, order: Order) -> bool:
        """Send the live attempt's bytes until the chain has decided them.

        Returns whether that was the order's end.
        """
        attempt = await self._live_attempt(order)
        self.plan = None
        outcome = await self.waits.through(
            self._engine.cluster.settle(
                SignedTransaction(
                    signature=attempt.signature,
                    raw=attempt.raw_transaction,
                    blockhash=attempt.blockhash,
                    last_valid_block_height=attempt.last_valid_block_height,
                ),
                resend=not self.claim.watch_only,
            ),
            partial(self._engine.cluster.obstacle, attempt.signature),
            every_s=self._engine.intervals.unavailable_s,
        )
        match outcome:
            case Landed():
                await self._confirm(order, attempt)
                return True
            case LandedWithError():
                self.drop_plan()
                fee = await self._engine.cluster.fee(attempt.signature)
                await self._holder.fail(order, *attempts.errored(outcome, fee))
            case Expired():
                self.drop_plan()
                await self._holder.fail(order, *attempts.expired())
        return False

    async def _live_attempt(self, order: Order) -> AttemptOpening:
        """Return what was signed and saved: as this process did it, or as it is stored."""
        mine, self._live = self._live, None
        if mine is not None and mine.number == order.attempt:
            return mine
        return await self._engine.database.run(read_live_attempt, order.id)

    async def _confirm(self, order: Order, attempt: AttemptOpening) -> None:
        fill: Fill = await self._engine.cluster.fill(
            attempt.signature,
            vault_in=Pubkey.from_string(attempt.vault_in),
            vault_out=Pubkey.from_string(attempt.vault_out),
            wallet=self._engine.wallet.address,
            mint_in=Pubkey.from_string(order.token_in.mint),
            mint_out=Pubkey.from_string(order.token_out.mint),
        )
        if self._reservation is not None:
            now = asyncio.get_running_loop().time()
            self._engine.pending.landed(self._reservation, fill.slot, now)
            self._reservation = None
        await self._holder.move(
            order,
            Status.CONFIRMED,
            history.filled(order, attempt, fill),
            columns={
                "venue": attempt.venue,
                "amount_in_filled": fill.amount_in,
                "amount_out": fill.amount_out,
                "slot": fill.slot,
            },
            closes=attempts.landed(fill),
        )
