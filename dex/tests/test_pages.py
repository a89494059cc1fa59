"""What many ask at the same moment goes to a node together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dex.errors import RpcUnavailable
from dex.solana.endpoint import Endpoint
from dex.solana.pages import MAX_PAGES, Pages
from dex.solana.rpc import RpcClient

URLS = ["http://127.0.0.1:9", "http://127.0.0.1:10"]


class Asked:
    """Pages of numbers, at most 10 each; an endpoint answers when `release` is set."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, list[int]]] = []
        self.release = asyncio.Event()
        self.left_out: set[int] = set()
        self.silent: set[str] = set()
        rpc = RpcClient(URLS, timeout_s=5, batch_size=25, expected_genesis=None)
        self.by_name = [endpoint.name for endpoint in rpc.endpoints]
        self.asking = Pages[int, str](rpc, self._ask, lambda waiting: 10)

    async def _ask(self, endpoint: Endpoint, page: Sequence[int]) -> list[str | None]:
        self.pages.append((endpoint.name, list(page)))
        await self.release.wait()
        if endpoint.name in self.silent:
            raise RpcUnavailable(f"{endpoint.name} is away")
        return [None if n in self.left_out else f"answer {n}" for n in page]


async def test_what_comes_while_pages_are_under_way_shares_the_next_ones():
    asked = Asked()
    asking = [asyncio.create_task(asked.asking.ask(n)) for n in range(45)]
    await asyncio.sleep(0)
    while len(asked.pages) < MAX_PAGES:
        await asyncio.sleep(0)
    asked.release.set()

    assert await asyncio.gather(*asking) == [f"answer {n}" for n in range(45)]
    assert [len(page) for _, page in asked.pages] == [10, 10, 10, 10, 5]


async def test_a_question_that_is_left_out_beside_others_is_answered_with_none():
    asked = Asked()
    asked.release.set()
    asked.left_out = {1}

    answers = await asyncio.gather(*map(asked.asking.ask, range(3)))

    assert answers == ["answer 0", None, "answer 2"]


async def test_a_page_goes_to_the_next_endpoint_when_one_answers_none_of_it():
    asked = Asked()
    asked.release.set()
    asked.silent = {asked.by_name[0]}

    assert await asked.asking.ask(7) == "answer 7"
    assert [name for name, _ in asked.pages] == asked.by_name


async def test_everybody_hears_that_no_endpoint_answers():
    asked = Asked()
    asked.release.set()
    asked.silent = set(asked.by_name)

    answers = await asyncio.gather(
        *map(asked.asking.ask, range(3)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [RpcUnavailable] * 3


async def test_who_gives_up_is_not_asked_for_and_harms_nobody():
    asked = Asked()
    asking = [asyncio.create_task(asked.asking.ask(n)) for n in range(25)]
    while len(asked.pages) < MAX_PAGES:
        await asyncio.sleep(0)
    for task in (asking[3], asking[23]):
        task.cancel()
    await asyncio.sleep(0)
    asked.release.set()

    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert sum(isinstance(answer, str) for answer in answers) == 23
    assert asked.pages[-1][1] == [20, 21, 22, 24]


async def test_closing_ends_every_wait():
    asked = Asked()
    asking = [asyncio.create_task(asked.asking.ask(n)) for n in range(45)]
    while len(asked.pages) < MAX_PAGES:
        await asyncio.sleep(0)
    await asked.asking.close()

    ends = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert len(asked.pages) == MAX_PAGES
