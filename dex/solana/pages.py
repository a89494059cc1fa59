"""What many orders ask at the same moment goes to a node together, in few requests.

A call of its own costs an order several tasks and time-outs here; a page of calls costs
about as much as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from .endpoint import Endpoint
from .rpc import RpcClient

Question = TypeVar("Question")
Answer = TypeVar("Answer")

# So many pages are under way at once. What is asked meanwhile goes into the next ones.
MAX_PAGES = 2


class Pages(Generic[Question, Answer]):
    """Asks whichever endpoint answers a page of questions.

    `ask` returns an answer, or None, for each question of a page; RpcError when it has
    none for any, so that the next endpoint is asked. `take` says how many of those that
    wait fit into one page. For one event loop.
    """

    def __init__(
        self,
        rpc: RpcClient,
        ask: Callable[[Endpoint, Sequence[Question]], Awaitable[list[Answer | None]]],
        take: Callable[[Sequence[Question]], int],
    ) -> None:
        self._rpc = rpc
        self._ask = ask
        self._take = take
        self._waiting: list[tuple[Question, asyncio.Future[Answer | None]]] = []
        self._pages: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer | None:
        """Return the answer; None when the endpoint that answered others left it out.

        Raises RpcUnavailable when no endpoint answers any of the page, WrongChain.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | None] = loop.create_future()
        self._waiting.append((question, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._begin)
        return await answer

    async def close(self) -> None:
        """Stop what is being asked; whoever waits is cancelled."""
        for _, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()
        pages = list(self._pages)
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)

    def _begin(self) -> None:
        while self._waiting and len(self._pages) < MAX_PAGES:
            count = max(self._take([question for question, _ in self._waiting]), 1)
            taken = self._waiting[:count]
            del self._waiting[:count]
            # Others have given up meanwhile.
            open_ = [(q, answer) for q, answer in taken if not answer.done()]
            if open_:
                page = asyncio.create_task(self._run(open_))
                self._pages.add(page)
                page.add_done_callback(self._ended)

    def _ended(self, page: asyncio.Task[None]) -> None:
        self._pages.discard(page)
        self._begin()

    async def _run(
        self, page: list[tuple[Question, asyncio.Future[Answer | None]]]
    ) -> None:
        questions = [question for question, _ in page]
        try:
            found = await self._rpc.first(lambda each: self._ask(each, questions))
        except asyncio.CancelledError:
            for _, answer in page:
                answer.cancel()
            raise
        except Exception as error:
            for _, answer in page:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), one in zip(page, found, strict=True):
                if not answer.done():
                    answer.set_result(one)
