"""Servers on an event loop of their own, for tests that wait in their thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from dex.background import BackgroundLoop

servers = BackgroundLoop("test-servers")


@contextlib.contextmanager
def in_background(open_context: Callable[[], Any]) -> Iterator[Any]:
    """Run an async context on a loop of its own, as servers do."""
    stack = contextlib.AsyncExitStack()

    async def enter() -> Any:
        return await stack.enter_async_context(open_context())

    entered = servers.run(enter(), 20)
    try:
        yield entered
    finally:
        servers.run(stack.aclose(), 20)
