"""The score and the circuit of an endpoint, and what they are used for."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from aiohttp import web

from dex.errors import RpcRateLimited, RpcUnavailable
from dex.solana.health import (
    FAILURES_TO_OPEN,
    FIRST_PAUSE_S,
    MAX_PAUSE_S,
    MAX_RETRY_AFTER_S,
    Circuit,
    Health,
)
from dex.solana.rpc import MAX_BEHIND_SLOTS

from .rpc_client import client
from .scripted_node import NodeError, scripted_node


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def failing(clock: Clock, times: int = FAILURES_TO_OPEN) -> Health:
    health = Health(clock)
    for _ in range(times):
        health.failed("down")
    return health


def test_the_circuit_opens_after_some_failures_in_a_row():
    clock = Clock()
    health = failing(clock, FAILURES_TO_OPEN - 1)
    assert (health.circuit, health.admits()) == (Circuit.CLOSED, True)

    health.failed("down")
    assert (health.circuit, health.admits()) == (Circuit.OPEN, False)

    failed_once = failing(clock, FAILURES_TO_OPEN - 1)
    failed_once.answered(1.0)
    failed_once.failed("down")
    assert failed_once.circuit is Circuit.CLOSED


def test_one_probe_is_let_through_after_each_pause_and_the_pauses_grow():
    clock = Clock()
    health = failing(clock)
    pauses = []
    for _ in range(6):
        before = clock.now_s
        while not health.admits():
            clock.now_s += 0.25
        pauses.append(clock.now_s - before)
        assert (health.circuit, health.admits()) == (Circuit.HALF_OPEN, False)
        health.failed("down")

    assert pauses == [FIRST_PAUSE_S, 1.0, 2.0, 4.0, MAX_PAUSE_S, MAX_PAUSE_S]


def test_a_probe_that_is_answered_closes_the_circuit_and_forgets_the_pauses():
    clock = Clock()
    health = failing(clock)
    clock.now_s += FIRST_PAUSE_S
    assert health.admits()
    health.answered(1.0)
    assert (health.circuit, health.admits(), health.error) == (Circuit.CLOSED, True, "")

    for _ in range(FAILURES_TO_OPEN):
        health.failed("down")
    clock.now_s += FIRST_PAUSE_S
    assert health.admits()


def test_a_probe_without_a_verdict_does_not_keep_the_circuit_open_for_good():
    clock = Clock()
    health = failing(clock)
    for _ in range(3):
        clock.now_s += FIRST_PAUSE_S
        assert health.admits()


def test_failures_of_calls_made_before_it_opened_do_not_lengthen_the_pause():
    clock = Clock()
    health = failing(clock, FAILURES_TO_OPEN + 50)
    clock.now_s += FIRST_PAUSE_S

    assert health.admits()


@pytest.mark.parametrize(("asked_s", "kept_s"), [(3, 3), (86_400, MAX_RETRY_AFTER_S)])
def test_a_pause_that_the_endpoint_asks_for_is_kept_within_reason(
    asked_s: float, kept_s: float
):
    clock = Clock()
    health = Health(clock)
    health.limited("HTTP status 429", asked_s)
    clock.now_s += kept_s - 0.01
    assert not health.admits()

    clock.now_s += 0.01
    assert health.admits()


def test_the_score_falls_with_failures_and_latency_and_recovers_by_itself():
    clock = Clock()
    health = Health(clock)
    assert health.score == 1
    for _ in range(20):
        health.answered(500.0)
    assert health.score == pytest.approx(0.5)

    health.failed("down")
    assert health.score == pytest.approx(0.4)
    clock.now_s += 60
    assert health.score == pytest.approx(0.5, abs=0.001)


async def test_an_endpoint_that_is_given_a_rest_shows_nothing_and_is_not_asked():
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=503)

    async with scripted_node(getSlot=5) as node, client(node.url) as rpc:
        node.replace = refuse
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(RpcUnavailable, match="HTTP status 503"):
                await rpc.call("getSlot")
        node.replace = None
        with pytest.raises(RpcUnavailable, match="given a rest"):
            await rpc.call("getSlot")

    assert node.calls == []


async def test_who_shows_its_chain_and_nothing_else_is_given_a_rest():
    async with scripted_node() as node, client(node.url) as rpc:
        answer = node.handle

        async def garble(request: web.Request) -> web.StreamResponse:
            if (await request.json())["method"] != "getGenesisHash":
                return web.Response(text="<html>")
            node.replace = None
            try:
                return await answer(request)
            finally:
                node.replace = garble

        node.replace = garble
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(RpcUnavailable, match="not JSON"):
                await rpc.call("getSlot")
        with pytest.raises(RpcUnavailable, match="given a rest"):
            await rpc.call("getSlot")


async def test_retry_after_is_honoured_at_once():
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "2"})

    async with (
        scripted_node(getSlot=1) as busy,
        scripted_node(getSlot=2) as other,
        client(busy.url, other.url) as rpc,
    ):
        busy.replace = refuse
        with pytest.raises(RpcRateLimited) as caught:
            await rpc.endpoints[0]._transport.post([{}])
        assert caught.value.retry_after_s == 2
        assert await rpc.call("getSlot") == 2
        busy.replace = None
        assert await rpc.call("getSlot") == 2

        assert rpc.endpoints[0].health.circuit is Circuit.OPEN
        assert busy.calls == []


@pytest.mark.parametrize("after", ["", "-1", "soon", "1e9", "9" * 5_000])
async def test_a_retry_after_that_makes_no_sense_is_none(after: str):
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": after})

    async with scripted_node() as node, client(node.url) as rpc:
        node.replace = refuse
        with pytest.raises(RpcUnavailable):
            await rpc.call("getSlot")

        assert rpc.endpoints[0].health.circuit is Circuit.CLOSED


@pytest.mark.parametrize("code", [-32005, 429, -32429])
async def test_a_node_that_says_it_is_not_well_is_a_failure(code: int):
    def refuse(*_: Any) -> None:
        raise NodeError(code)

    async with scripted_node(getSlot=refuse) as node, client(node.url) as rpc:
        for _ in range(2):
            with pytest.raises(RpcUnavailable):
                await rpc.call("getSlot")

        assert rpc.endpoints[0].health.score < 0.8


async def test_who_keeps_up_is_asked_before_who_lags():
    async with contextlib.AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(scripted_node(getSlot=n)) for n in (1, 2)
        ]
        rpc = await stack.enter_async_context(client(*(node.url for node in nodes)))
        first, second = rpc.endpoints
        rpc.reached(first, 100)
        rpc.reached(second, 100 + MAX_BEHIND_SLOTS)
        assert (rpc.behind(first), await rpc.call("getSlot")) == (MAX_BEHIND_SLOTS, 1)

        rpc.reached(second, 101 + MAX_BEHIND_SLOTS)
        assert await rpc.call("getSlot") == 2


async def test_every_endpoint_is_asked_how_far_it_is():
    async with (
        scripted_node(getSlot=70) as behind,
        scripted_node(getSlot=100) as ahead,
        scripted_node(getSlot="x") as odd,
        client(behind.url, ahead.url, odd.url) as rpc,
    ):
        await rpc.read_slots()

        assert [rpc.behind(endpoint) for endpoint in rpc.endpoints] == [30, 0, 0]
        assert await rpc.call("getSlot") == 100


async def test_who_answers_quickly_is_asked_before_who_is_slow():
    async with (
        scripted_node(getSlot=1) as slow,
        scripted_node(getSlot=2) as quick,
        client(slow.url, quick.url) as rpc,
    ):
        rpc.endpoints[0].health.answered(200.0)
        rpc.endpoints[1].health.answered(20.0)

        assert await rpc.call("getSlot") == 2
