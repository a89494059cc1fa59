"""The writes of whoever holds a claim: a step, the next attempt, or an end."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from orders.claims import Claim
from orders.errors import StaleTransition
from orders.models import Order, Status
from orders.moves import AttemptClosing, Move
from orders.transitions import unhappy_end

from . import history
from .batches import Batches
from .failures import Failure, backoff_ms, next_status


class Holder:
    """Moves one claimed order. Every write names the fence of the claim."""

    def __init__(
        self,
        claim: Claim,
        batches: Batches,
        *,
        rng: random.Random,
        backoff_scale: float,
    ) -> None:
        self._claim = claim
        self._batches = batches
        self._rng = rng
        self._backoff_scale = backoff_scale

    async def move(
        self,
        order: Order,
        to: Status,
        data: dict[str, Any],
        *,
        attempt: int | None = None,
        **with_it: Any,
    ) -> None:
        """Make one step, and bring `order` up to it.

        `with_it` are further fields of Move. Raises StaleTransition.
        """
        move = Move(
            order_id=order.id,
            to=to,
            expected=(Status(order.status),),
            fence=self._claim.fence,
            attempt=order.attempt if attempt is None else attempt,
            data=data,
            **with_it,
        )
        await self._batches.move(move)
        order.status, order.attempt = to, move.attempt
        order.waiting_code = order.waiting_message = ""
        for name, value in (move.columns or {}).items():
            setattr(order, name, value)

    async def fail(
        self, order: Order, failure: Failure, closes: AttemptClosing | None = None
    ) -> None:
        """Begin the next attempt, or end the order; close the attempt that is dead.

        Raises StaleTransition when the order is not in the attempt that failed any more:
        this end was written already, or somebody took the claim.
        """
        held = await self._batches.read_held(self._claim)
        if held is None or _where(held.order) != _where(order):
            raise StaleTransition(f"order {order.id} has moved on")
        to = next_status(
            held.order,
            failure,
            is_past_deadline=held.is_past_deadline,
            may_sign=not self._claim.watch_only,
        )
        order = held.order
        if to != Status.ROUTING:
            await self._end(order, to, failure, closes)
            return
        wait_ms = backoff_ms(order.attempt, self._rng)
        data = history.retried(order, failure, wait_ms)
        await self.move(order, to, data, attempt=order.attempt + 1, closes=closes)
        await asyncio.sleep(wait_ms / 1000 * self._backoff_scale)

    async def _end(
        self, order: Order, to: Status, failure: Failure, closes: AttemptClosing | None
    ) -> None:
        code, message = failure.code, failure.message
        if to == Status.CANCELLED:
            code, message = "cancelled", f"Cancelled on request. {message}"
        end = await self._batches.database.run(
            unhappy_end, order.id, code, message, closes
        )
        end["data"] |= failure.origin | history.unrouted(order, failure)
        await self.move(order, to, **end, closes=closes)


def _where(order: Order) -> tuple[str, int]:
    return order.status, order.attempt
