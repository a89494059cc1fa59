"""Threads for the database work of sockets, so that one slow query delays few of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

# Channels' own helper runs the work of all sockets of a process on one thread.
_threads = ThreadPoolExecutor(8, thread_name_prefix="order-sockets")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that uses the database, and give its connection back."""
    loop = asyncio.get_running_loop()
    work = partial(_run, function, *args, **kwargs)
    return await loop.run_in_executor(_threads, work)


def _run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
