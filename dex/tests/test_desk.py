from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from django.db import connection
from pytest_django import Settings

from dex.allow_list import allow_genesis
from dex.chain import meet_chain
from dex.desk import Desk
from dex.errors import NoRoute, WrongChain
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.models import Token

from .background import in_background, servers
from .scripted_node import ScriptedNode, scripted_node

pytestmark = pytest.mark.django_db

# The least score of an endpoint that failed once and was never slow: it counts a fifth, and
# less with every second that passes. A second failure would make it 0.64.
ONE_FAILURE = 0.8


def control(localnet: RunningLocalnet, method: str, *params: Any) -> Any:
    async def call() -> Any:
        return localnet.control(method, *params)

    return servers.run(call(), 20)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def localnet(settings: Settings) -> Iterator[RunningLocalnet]:
    # Its slot stands still.
    with in_background(lambda: running_localnet(slot_time_s=3600)) as running:
        settings.SOLANA_RPC_URLS = running.urls
        yield running


def allow(localnet: RunningLocalnet) -> dict[str, Token]:
    allow_genesis(control(localnet, "localnet_genesis"))
    return {token.symbol: token for token in Token.objects.all()}


def test_both_venues_are_asked_and_the_better_one_is_best(
    desk: Desk, localnet: RunningLocalnet
):
    tokens = allow(localnet)

    route = desk.ask(tokens["SOL"], tokens["USDC"], 10**9, 5.0)

    first, second = route.answers
    assert {first.venue, second.venue} == {"raydium", "meteora"}
    assert first.quote == route.best
    assert second.quote is not None
    assert route.best.amount_out > second.quote.amount_out
    assert second.code == "lower_output"


def test_a_paused_venue_is_refused_and_the_other_one_taken(
    desk: Desk, localnet: RunningLocalnet
):
    tokens = allow(localnet)
    control(localnet, "localnet_set", {"pausedVenues": ["raydium"]})

    route = desk.ask(tokens["SOL"], tokens["USDC"], 10**9, 5.0)

    assert route.best.venue == "meteora"
    assert [answer.code for answer in route.answers] == ["", "pool_disabled"]


def test_with_every_venue_paused_there_is_no_route(
    desk: Desk, localnet: RunningLocalnet
):
    tokens = allow(localnet)
    control(localnet, "localnet_set", {"pausedVenues": ["raydium", "meteora"]})

    with pytest.raises(NoRoute) as caught:
        desk.ask(tokens["SOL"], tokens["USDC"], 10**9, 5.0)

    assert [answer.code for answer in caught.value.answers] == ["pool_disabled"] * 2


def test_the_desk_belongs_to_the_databases_chain(desk: Desk, localnet: RunningLocalnet):
    tokens = allow(localnet)
    desk.ask(tokens["SOL"], tokens["USDC"], 10**9, 5.0)
    meet_chain(genesis_hash="Other", is_localnet=True, wallet="W", newest_signature="")

    with pytest.raises(WrongChain):
        desk.ask(tokens["SOL"], tokens["USDC"], 10**9, 5.0)


def test_health_names_each_endpoint(
    desk: Desk, localnet: RunningLocalnet, settings: Settings
):
    settings.SOLANA_RPC_URLS = [localnet.urls[0], "http://127.0.0.1:9/secret-key"]

    health = desk.health()

    well = health[localnet.urls[0].removeprefix("http://")]
    assert well["ok"]
    assert well["error"] == ""
    assert well["slot"] == control(localnet, "getSlot", {"commitment": "confirmed"})
    assert well["latencyMs"] is not None
    assert well["latencyMs"] > 0
    unwell = health["127.0.0.1:9"]
    score = unwell["score"]
    assert ONE_FAILURE <= score < 1
    assert unwell == {
        "ok": False,
        "latencyMs": None,
        "slot": None,
        "behind": None,
        "circuit": "closed",
        "score": score,
        "error": "rpc_unavailable: 127.0.0.1:9: no connection (Connection refused)",
        "isWrongChain": False,
    }


