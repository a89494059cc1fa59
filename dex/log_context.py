"""What a log record belongs to: the request that is answered, the order that is carried.

Bound to the thread that answers and to the task that carries, not to their contexts: a
background task that is started for one request, and goes on for all, would inherit its
name for ever.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary


@dataclass(frozen=True, slots=True)
class Subject:
    """Ids as they are written to the log; empty when there is none."""

    request_id: str = ""
    order_id: str = ""


class _Thread(threading.local):
    request_id = ""


_NOTHING = Subject()
_thread = _Thread()
_carried: WeakKeyDictionary[asyncio.Task[Any], Subject] = WeakKeyDictionary()


def answering(request_id: str) -> None:
    """Let records of this thread belong to a request, from now on; "": to none."""
    _thread.request_id = request_id


def carrying(task: asyncio.Task[Any], order_id: str, request_id: str) -> None:
    """Let records of a task belong to an order, and to the request that placed it."""
    _carried[task] = Subject(request_id, order_id)


def request_id() -> str:
    """Return the request that this thread answers; "" when there is none."""
    return _thread.request_id


def subject() -> Subject:
    """Return what a record that is written here and now belongs to."""
    if _thread.request_id:
        return Subject(_thread.request_id)
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return _NOTHING
    return _NOTHING if task is None else _carried.get(task, _NOTHING)
