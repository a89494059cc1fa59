"""Why a claimed order does not move, and when that is worth a write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dex.errors import DexError, RpcRejected, RpcUnavailable, TradingHalted
from dex.solana.obstacles import Obstacle
from orders.claims import Claim
from orders.models import Order, WaitingCode
from orders.waiting import HALTED, clear_waiting, note_waiting

from .storage import CONNECTION_ERRORS, Database
from .waiting_log import WaitingLog

logger = logging.getLogger(__name__)

T = TypeVar("T")


class WalletUnmatched(RpcUnavailable):
    """Nothing is signed before the wallet's own history was matched with the table."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order waits. Of one `code`, `about` tells one reason from the next.

    The message is for the order's owner; it may change from one try to another while the
    reason stays. `detail` is for operators, where it differs: only the log shows it.
    """

    code: WaitingCode
    message: str = field(compare=False)
    about: tuple[str, ...] = ()
    detail: str = field(default="", compare=False)


def reason_of(error: DexError) -> Reason:
    """Say what an order waits for whose step ended with this error."""
    message = str(error)
    match error:
        case TradingHalted():
            # The halt's own reason may name other owners' orders and amounts.
            return Reason(WaitingCode.TRADING_HALTED, HALTED, (message,), message)
        case WalletUnmatched():
            return Reason(WaitingCode.WALLET_UNMATCHED, message)
        case RpcRejected():
            return Reason(WaitingCode.RPC_REJECTED, message)
    return Reason(WaitingCode.CHAIN_UNREACHABLE, message)


def _reason_for(obstacle: Obstacle | None) -> Reason | None:
    if obstacle is None:
        return None
    return Reason(WaitingCode(obstacle.code), obstacle.message, obstacle.about)


class Waits:
    """What one claimed order waits for.

    A reason is written when it is met twice in a row, and once: thousands of orders may
    wait for one node, and most hiccups are over at the next try. While an order is in
    review its row says that.
    """

    def __init__(self, claim: Claim, database: Database, log: WaitingLog) -> None:
        self.reason: Reason | None = None
        self._log = log
        self._claim = claim
        self._database = database
        self._written: Reason | None = None

    def read(self, order: Order) -> None:
        """Take over what the row says, which an earlier holder may have written."""
        if not order.waiting_code:
            self._written = None
        elif self._written is None or self._written.code != order.waiting_code:
            code = WaitingCode(order.waiting_code)
            self._written = Reason(code, order.waiting_message)

    def over(self) -> None:
        """Forget it: a step was made, and that has cleared the row."""
        self.reason = self._written = None

    async def note(self, reason: Reason | None) -> None:
        """Note what the order waits for now; None: for nothing.

        Raises StaleTransition when somebody else has claimed the order.
        """
        is_new, self.reason = reason != self.reason, reason
        if is_new and reason is not None:
            said = reason.detail or reason.message
            self._log.say(reason, f"order {self._claim.order_id}", said)
        if is_new or reason == self._written or self._claim.watch_only:
            return
        try:
            if reason is None:
                await self._database.run(clear_waiting, self._claim)
            else:
                await self._database.run(
                    note_waiting, self._claim, reason.code, reason.message
                )
        except CONNECTION_ERRORS as error:
            logger.warning("order %s: database: %s", self._claim.order_id, error)
        else:
            self._written = reason

    async def through(
        self,
        settling: Coroutine[Any, Any, T],
        look: Callable[[], Obstacle | None],
        *,
        every_s: float,
    ) -> T:
        """Await `settling`, and note every so often what `look` sees in its way.

        Raises what it raises, and StaleTransition as `note` does.
        """
        task = asyncio.ensure_future(settling)
        try:
            while not (await asyncio.wait({task}, timeout=every_s))[0]:
                await self.note(_reason_for(look()))
            return task.result()
        finally:
            task.cancel()
