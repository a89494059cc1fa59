from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from pytest_django import Settings

from dex.chain import known_chain, meet_chain
from dex.errors import ChainRefused, RpcUnavailable, WrongChain
from dex.models import Chain
from dex.solana.meeting import meet
from dex.solana.rpc import RpcClient

from .builders import key
from .scripted_node import GENESIS, NodeError, scripted_node

pytestmark = pytest.mark.django_db(transaction=True)

WALLET = str(key("wallet"))
LOCALNET = {"solana-core": "3.0.0", "localnet": True}
REAL = {"solana-core": "3.0.0", "feature-set": 1}


@contextlib.asynccontextmanager
async def nodes(
    *versions: Any, pages: list[Any] | None = None
) -> AsyncIterator[RpcClient]:
    """Serve one node for each version; `pages` are the wallet's signatures at each."""
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for version, page in zip(versions, pages or [[]] * len(versions), strict=True):
            answers = {"getVersion": version, "getSignaturesForAddress": page}
            node = await stack.enter_async_context(scripted_node(**answers))
            urls.append(node.url)
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        stack.push_async_callback(rpc.close)
        yield rpc


async def stored() -> Chain | None:
    def read() -> Chain | None:
        try:
            return known_chain()
        finally:
            connection.close()

    return await sync_to_async(read)()


async def test_localnet_is_met_and_stored():
    async with nodes(LOCALNET, LOCALNET) as rpc:
        met = await meet(rpc, WALLET)

    assert (met.genesis_hash, met.is_localnet) == (GENESIS, True)
    assert (met.wallet, met.baseline_signature) == (WALLET, "")
    assert await stored() == met


async def test_the_baseline_is_the_newest_signature_any_endpoint_knows():
    behind = [{"slot": 7, "signature": "older"}]
    ahead = [{"slot": 9, "signature": "newest"}]
    async with nodes(LOCALNET, LOCALNET, pages=[behind, ahead]) as rpc:
        met = await meet(rpc, WALLET)

    assert met.baseline_signature == "newest"


async def test_an_endpoint_that_cannot_list_signatures_stops_nobody():
    def refuse(*_: Any) -> None:
        raise NodeError(-32603)

    page = [{"slot": 9, "signature": "newest"}]
    async with nodes(LOCALNET, LOCALNET, pages=[refuse, page]) as rpc:
        assert (await meet(rpc, WALLET)).baseline_signature == "newest"


@pytest.mark.parametrize(
    "odd",
    [None, {}, ["x"], [{"slot": "9"}]]
    + [[{"slot": slot, "signature": "first"}] for slot in (-1, True, 2**63)],
)
async def test_without_any_list_of_signatures_nothing_is_stored(odd: Any):
    async with nodes(LOCALNET, pages=[odd]) as rpc:
        with pytest.raises(RpcUnavailable):
            await meet(rpc, WALLET)

    assert await stored() is None


async def test_another_chain_than_the_databases_is_refused():
    def meet_other() -> None:
        try:
            meet_chain(
                genesis_hash="Other",
                is_localnet=True,
                wallet=WALLET,
                newest_signature="",
            )
        finally:
            connection.close()

    await sync_to_async(meet_other)()
    async with nodes(LOCALNET) as rpc:
        with pytest.raises(WrongChain) as caught:
            await meet(rpc, WALLET)

    assert "Other" in str(caught.value)
    assert GENESIS in str(caught.value)


@pytest.mark.parametrize("version", ["localnet", None])
async def test_a_chain_of_which_no_node_tells_a_version_is_not_met(version: Any):
    async with nodes(version, version) as rpc:
        with pytest.raises(RpcUnavailable, match="getVersion"):
            await meet(rpc, WALLET)

    assert await stored() is None


@pytest.mark.parametrize("version", [REAL, {"localnet": "yes"}, {"localnet": 1}])
async def test_whatever_does_not_say_localnet_is_real_and_refused_behind_one_endpoint(
    version: Any,
):
    async with nodes(version) as rpc:
        with pytest.raises(ChainRefused, match="ALLOW_SINGLE_RPC=1") as caught:
            await meet(rpc, WALLET)

    assert caught.value.code == "chain_refused"
    assert await stored() is None


async def test_a_real_chain_is_met_where_the_settings_allow_it(
    settings: Settings,
):
    async with nodes(REAL, REAL) as rpc:
        met = await meet(rpc, WALLET)
    assert not met.is_localnet

    settings.ALLOW_SINGLE_RPC = True
    async with nodes(REAL) as rpc:
        assert await meet(rpc, WALLET) == met
