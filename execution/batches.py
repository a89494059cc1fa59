"""The engine's database calls, each made for many orders at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from solders.message import MessageV0

from dex.errors import WalletError
from dex.gathered import Gathered
from dex.quoting import Wanted
from dex.router import allowed_pools_of, wanted_swap
from dex.solana.wallet import Wallet
from dex.types import SignedTransaction
from orders.claims import Claim
from orders.errors import OrderLocked, StaleTransition
from orders.held import Held, read_all_held
from orders.models import Order, OrderEvent
from orders.moves import Move
from orders.transitions import Counted, transition, transition_all

from .storage import CONNECTION_ERRORS, Database

FEW = 20  # orders in flight
PAUSE_PER_ORDER_S, LONGEST_PAUSE_S = 0.00025, 0.05


class Batches:
    """What orders read and write, gathered while the call before is under way.

    Whatever one order meets is its own: none waits for another's lock, and none fails
    with another's row.
    """

    def __init__(self, database: Database, wallet: Wallet, unit_price: int) -> None:
        self.database = database
        self._wallet = wallet
        self._unit_price = unit_price
        self.in_flight = 0  # orders that are carried now
        self._held = Gathered(self._read, pause_s=self.pause_s)
        self._wanted = Gathered(self._want, pause_s=self.pause_s)
        self._signed = Gathered(self._sign, pause_s=self.pause_s)
        self._moved = Gathered(
            self._move, key=lambda move: move.order_id, pause_s=self.pause_s
        )

    def pause_s(self) -> float:
        """Say how long more may gather before the next call.

        Few orders wait for nobody. Many wait for the CPU in any case, and need the less
        of it the more of them share a call.
        """
        return min(max(self.in_flight - FEW, 0) * PAUSE_PER_ORDER_S, LONGEST_PAUSE_S)

    async def read_held(self, claim: Claim) -> Held | None:
        """Read an order while the claim holds it; None when somebody took it over."""
        return await self._held.call(claim)

    def wanted(self, order: Order) -> asyncio.Future[Wanted]:
        """Read from the allow-list what the order's route may use."""
        return self._wanted.ask(order)

    async def sign(self, message: MessageV0, height: int) -> SignedTransaction:
        """Sign a message valid up to a block height. Raises TradingHalted, WalletError."""
        signed = await self._signed.call((message, height))
        if isinstance(signed, Exception):
            raise signed
        return signed

    async def move(self, move: Move) -> None:
        """Make one step of an order; it is committed when this returns.

        Raises as transition() does. After a database error and after a cancellation it
        is not known whether the step was made: read the order before anything else.
        """
        move.check()
        outcome = await self._outcome(move)
        if isinstance(outcome, OrderLocked):
            # Most likely all that are in flight are locked, while their leases are
            # renewed: together they wait for the next batch, not each for itself.
            outcome = await self._outcome(move)
        if isinstance(outcome, StaleTransition):
            raise outcome
        if not isinstance(outcome, OrderEvent):
            # Its row was locked, or something was wrong with a row of the batch.
            await self.database.run(transition, move)

    async def finished(self) -> None:
        """Wait until nothing is being written or read any more."""
        for calls in (self._moved, self._signed, self._wanted, self._held):
            await calls.finished()

    async def _outcome(self, move: Move) -> Counted | Exception:
        try:
            return await self._moved.call(move)
        except CONNECTION_ERRORS:
            raise
        except Exception as error:
            return error

    async def _read(self, claims: list[Claim]) -> list[Held | None]:
        return await self.database.run(read_all_held, claims)

    async def _want(self, orders: list[Order]) -> list[Wanted]:
        return await self.database.run(self._want_all, orders)

    async def _sign(
        self, messages: list[tuple[MessageV0, int]]
    ) -> list[SignedTransaction | WalletError]:
        return await self.database.run(self._wallet.sign_all, messages)

    async def _move(self, moves: list[Move]) -> list[Counted]:
        return await self.database.run(transition_all, moves)

    def _want_all(self, orders: Sequence[Order]) -> list[Wanted]:
        allowed = allowed_pools_of({(o.token_in, o.token_out) for o in orders})
        return [
            wanted_swap(
                order.token_in,
                order.token_out,
                int(order.amount_in),
                pools=allowed[order.token_in, order.token_out],
                wallet=self._wallet.address,
                max_price_impact_bps=order.max_price_impact_bps,
                unit_price=self._unit_price,
            )
            for order in orders
        ]
