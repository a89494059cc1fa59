"""The guards on money: what an order is denied for, with the rule, the limit and the value.

The settings have the limits to begin with, and operators change them while the site runs:
see `dex.models.Rule` for the rules. Every process reads them once a second at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection

from dex.amounts import to_whole
from dex.halting import ACTIVE, HALTED_STATE
from dex.models import Rule, Token
from orders.errors import (
    NotTrading,
    OrderDenied,
    OrderTooLarge,
    SlippageTooLarge,
    TokenNotAllowed,
    TooManyOpenOrders,
)
from orders.models import STILL_OPEN, Order
from orders.recent import Recent
from orders.submissions import OrderRequest

TOKENS = "/api/tokens"  # where the allowed ones are

READ = """
    SELECT
        (SELECT halted_at FROM dex_chain WHERE id = 1),
        (SELECT max_slippage_bps FROM orders_orderlimits WHERE id = 1),
        (SELECT max_open_orders FROM orders_orderlimits WHERE id = 1),
        ARRAY(SELECT ARRAY[owner_id, max_open_orders] FROM orders_ownerlimit
              WHERE max_open_orders IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Guards:
    """What holds now. None: operators have set nothing, so the setting holds."""

    halted_at: datetime | None = None
    set_slippage_bps: int | None = None
    set_open_orders: int | None = None
    open_orders_of: Mapping[int, int] = field(default_factory=dict)

    @property
    def max_slippage_bps(self) -> int:
        """The largest slippage. Operators can only lower that of the settings."""
        most_bps: int = settings.MAX_SLIPPAGE_BPS
        set_bps = self.set_slippage_bps
        return most_bps if set_bps is None else min(set_bps, most_bps)

    def max_open_orders(self, owner_id: int) -> int:
        """Return how many open orders an owner may have."""
        most = self.open_orders_of.get(owner_id, self.set_open_orders)
        return settings.MAX_OPEN_ORDERS_PER_OWNER if most is None else most

    def denial_of(self, request: OrderRequest) -> OrderDenied | None:
        """Say what denies an order, whoever asks; None when nothing does.

        How many orders its owner has open is counted where it is stored.
        """
        if self.halted_at is not None:
            return not_trading()
        for token in (request.token_in, request.token_out):
            if not token.enabled:
                return not_allowed(token)
        largest = max_order(request.token_in)
        if largest is not None and request.amount_in > largest:
            return too_large(request.token_in, largest, request.amount_in)
        if request.slippage_bps > self.max_slippage_bps:
            return too_much_slippage(self.max_slippage_bps, request.slippage_bps)
        return None


_recent: Recent[str, Guards] = Recent()


def current_guards() -> Guards:
    """Return the guards as they stood within the last second; raises database errors."""
    return _recent.get("", _read)


def _read() -> Guards:
    with connection.cursor() as cursor:
        cursor.execute(READ)
        halted_at, slippage_bps, open_orders, of_owners = cursor.fetchone()
    return Guards(halted_at, slippage_bps, open_orders, dict(of_owners))


def denial_now(request: OrderRequest, owner_id: int) -> OrderDenied | None:
    """Say what would deny an order of this owner now, its open orders counted.

    Reads the database. By the time it is placed this may have changed.
    """
    guards = current_guards()
    denial = guards.denial_of(request)
    if denial is not None:
        return denial
    most = guards.max_open_orders(owner_id)
    open_count = Order.objects.filter(STILL_OPEN, owner_id=owner_id).count()
    return too_many_open(most, open_count) if open_count >= most else None


def max_order(token: Token) -> int | None:
    """Return the most of a token that one order may sell, in base units; None: any."""
    if token.max_order is not None:
        return int(token.max_order)
    whole: int = settings.MAX_ORDER
    return whole * 10**token.decimals if whole else None


def rule_of_field(code: str, value: object) -> dict[str, str]:
    """Return the rule, limit and value of a wrong field that a guard refuses."""
    if code == "unknown_token":
        rule, limit = Rule.ALLOWED_TOKENS, TOKENS
    elif code == "slippage_out_of_range":
        rule, limit = Rule.MAX_SLIPPAGE, to_whole(current_guards().max_slippage_bps, 4)
    else:
        return {}
    return {"rule": rule.value, "limit": limit, "value": str(value)[:64]}


def not_trading() -> NotTrading:
    return NotTrading(
        "Trading is halted until an operator lifts it. Nothing was stored: send the "
        "order again later. Orders that were accepted before wait until their deadline.",
        rule=Rule.TRADING,
        limit=ACTIVE,
        value=HALTED_STATE,
    )


def not_allowed(token: Token) -> TokenNotAllowed:
    return TokenNotAllowed(
        f"The token {token.symbol} may not be traded. Choose one of {TOKENS}.",
        rule=Rule.ALLOWED_TOKENS,
        limit=TOKENS,
        value=token.mint,
    )


def too_large(token: Token, largest: int, amount: int) -> OrderTooLarge:
    limit = to_whole(largest, token.decimals)
    return OrderTooLarge(
        f"One order may sell {limit} {token.symbol} at most. Send a smaller one.",
        rule=Rule.MAX_ORDER,
        limit=limit,
        value=to_whole(amount, token.decimals),
    )


def too_much_slippage(most_bps: int, slippage_bps: int) -> SlippageTooLarge:
    limit = to_whole(most_bps, 4)
    return SlippageTooLarge(
        f"The slippage may be {limit} at most. Send a smaller one.",
        rule=Rule.MAX_SLIPPAGE,
        limit=limit,
        value=to_whole(slippage_bps, 4),
    )


def too_many_open(most: int, already_open: int) -> TooManyOpenOrders:
    """The denial of an order whose owner has no room for it."""
    return TooManyOpenOrders(
        f"You have {already_open} open orders, and {most} are the most. Wait until one "
        "has ended, or cancel one.",
        rule=Rule.MAX_OPEN_ORDERS,
        limit=most,
        value=already_open,
    )
