"""What a node's socket says only hurries the poll: it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dex.solana.cluster import Cluster
from dex.types import Expired, Landed, LandedWithError

from .chain_node import (
    SLIPPAGE,
    ChainNode,
    settling,
    stage,
    status,
    transaction,
    until,
)
from .scripted_socket import ScriptedSocket, scripted_socket

# A poll that nobody hurries would be far too late for any test.
HOUR_S = 3600.0


@contextlib.asynccontextmanager
async def listening(
    status_interval_s: float = HOUR_S,
) -> AsyncIterator[tuple[Cluster, ChainNode, ScriptedSocket]]:
    async with (
        scripted_socket() as socket,
        stage(1, sockets=[socket.url], status_interval_s=status_interval_s) as (
            cluster,
            (node,),
        ),
    ):
        yield cluster, node, socket


@pytest.mark.parametrize(
    ("error", "kind"), [(None, Landed), (SLIPPAGE, LandedWithError)]
)
async def test_a_notification_makes_the_poll_come_at_once(error: Any, kind: type):
    tx = transaction()
    async with (
        listening() as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        await socket.subscribed(tx.signature)
        node.statuses[tx.signature] = status("finalized", error)
        await socket.notify(tx.signature)

        # What the socket says of an error does not matter: the status does.
        assert isinstance(await outcome, kind)

    options = {"commitment": "confirmed"}
    assert socket.calls == [("signatureSubscribe", [tx.signature, options])]


async def test_a_socket_that_lies_settles_nothing():
    tx = transaction()
    async with (
        listening() as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        await socket.subscribed(tx.signature)
        polls = node.node.asked("getSignatureStatuses")
        await socket.notify(tx.signature)
        await until(lambda: node.node.asked("getSignatureStatuses") > polls)
        assert not outcome.done()


async def test_one_connection_serves_all_transactions():
    transactions = [transaction(f"order:{n}") for n in range(5)]
    async with contextlib.AsyncExitStack() as stack:
        cluster, node, socket = await stack.enter_async_context(listening())
        outcomes = [
            await stack.enter_async_context(settling(cluster, tx))
            for tx in transactions
        ]
        for tx in transactions:
            await socket.subscribed(tx.signature)
            node.statuses[tx.signature] = status()
        await socket.notify(transactions[0].signature)

        # One poll asks for all, so one hint is enough.
        assert [await outcome for outcome in outcomes] == [Landed(5_001)] * 5
        assert socket.connections == 1


async def test_who_is_not_told_polls_as_if_there_were_no_socket():
    tx = transaction()
    async with (
        listening(status_interval_s=0.001) as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        await socket.subscribed(tx.signature)
        node.statuses[tx.signature] = status()

        assert await outcome == Landed(5_001)
        (poller,) = cluster._sockets.values()
        assert not poller.is_prompt  # it kept one landing to itself


async def test_a_socket_that_refuses_is_not_relied_upon():
    tx = transaction()
    async with (
        listening(status_interval_s=0.001) as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        socket.answer = lambda call: {
            "id": call["id"],
            "error": {"code": -32601, "message": "Method not found"},
        }
        (client,) = cluster._sockets.values()
        await until(lambda: len(socket.calls) > 0 and not client.is_prompt)
        node.statuses[tx.signature] = status()

        assert await outcome == Landed(5_001)


async def test_a_socket_that_allows_few_subscriptions_is_asked_for_no_more():
    transactions = [transaction(f"order:{n}") for n in range(9)]
    refused = {"code": -32603, "message": "subscription limit reached"}
    async with contextlib.AsyncExitStack() as stack:
        cluster, node, socket = await stack.enter_async_context(listening())

        def answer(call: dict[str, Any]) -> Any:
            if call["id"] > 3:
                return {"id": call["id"], "error": refused}
            return socket._answer(call)

        socket.answer = answer
        for tx in transactions[:6]:
            await stack.enter_async_context(settling(cluster, tx))
        (client,) = cluster._sockets.values()
        await until(lambda: len(socket.calls) == 6 and not client._asked)
        for tx in transactions[6:]:
            await stack.enter_async_context(settling(cluster, tx))
        assert not client._asked
        assert not client.is_prompt

        # What it tells of hurries the poll, which asks for all.
        for tx in transactions:
            node.statuses[tx.signature] = status()
        await socket.notify(transactions[0].signature)
        await until(lambda: not cluster._tracker.undecided())


async def test_a_lost_connection_is_made_again_and_subscribes_again():
    tx = transaction()
    async with (
        listening() as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        await socket.subscribed(tx.signature)
        (client,) = cluster._sockets.values()
        client._pause_s = 0.001
        socket.subscriptions.clear()
        await socket.drop()
        await socket.subscribed(tx.signature)
        node.statuses[tx.signature] = status()
        await socket.notify(tx.signature)

        assert await outcome == Landed(5_001)
        assert socket.connections == 2


async def test_what_is_followed_no_longer_is_unsubscribed():
    tx = transaction()
    async with listening(status_interval_s=0.001) as (cluster, node, socket):
        async with settling(cluster, tx) as outcome:
            await socket.subscribed(tx.signature)
            subscription = socket.subscriptions[tx.signature]
            node.statuses[tx.signature] = status()
            await outcome
        await until(lambda: len(socket.calls) == 2)

    assert socket.calls[1] == ("signatureUnsubscribe", [subscription])


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "text",
        {"id": 1, "result": "x"},
        {"id": [1], "result": 5},
        {"method": "signatureNotification"},
        {"method": "signatureNotification", "params": {"subscription": 10**30}},
        {"method": "signatureNotification", "params": {"subscription": [1]}},
        {"method": "other", "params": {"subscription": 101}},
    ],
)
async def test_an_odd_message_changes_nothing(message: Any):
    tx = transaction()
    async with (
        listening() as (cluster, node, socket),
        settling(cluster, tx) as outcome,
    ):
        await socket.subscribed(tx.signature)
        await socket.say(message)
        node.statuses[tx.signature] = status()
        await socket.notify(tx.signature)

        assert await outcome == Landed(5_001)
        assert socket.connections == 1


async def test_a_transaction_that_dies_is_no_fault_of_the_socket():
    tx = transaction()
    async with (
        scripted_socket() as socket,
        stage(2, sockets=[socket.url]) as (cluster, chain),
    ):
        async with settling(cluster, tx) as outcome:
            await socket.subscribed(tx.signature)
            for node in chain:
                node.expire()
            assert isinstance(await outcome, Expired)
        (client,) = cluster._sockets.values()
        assert client.is_prompt
