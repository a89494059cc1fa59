from __future__ import annotations

import asyncio

import pytest

from ordersite.turns import Turns


class Rooms:
    """An application that notes how many requests it has, and holds them until told."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.served = 0
        self.released = asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.released.wait()
            self.served += 1
            if scope == "broken":
                raise RuntimeError
        finally:
            self.inside -= 1


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_requests_than_places_run_at_once_and_all_are_served():
    rooms = Rooms()
    turns = Turns(rooms, places=3)
    requests = [asyncio.create_task(turns(n, None, None)) for n in range(20)]
    await settle()

    rooms.released.set()
    await asyncio.gather(*requests)

    assert (rooms.most, rooms.served) == (3, 20)


async def test_a_client_that_leaves_the_line_takes_no_place():
    rooms = Rooms()
    turns = Turns(rooms, places=1)
    first, second, third = (asyncio.create_task(turns(n, None, None)) for n in range(3))
    await settle()

    second.cancel()
    rooms.released.set()
    await asyncio.gather(first, third)

    assert rooms.served == 2


async def test_a_request_that_breaks_gives_its_place_back():
    rooms = Rooms()
    turns = Turns(rooms, places=1)
    rooms.released.set()

    with pytest.raises(RuntimeError):
        await turns("broken", None, None)
    await turns("next", None, None)

    assert rooms.served == 2