@pytest.mark.parametrize(
    ("answer", "error"),
    [(None, "getSlot without a usable answer"), ("hang", "no answer within")],
)
def test_an_endpoint_that_answers_oddly_is_unwell(
    desk: Desk, settings: Settings, answer: Any, error: str
):
    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    def open_node() -> Any:
        return scripted_node(getSlot=hang if answer == "hang" else answer)

    with in_background(open_node) as node:
        settings.SOLANA_RPC_URLS = [node.url]
        health = desk.health(0.1)

    assert not health[node.name]["ok"]
    assert error in health[node.name]["error"]


def test_an_endpoint_that_lags_is_unwell(desk: Desk, settings: Settings):
    @contextlib.asynccontextmanager
    async def open_nodes() -> Any:
        async with (
            scripted_node(getSlot=1_000) as ahead,
            scripted_node(getSlot=987) as behind,
        ):
            yield ahead, behind

    with in_background(open_nodes) as (ahead, behind):
        settings.SOLANA_RPC_URLS = [ahead.url, behind.url]
        health = desk.health()

    assert (health[ahead.name]["ok"], health[ahead.name]["behind"]) == (True, 0)
    assert (health[behind.name]["ok"], health[behind.name]["behind"]) == (False, 13)
    assert health[behind.name]["error"] == "lags 13 slots behind"


def test_an_endpoint_that_jumped_ahead_alone_is_unwell(desk: Desk, settings: Settings):
    @contextlib.asynccontextmanager
    async def open_nodes() -> Any:
        async with (
            scripted_node(getSlot=1_000) as honest,
            scripted_node(getSlot=1_000) as liar,
        ):
            yield honest, liar

    with in_background(open_nodes) as (honest, liar):
        settings.SOLANA_RPC_URLS = [honest.url, liar.url]
        assert all(endpoint["ok"] for endpoint in desk.health().values())
        liar.answers["getSlot"] = 50_000
        health = desk.health()

    assert (health[honest.name]["ok"], health[honest.name]["behind"]) == (True, 0)
    assert not health[liar.name]["ok"]
    assert "cannot have reached" in health[liar.name]["error"]


def test_an_endpoint_that_fails_again_and_again_is_given_a_rest(
    desk: Desk, settings: Settings
):
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:9"]

    (health,) = [desk.health()["127.0.0.1:9"] for _ in range(6)][5:]

    assert (health["circuit"], health["ok"]) == ("open", False)
    assert (
        "given a rest after: 127.0.0.1:9: no connection (Connection refused)"
        in health["error"]
    )


def test_an_endpoint_that_wants_a_pause_is_not_called_slow(
    desk: Desk, settings: Settings
):
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "3"})

    with in_background(scripted_node) as node:
        settings.SOLANA_RPC_URLS = [node.url]
        node.replace = refuse
        assert desk.health()[node.name]["error"].endswith("HTTP status 429")
        (health,) = desk.health(0.1).values()

    assert health["circuit"] == "open"
    assert ONE_FAILURE <= health["score"] < 1
    error = f"given a rest after: {node.name}: HTTP status 429"
    assert health["error"] == error


def test_an_endpoint_of_another_chain_is_unwell(desk: Desk, settings: Settings):
    meet_chain(genesis_hash="Other", is_localnet=True, wallet="W", newest_signature="")

    def open_node() -> Any:
        return scripted_node(getSlot=1)

    with in_background(open_node) as node:
        settings.SOLANA_RPC_URLS = [node.url]
        health = desk.health()

    assert not health[node.name]["ok"]
    assert health[node.name]["error"].startswith("wrong_chain: ")
    assert health[node.name]["isWrongChain"]


def test_a_forked_process_opens_connections_of_its_own(desk: Desk, settings: Settings):
    def open_node() -> Any:
        return scripted_node(getSlot=5)

    with in_background(open_node) as node:
        settings.SOLANA_RPC_URLS = [node.url]
        assert desk.health()[node.name]["ok"]
        assert _slot_seen_by_a_child(desk, node) == 5


def _slot_seen_by_a_child(desk: Desk, node: ScriptedNode) -> int:
    child = os.fork()
    if child == 0:
        slot = 0
        connection.connection = None  # the parent's; this process opens its own
        with contextlib.suppress(Exception):
            slot = desk.health()[node.name]["slot"] or 0
        os._exit(slot)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
