"""From an order to the plan of its attempt: its pools, its route, its floor."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dex.errors import NoRoute
from dex.pending import Reservation
from dex.quoting import Wanted
from dex.router import find_route
from dex.types import Route, VenueAnswer
from orders.models import Order

from .build import Plan, check_floor
from .failures import ALL_REFUTED, AttemptFailed, Failure

if TYPE_CHECKING:
    from .engine import Engine


@dataclass(frozen=True, slots=True)
class Routed:
    """A route, the plan to build from it, and its swap among those under way."""

    route: Route
    plan: Plan
    reservation: Reservation


async def route_order(
    engine: Engine,
    order: Order,
    refuted: Mapping[str, VenueAnswer],
    asked: Awaitable[Wanted] | None = None,
) -> Routed:
    """Choose a route for an order and reserve its swap; `refuted` venues are not asked.

    `asked` brings what the allow-list holds for it, where that was asked for already.
    Raises AttemptFailed, RpcError, database errors.
    """
    wanted = await (asked or engine.batches.wanted(order))
    venues = {n: venue for n, venue in engine.venues.items() if n not in refuted}
    answers = tuple(refuted.values())
    if wanted.pools and not any(venue in venues for venue, _ in wanted.pools):
        raise AttemptFailed(replace(ALL_REFUTED, answers=answers))
    try:
        route, snapshot = await find_route(
            replace(wanted, refuted=answers),
            market=engine.cluster.market,
            venues=venues,
            timeout_s=engine.intervals.quote_timeout_s,
            pending=engine.pending,
        )
    except NoRoute as error:
        # Without a pool on the allow-list no further attempt can find one.
        retryable = error.retryable and bool(wanted.pools)
        raise AttemptFailed(
            Failure(error.code, str(error), retryable, answers=error.answers)
        ) from error
    # Nothing is awaited from here to the reservation: the next order must see it.
    floor = int(order.min_amount_out or route.floor(order.slippage_bps))
    check_floor(route.raw, floor)
    plan = Plan(
        quote=route.raw,
        snapshot=snapshot,
        floor=floor,
        expected=route.best.amount_out,
        max_price_impact=wanted.max_price_impact,
    )
    return Routed(route, plan, engine.pending.reserve(route.best))
