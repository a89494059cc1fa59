"""Calls of many tasks made as one: what comes while one is under way is the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from .solana.endpoint import look_at

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100  # items of one call


class Gathered(Generic[Item, Result]):
    """One call at a time, with all that has come meanwhile.

    `carry_out` returns a result for each item, in their order; what it raises is raised
    for each. With `key`, items of one key never share a call, and keep their order.
    After each call `pause_s` tells how long more may gather.
    """

    def __init__(
        self,
        carry_out: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        key: Callable[[Item], Hashable] | None = None,
        pause_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._carry_out = carry_out
        self._key = key
        self._pause_s = pause_s
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._calling: asyncio.Task[None] | None = None

    async def call(self, item: Item) -> Result:
        """Return the result of this item.

        A caller who is cancelled does not know whether the call was made.
        """
        return await self.ask(item)

    def ask(self, item: Item) -> asyncio.Future[Result]:
        """Ask for the result of this item. Whoever wants it no more may just forget it."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call_all())
        return answer

    async def finished(self) -> None:
        """Wait until no call is under way or waits."""
        if self._calling is not None:
            await asyncio.wait({self._calling})

    async def _call_all(self) -> None:
        while batch := self._next_batch():
            answers = [answer for _, answer in batch]
            try:
                results = await self._carry_out([item for item, _ in batch])
            except asyncio.CancelledError:
                for answer in answers:
                    answer.cancel()
                raise
            except Exception as error:
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
                        look_at(answer)  # its caller may be gone by now
            else:
                for answer, result in zip(answers, results, strict=True):
                    if not answer.done():
                        answer.set_result(result)
            if pause_s := self._pause_s():
                await asyncio.sleep(pause_s)

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """Take what waits, but for those whose callers are gone."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        left: list[tuple[Item, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()
        for item, answer in self._waiting:
            if answer.done():
                continue
            key = self._key(item) if self._key else len(keys)
            has_room = len(batch) < MOST and key not in keys
            (batch if has_room else left).append((item, answer))
            keys.add(key)
        self._waiting = left
        return batch
