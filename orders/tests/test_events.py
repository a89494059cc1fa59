from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any

import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import (  # type: ignore[import-untyped]
    RedisPubSubChannelLayer,
)

from orders import events
from orders.events import GROUP, HintSender
from orders.models import Order, OrderEvent, Status
from orders.placing import place_order
from orders.submissions import OrderRequest
from orders.threads import in_thread

from .faults import silent_server
from .helpers import claim, make_order, make_owner, make_token, move

by_transaction = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard():
    """Collect what listeners are told, until the end of the test."""
    told: list[OrderEvent] = []
    end = events.subscribe(told.append)
    yield told
    end()


def place() -> Order:
    request = OrderRequest("market", make_token("A"), make_token("B"), 5, 100)
    return Order.objects.get(id=place_order(request, owner=make_owner()).order_id)


@by_transaction
def test_listeners_hear_each_event_after_its_commit(heard):
    stored: list[bool] = []
    end = events.subscribe(
        lambda event: stored.append(OrderEvent.objects.filter(pk=event.pk).exists())
    )

    order = place()
    move(claim(order), Status.PENDING, Status.ROUTING)
    end()

    assert [(event.order_id, event.sequence, event.status) for event in heard] == [
        (order.id, 1, "pending"),
        (order.id, 2, "routing"),
    ]
    assert stored == [True, True]
    assert all(event.created_at is not None for event in heard)


@by_transaction
def test_a_failing_listener_is_logged_and_harms_nothing(heard, caplog):
    def fail(event: OrderEvent) -> None:
        raise RuntimeError("the listener is broken")

    end = events.subscribe(fail)
    events._listeners.insert(0, events._listeners.pop())  # before the others

    with caplog.at_level(logging.ERROR, "orders.events"):
        order = place()
    end()

    assert [event.order_id for event in heard] == [order.id]
    assert "the listener is broken" in caplog.text


def test_a_subscription_ends():
    told: list[OrderEvent] = []
    end = events.subscribe(told.append)
    end()

    events.publish(OrderEvent(order_id=Order().id, sequence=1, status="pending"))

    assert told == []


@by_transaction
async def test_a_hint_says_which_order_moved_and_how_far():
    layer: Any = channel_layers["default"]
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    order = await in_thread(make_order)

    await in_thread(lambda: move(claim(order), Status.PENDING, Status.ROUTING))

    async with asyncio.timeout(10):
        message = await layer.receive(channel)
    assert message == {"type": "orders.moved", "orders": {str(order.id): 2}}


class Recorder:
    """A channel layer that keeps what it is given, once it is let."""

    def __init__(self) -> None:
        self.messages: list[dict[str, int]] = []
        self.may_send = asyncio.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self.may_send.wait()
        self.messages.append(message["orders"])


@pytest.fixture
def recorder(monkeypatch):
    assert events.flush(5)  # what other tests published
    layer = Recorder()
    monkeypatch.setitem(channel_layers.backends, "default", layer)
    return layer


def test_hints_that_wait_go_together_and_only_the_newest_of_an_order(recorder):
    sender = HintSender()
    sender.send("a", 1)  # goes alone, or with what comes before the loop runs

    for sequence in (2, 4, 3):
        sender.send("a", sequence)
    sender.send("b", 1)
    sender._loop.submit(allow(recorder)).result(5)

    assert sender.flush(5)
    assert len(recorder.messages) <= 2
    assert recorder.messages[-1]["a"] == 4
    assert recorder.messages[-1]["b"] == 1


async def allow(recorder: Recorder) -> None:
    recorder.may_send.set()


def test_too_many_hints_are_dropped_and_counted(recorder, monkeypatch):
    monkeypatch.setattr(events, "MAX_WAITING", 3)
    sender = HintSender()

    sender.send("first", 1)
    # Until the loop has taken the first, it takes one of the three places.
    while sender._waiting:
        time.sleep(0)
    for name in "abcde":
        sender.send(name, 1)
    sender.send("a", 2)

    assert sender.lost == 2
    sender._loop.submit(allow(recorder)).result(5)
    assert sender.flush(5)
    assert recorder.messages == [{"first": 1}, {"a": 2, "b": 1, "c": 1}]


def use_redis(monkeypatch, address: str) -> None:
    layer = RedisPubSubChannelLayer(hosts=[{"address": address, "socket_timeout": 15}])
    monkeypatch.setitem(channel_layers.backends, "default", layer)


@by_transaction
def test_events_go_on_while_redis_is_silent(heard, monkeypatch):
    monkeypatch.setattr(events, "SEND_TIMEOUT_S", 0.2)
    with silent_server() as port:
        use_redis(monkeypatch, f"redis://127.0.0.1:{port}/0")
        sender = HintSender()
        monkeypatch.setattr(events, "_sender", lambda: sender)
        order = make_order()

        started = time.monotonic()
        move(claim(order), Status.PENDING, Status.ROUTING)
        assert time.monotonic() - started < 0.2

        assert [event.sequence for event in heard] == [2]
        assert not events.flush(0.01)
        assert events.flush(5)
        assert events.lost() == 1


@by_transaction
def test_events_go_on_while_redis_is_down(heard, monkeypatch):
    monkeypatch.setattr(events, "SEND_TIMEOUT_S", 0.2)
    use_redis(monkeypatch, "redis://127.0.0.1:1/0")
    sender = HintSender()
    monkeypatch.setattr(events, "_sender", lambda: sender)

    move(claim(make_order()), Status.PENDING, Status.ROUTING)

    assert [event.sequence for event in heard] == [2]
    assert events.flush(5)
    assert events.lost() == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_sends_from_a_loop_of_its_own():
    event = OrderEvent(order_id=Order().id, sequence=1, status="pending")
    events.publish(event)
    assert events.flush(5)

    if (child := os.fork()) == 0:
        events.publish(event)
        os._exit(events.lost() if events.flush(5) else 99)

    _, status = os.waitpid(child, 0)
    assert status == 0
