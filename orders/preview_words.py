"""A preview in words: one sentence of what would happen, and what to think of first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dex.amounts import to_whole
from dex.models import Token, VenueName
from dex.rehearsal import Rehearsal

from .errors import NotTrading, OrderDenied
from .models import Order
from .submissions import OrderRequest
from .waiting import HALTED

# From here on a preview warns.
HIGH_IMPACT_BPS = 100
LARGE_SLIPPAGE_BPS = 300

SOL_DECIMALS = 9

# replay: it was placed before. deny: a guard on money would deny it. swap: it would be
# carried out. fail: it would end without a swap as things stand. unknown: it could not be
# tried out.
Outcome = Literal["replay", "deny", "swap", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an order that is not placed.

    `earlier` is the order that it would repeat; of that one nothing else is known.
    `denial` is what would deny it; `failure` why it would end without a swap. Without a rehearsal no pool would swap it.
    """

    request: OrderRequest
    earlier: Order | None = None
    denial: OrderDenied | None = None
    failure: dict[str, str] | None = None
    rehearsal: Rehearsal | None = None
    rent_lamports: int = 0
    fee_lamports: int = 0

    @property
    def outcome(self) -> Outcome:
        if self.earlier is not None:
            return "replay"
        if self.denial is not None:
            return "deny"
        if self.failure:
            return "fail"
        is_known = self.rehearsal is not None and self.rehearsal.trial.is_known
        return "swap" if is_known else "unknown"

    @property
    def expected(self) -> int | None:
        """Return the output to expect in base units; what a simulation paid comes first."""
        if self.rehearsal is None or self.failure:
            return None
        simulated = self.rehearsal.trial.amount_out
        return self.rehearsal.route.best.amount_out if simulated is None else simulated


def summary(told: Told) -> str:
    """Say in a sentence or two what would happen."""
    if told.earlier is not None:
        return (
            f"Nothing new would happen: this is your order {told.earlier.id}, which is "
            f"{told.earlier.status}. Placing it again answers with that one."
        )
    if told.denial is not None:
        said = denial_words(told.denial)
        return f"The order would be denied, and nothing stored: {said}"
    if told.failure is not None:
        return f"As things stand the order would fail: {told.failure['message']}"
    swap = _swap(told)
    if told.outcome == "unknown":
        return f"{swap} This is by the quotes alone: the swap could not be tried out."
    return swap


def denial_words(denial: OrderDenied) -> str:
    """Say what would deny an order, and what to do, to somebody who has sent none."""
    if isinstance(denial, NotTrading):
        return f"{HALTED} Place the order when trading goes on."
    return str(denial)


def warnings(told: Told) -> list[dict[str, str]]:
    """List what should be known before the order is placed, each with a stable code."""
    return [{"code": code, "message": message} for code, message in _warnings(told)]


def _swap(told: Told) -> str:
    request, rehearsal = told.request, told.rehearsal
    assert rehearsal is not None, "what fails without a route is told before"
    assert told.expected is not None, "what does not fail has an output"
    paid = _amount(request.amount_in, request.token_in)
    expected = _amount(told.expected, request.token_out)
    floor = _amount(rehearsal.floor, request.token_out)
    venue = VenueName(rehearsal.route.best.venue).label
    costs = f"The network takes {_sol(told.fee_lamports)}"
    if told.rent_lamports:
        costs += (
            f", and {_sol(told.rent_lamports)} are locked as rent of the token account "
            "that receives"
        )
    return (
        f"Swaps {paid} for about {expected} on {venue}, and for {floor} at least or not "
        f"at all. {costs}."
    )


def _warnings(told: Told) -> Iterator[tuple[str, str]]:
    slippage_bps, rehearsal = told.request.slippage_bps, told.rehearsal
    if told.earlier is not None:
        return
    if slippage_bps >= LARGE_SLIPPAGE_BPS:
        yield (
            "slippage_large",
            f"The order takes up to {_percent(slippage_bps)} less than is quoted. Others "
            "can move the price that far before it lands.",
        )
    if rehearsal is None:
        return
    impact_bps = rehearsal.route.best.price_impact_bps
    if impact_bps >= HIGH_IMPACT_BPS:
        yield (
            "price_impact_high",
            f"The order itself moves the price by {_percent(impact_bps)}. Smaller orders "
            "are paid better.",
        )
    if told.rent_lamports:
        yield (
            "rent",
            f"The wallet has no account for {told.request.token_out.symbol}. The swap "
            f"creates one, which locks {_sol(told.rent_lamports)}.",
        )
    if rehearsal.trial.pool_moved:
        yield (
            "pool_moved",
            "The pool changed after it was quoted. Ask again for a fresh one.",
        )
    if not rehearsal.trial.is_known:
        yield "simulation_unavailable", rehearsal.trial.message


def _amount(base_units: int, token: Token) -> str:
    return f"{to_whole(base_units, token.decimals)} {token.symbol}"


def _sol(lamports: int) -> str:
    return f"{to_whole(lamports, SOL_DECIMALS)} SOL"


def _percent(bps: int) -> str:
    return f"{to_whole(bps, 2)} %"
