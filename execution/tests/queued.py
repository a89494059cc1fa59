"""The queue of a test as Redis has it."""

from __future__ import annotations

from uuid import uuid4

from execution.job_batches import PlainPickles
from orders.queue import QueueSender


def add_orders(queue, count):
    """Queue jobs as the web process does; return the ids of their orders."""
    order_ids = [uuid4() for _ in range(count)]
    sender = QueueSender(f"unix://{queue.connection.get_connection_kwargs()['path']}")
    for order_id in order_ids:
        sender.enqueue(order_id)
    assert sender.flush(5)
    return order_ids


def order_ids_of(jobs):
    return [order and order[0] for order in (job.order(PlainPickles) for job in jobs)]


def ids_of(jobs):
    return [job.job_id for job in jobs]


def taken_of(queue):
    return queue.connection.lrange(queue.intermediate_queue_key, 0, -1)


def keys_of(queue):
    return {key.decode() for key in queue.connection.scan_iter()}
