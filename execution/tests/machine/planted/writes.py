"""Wrong ways to claim, to write and to sign."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import wraps
from unittest.mock import patch

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from execution import batches, carrier, routing
from execution.build import TransactionBuilder
from orders import claims, held, queue, services, transitions
from orders.errors import CancelConflict
from orders.insertion import insert_orders
from orders.models import Order, OrderEvent, Status


@contextlib.contextmanager
def no_fence() -> Iterator[None]:
    """Reads and writes ask who holds the order now, not whether it is still the same."""
    is_holder, read = transitions._is_holder, held.read_all_held

    def is_somebody(move, row):
        return move.fence is not None or is_holder(move, row)

    @wraps(read)
    def read_all_held(claims):
        ids = [claim.order_id for claim in claims]
        newest = dict(Order.objects.filter(id__in=ids).values_list("id", "fence"))
        return read([replace(claim, fence=newest[claim.order_id]) for claim in claims])

    with (
        patch.object(transitions, "_is_holder", is_somebody),
        patch.object(batches, "read_all_held", read_all_held),
    ):
        yield


def lease_not_checked():
    """Whoever wants an order claims it."""
    return patch.object(claims, "_unleased", lambda: "TRUE")


@contextlib.contextmanager
def send_before_save() -> Iterator[None]:
    """The transaction leaves as soon as it is signed."""
    build = TransactionBuilder.build

    async def build_and_send(self, plan, memo):
        plan, signed = await build(self, plan, memo)
        with self._cluster._tracker.follow(signed, resend=False) as tracked:
            self._cluster._sender.send(tracked)
        return plan, signed

    with patch.object(TransactionBuilder, "build", build_and_send):
        yield


@contextlib.contextmanager
def memo_without_attempt() -> Iterator[None]:
    """The memo names the order alone."""
    build = TransactionBuilder.build

    async def build_without(self, plan, memo):
        return await build(self, plan, memo.partition(":")[0])

    with patch.object(TransactionBuilder, "build", build_without):
        yield


@contextlib.contextmanager
def floor_lowered_on_retry() -> Iterator[None]:
    """Each attempt takes its floor from its own quote."""
    route = routing.route_order

    async def route_order(engine, order, *further):
        floor, order.min_amount_out = order.min_amount_out, None
        try:
            return await route(engine, order, *further)
        finally:
            order.min_amount_out = floor

    with patch.object(carrier, "route_order", route_order):
        yield


@contextlib.contextmanager
def enqueue_before_commit() -> Iterator[None]:
    """The queue hears of an order before the database has it for good."""

    def insert_and_enqueue(orders):
        inserted = insert_orders(orders)
        for event in inserted.events:
            queue.enqueue(event.order_id)
        queue.flush(5)
        return inserted

    with patch("orders.intake.insert_orders", insert_and_enqueue):
        yield


def cancel_by_sub_select():
    """What allows a cancel is looked up in a sub-select, which no lock re-checks."""
    return patch.object(services, "cancel_order", _cancel_order)


def _cancel_order(order):
    cancellable = Order.objects.filter(
        id=order.id, live_attempt=0, status__in=services.CANCELLABLE
    )
    with transaction.atomic():
        changed = Order.objects.filter(id__in=cancellable.values("id")).update(
            status=Status.CANCELLED,
            live_attempt=0,
            fence=F("fence") + 1,
            last_sequence=F("last_sequence") + 1,
            closed_at=Now(),
            lease_until=None,
            lease_owner="",
            failure_code="cancelled",
        )
        if not changed:
            raise CancelConflict("The order cannot be cancelled.", order.status)
        order = Order.objects.get(id=order.id)
        OrderEvent.objects.create(
            order=order,
            sequence=order.last_sequence,
            status=Status.CANCELLED,
            attempt=order.attempt,
        )
    return order
