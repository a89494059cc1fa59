"""What the page of one order shows: its timeline, its quotes, its attempts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from dex.amounts import to_whole
from orders.event_frames import quoted_attempt
from orders.models import Attempt, Order, OrderEvent, Status
from orders.waiting import Wait, wait_of

_RELATED = ("token_in", "token_out", "owner", "retry_of", "retried_as")
_SHOWN_ELSEWHERE = ("route", "quotes")


@dataclass(frozen=True, slots=True)
class Step:
    """One event and the time until the next; `share` is per cent of the order's life."""

    event: OrderEvent
    spent: str
    share: int
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One venue's answer as the building event recorded it."""

    quote: Mapping[str, Any]
    won: bool


@dataclass(frozen=True, slots=True)
class QuoteRound:
    """The answers one attempt chose from, best first.

    `signed` is what was quoted last before the signature, where that is another amount.
    """

    attempt: int
    at: datetime
    lines: list[QuoteLine]
    signed: str | None


class OrderPage:
    """Reads an order with its events in one query, and its attempts in another.

    One query sees one moment: of two, the second may know a step that the first does not.
    """

    def __init__(self, order_id: UUID, *, now: datetime) -> None:
        self.events = list(
            OrderEvent.objects.filter(order=order_id)
            .select_related(*(f"order__{name}" for name in _RELATED))
            .order_by("sequence")
        )
        self.order = self.events[-1].order
        self.until = self.order.closed_at or now

    @cached_property
    def attempts(self) -> list[Attempt]:
        return list(self.order.attempts.defer("raw_transaction").order_by("number"))

    @cached_property
    def wait(self) -> Wait | None:
        return wait_of(self.order)

    @cached_property
    def timeline(self) -> list[Step]:
        ends = [event.created_at for event in self.events[1:]] + [self.until]
        whole = max(self.until - self.order.created_at, timedelta(microseconds=1))
        steps = []
        for event, end in zip(self.events, ends, strict=True):
            # The host's clock may be behind the database's.
            spent = max(end - event.created_at, timedelta())
            over = event.sequence == self.order.last_sequence and self.order.is_closed
            steps.append(
                Step(
                    event=event,
                    spent="" if over else duration(spent),
                    share=min(round(100 * (spent / whole)), 100),
                    facts=list(facts(event.data)),
                )
            )
        return steps

    @property
    def rounds(self) -> list[QuoteRound]:
        """The quotes of every attempt that found a route, and of those that found none."""
        return [
            QuoteRound(
                attempt=quoted_attempt(event),
                at=event.created_at,
                lines=[
                    QuoteLine(quote, won=_same(quote, event.data.get("route")))
                    for quote in event.data["quotes"]
                ],
                signed=self._quoted_again(event),
            )
            for event in self.events
            if event.data.get("quotes")
        ]

    def _quoted_again(self, event: OrderEvent) -> str | None:
        """Return the quote that was signed, when it is not the one in the event."""
        route = event.data.get("route")
        number = quoted_attempt(event)
        for attempt in self.attempts if route else ():
            quoted = to_whole(
                int(attempt.quoted_amount_out), self.order.token_out.decimals
            )
            if attempt.number == number and quoted != route["amountOut"]:
                return f"{quoted} {self.order.token_out.symbol}"
        return None

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The facts of the order as label and text, without those that are empty."""
        order = self.order
        symbol_in, symbol_out = order.token_in.symbol, order.token_out.symbol
        lines: list[tuple[str, object]] = [
            ("Type", order.get_order_type_display()),
            ("Amount in", self._whole_in(order.amount_in, symbol_in)),
            ("Slippage", f"{to_whole(order.slippage_bps, 2)} %"),
            ("Max. price impact", self._max_price_impact),
            ("Floor", self._whole_out(order.min_amount_out, symbol_out)),
            ("Paid", self._whole_in(order.amount_in_filled, symbol_in)),
            ("Received", self._whole_out(order.amount_out, symbol_out)),
            ("Venue", order.get_venue_display() if order.venue else None),
            ("Slot", order.slot),
            ("Attempts", order.attempt),
            ("Funds moved", order.funds_moved),
            ("Owner", order.owner),
            ("Client order id", order.client_order_id),
            ("Idempotency key", order.idempotency_key),
            ("Created", _moment(order.created_at)),
            ("Deadline", _moment(order.deadline)),
            ("Closed", _moment(order.closed_at)),
            (
                "Took",
                duration(self.until - order.created_at) if order.is_closed else None,
            ),
            ("Cancel requested", _moment(order.cancel_requested_at)),
            (
                "Needs review since",
                _moment(order.needs_review_at) if self.is_in_review else None,
            ),
            ("Waiting since", _moment(self.wait.since if self.wait else None)),
            ("Held by", order.lease_owner),
            ("Held until", _moment(order.lease_until)),
            ("Claims without progress", order.idle_claims or None),
        ]
        return [
            (label, str(value)) for label, value in lines if value not in (None, "")
        ]

    @property
    def may_cancel(self) -> bool:
        return not self.order.is_closed

    @property
    def is_in_review(self) -> bool:
        return not self.order.is_closed and self.order.needs_review_at is not None

    @property
    def may_retry(self) -> bool:
        return (
            self.order.is_closed
            and self.order.status != Status.CONFIRMED
            and self.retried_as is None
        )

    @property
    def retried_as(self) -> Order | None:
        return getattr(self.order, "retried_as", None)

    @property
    def _max_price_impact(self) -> str | None:
        limit_bps = self.order.max_price_impact_bps
        return None if limit_bps is None else f"{to_whole(limit_bps, 2)} %"

    def _whole_in(self, amount: object, symbol: str) -> str | None:
        return _whole(amount, self.order.token_in.decimals, symbol)

    def _whole_out(self, amount: object, symbol: str) -> str | None:
        return _whole(amount, self.order.token_out.decimals, symbol)


def duration(span: timedelta) -> str:
    """Write a span with the two largest units that matter: `340 ms`, `3.2 s`, `4 min 10 s`."""
    milliseconds = round(span / timedelta(milliseconds=1))
    if milliseconds < 1_000:
        return f"{max(milliseconds, 0)} ms"
    if milliseconds < 60_000:
        return f"{milliseconds // 100 / 10:.1f} s"
    seconds = milliseconds // 1_000
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        parts.append((count, unit))
    largest = itertools.dropwhile(lambda part: not part[0], parts)
    return " ".join(f"{n} {unit}" for n, unit in itertools.islice(largest, 2) if n)


def facts(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten an event's data to label and text; quotes have a table of their own."""
    lines: list[tuple[str, str]] = []
    for key, value in data.items():
        label = f"{prefix}{key}"
        if key in _SHOWN_ELSEWHERE:
            continue
        if isinstance(value, Mapping):
            lines += facts(value, f"{label}.")
        elif isinstance(value, list):
            lines.append((label, ", ".join(map(str, value))))
        elif value is not None:
            lines.append((label, str(value)))
    return lines


def _same(quote: Mapping[str, Any], route: Mapping[str, Any] | None) -> bool:
    return route is not None and "lost" not in quote and quote["pool"] == route["pool"]


def _whole(amount: Any, decimals: int, symbol: str) -> str | None:
    return None if amount is None else f"{to_whole(int(amount), decimals)} {symbol}"


def _moment(at: datetime | None) -> str | None:
    return (
        None
        if at is None
        else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03} UTC"
    )
