"""What sockets send of orders that really ran has the shapes that the document promises."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from orders.models import Status
from orders.services import cancel_order
from orders.tests.clients import events_of, open_socket, order_text
from orders.tests.documents import objections, sockets
from orders.threads import in_thread

from .conftest import Stage
from .steps import until, until_step

DOCUMENT = sockets()
MESSAGES = DOCUMENT["components"]["messages"]


def payload_of(frame: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that stands for a frame, as a client would tell frames apart."""
    if "sequence" in frame:
        name = f"{frame['status'].capitalize()}Event"
    else:
        name = "Accepted" if "wsUrl" in frame else "PlaceProblem"
    return dict(MESSAGES[name]["payload"])


def wrongs(frame: dict[str, Any]) -> list[str]:
    return objections(DOCUMENT, payload_of(frame), frame)


def mutations(frame: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A frame with one thing changed: a member more, one less, one of another type."""
    for name in frame:
        if name not in ("sequence", "status"):  # by which a frame is known
            yield f"without {name}", {k: v for k, v in frame.items() if k != name}
        if name != "status":
            yield f"{name} of another type", {**frame, name: [frame[name]]}
    for place in ([], ["data"]):
        changed = copy.deepcopy(frame)
        inside = changed
        for step in place:
            inside = inside[step]
        inside["invented"] = 1
        yield f"a member more in {place}", changed


async def _confirmed(stage: Stage) -> UUID:
    order_id = await stage.place()
    await stage.carry_out(order_id)
    return order_id


async def _failed(stage: Stage) -> UUID:
    order_id = await stage.place(amount_in=10**14, max_price_impact_bps=1)
    await stage.carry_out(order_id)
    return order_id


async def _cancelled(stage: Stage) -> UUID:
    order_id = await stage.place()
    await in_thread(cancel_order, await stage.order(order_id))
    return order_id


async def _expired_after_a_wait(stage: Stage) -> UUID:
    stage.take_chain_away()
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.waiting_since is not None)
    await stage.change(order_id, deadline=Now() - timedelta(seconds=1))
    await carrying
    stage.bring_chain_back()
    return order_id


async def _confirmed_by_the_second_attempt(stage: Stage) -> UUID:
    stage.set_localnet(dropRate=1)
    order_id = await stage.place()
    carrying = asyncio.create_task(stage.carry_out(order_id))
    await until(stage, order_id, lambda order: order.status == Status.SUBMITTED)
    stage.let_blockhash_expire()
    await until(stage, order_id, lambda order: order.attempt == 2)
    stage.set_localnet(dropRate=0)
    await carrying
    return order_id


async def _resumed_by_another_holder(stage: Stage) -> UUID:
    order_id = await stage.place()
    await until_step(stage, await stage.claim(order_id), Status.BUILDING)
    await stage.change(order_id, lease_until=Now() - timedelta(seconds=1))
    await stage.carry_out(order_id)
    return order_id


RUNS = {
    "confirmed": _confirmed,
    "failed": _failed,
    "cancelled": _cancelled,
    "expired": _expired_after_a_wait,
    "retried": _confirmed_by_the_second_attempt,
    "resumed": _resumed_by_another_holder,
}


async def test_every_frame_of_orders_that_ran_has_the_shape_that_the_document_promises(
    stage: Stage,
):
    frames: dict[str, list[dict[str, Any]]] = {}
    for name, run in RUNS.items():
        frames[name] = await events_of(await run(stage))

    seen = [frame for run in frames.values() for frame in run]
    assert {frame["status"] for frame in seen} == set(Status.values)
    assert "error" in frames["retried"][4]["data"]
    assert any(frame["data"].get("resumed") for frame in frames["resumed"])
    assert "waitedFor" in frames["expired"][-1]["data"]
    assert "quotes" in frames["failed"][-1]["data"]
    for frame in seen:
        assert wrongs(frame) == [], frame
    for frame in seen:
        for change, mutated in mutations(frame):
            assert wrongs(mutated), (frame["status"], change)


async def test_the_answers_of_a_placing_socket_have_the_shapes_of_the_document(
    stage: Stage,
):
    async with open_socket() as socket:
        await socket.send(order_text(idempotencyKey="a"))
        accepted = await socket.frame()
        refusals = []
        for text in (
            "{",
            order_text(idempotencyKey="a", amountIn=7),
            order_text(amountIn=-1, tokenIn="nothing", invented=1),
            order_text(idempotencyKey=""),
        ):
            await socket.send(text)
            frame = await socket.frame()
            while "code" not in frame:  # the first order's events
                frame = await socket.frame()
            refusals.append(frame)

    assert wrongs(accepted) == []
    assert [refusal["code"] for refusal in refusals] == [
        *("malformed_json", "idempotency_conflict"),
        *("validation_failed", "invalid_idempotency_key"),
    ]
    for refusal in refusals:
        assert wrongs(refusal) == [], refusal
        assert wrongs({**refusal, "code": "invented"}) != []
