"""Which endpoint is asked next, and when none is."""

from __future__ import annotations

import pytest

from dex.errors import RpcRejected, RpcUnavailable

from .rpc_client import client, never
from .scripted_node import NodeError, scripted_node


def refuse() -> None:
    raise NodeError(-32602, "Invalid params", {"why": "x"})


async def test_a_request_that_every_endpoint_rejects_is_rejected():
    async with (
        scripted_node(getSlot=refuse) as first,
        scripted_node(getSlot=refuse) as second,
        client(first.url, "http://127.0.0.1:9/", second.url) as rpc,
    ):
        with pytest.raises(RpcRejected, match="Invalid params") as caught:
            await rpc.call("getSlot")

    assert (caught.value.rpc_code, caught.value.data) == (-32602, {"why": "x"})
    assert (first.asked("getSlot"), second.asked("getSlot")) == (1, 1)


async def test_a_provider_that_rejects_what_another_answers_is_passed_over():
    async with (
        scripted_node(getSlot=refuse) as first,
        scripted_node(getSlot=5) as second,
        client(first.url, second.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 5


@pytest.mark.parametrize("code", [-32005, -32016, -32603, -32004, -32011, -32019, 429])
async def test_a_node_that_is_behind_or_busy_is_passed_over(code: int):
    def refuse() -> None:
        raise NodeError(code, "not now")

    async with (
        scripted_node(getSlot=refuse) as first,
        scripted_node(getSlot=5) as second,
        client(first.url, second.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 5


async def test_an_endpoint_that_is_down_stops_nobody():
    async with (
        scripted_node(getSlot=5) as node,
        client("http://127.0.0.1:9/", node.url) as rpc,
    ):
        assert await rpc.call("getSlot") == 5
        assert rpc.endpoints[0].health.error.endswith(
            "no connection (Connection refused)"
        )


async def test_a_failed_endpoint_is_asked_after_the_others():
    async with (
        scripted_node(getSlot=1) as first,
        scripted_node(getSlot=2) as second,
        client(first.url, second.url) as rpc,
    ):
        rpc.endpoints[0].mark_slow()

        assert await rpc.call("getSlot") == 2
        assert first.calls == []


async def test_a_slow_endpoint_does_not_keep_the_next_from_answering():
    async with (
        scripted_node(getSlot=never) as first,
        scripted_node(getSlot=2) as second,
        client(first.url, second.url, timeout_s=60, patience_s=0.02) as rpc,
    ):
        # Its chain is known: no other answer of it comes after the one that is missing.
        await rpc.endpoints[0].call("getGenesisHash")

        assert await rpc.call("getSlot") == 2
        assert rpc.endpoints[0].health.error == "slow to answer"


async def test_unavailable_names_each_endpoint_and_its_reason():
    async with client("http://127.0.0.1:9/a", "http://127.0.0.1:19/b") as rpc:
        with pytest.raises(RpcUnavailable) as caught:
            await rpc.call("getSlot")

    assert "127.0.0.1:9: " in str(caught.value)
    assert "127.0.0.1:19: " in str(caught.value)
