from __future__ import annotations

import asyncio

import pytest

from dex.errors import ChainRefused, WalletError
from dex.models import Chain
from dex.solana.wallet import create_wallet
from execution.assembly import open_runner, serve
from orders.models import Status


@pytest.fixture
def configured(stage, tmp_path, settings):
    """The settings of a process that works on this stage."""
    settings.SOLANA_RPC_URLS = stage.localnet.urls
    settings.WALLET_KEYPAIR = tmp_path / "wallet.json"
    return settings


async def test_a_runner_made_from_the_settings_carries_an_order(stage, configured):
    order_id = await stage.place()

    async with open_runner("test") as runner:
        await runner.take(order_id)
        await runner.finished()

    assert (await stage.order(order_id)).status == Status.CONFIRMED


async def test_another_wallet_than_the_database_knows_is_refused(
    stage, configured, tmp_path
):
    configured.WALLET_KEYPAIR = tmp_path / "other.json"
    create_wallet(configured.WALLET_KEYPAIR)

    with pytest.raises(WalletError, match=str(stage.wallet.address)):
        async with open_runner("test"):
            pass


async def test_a_real_chain_behind_one_endpoint_is_refused(stage, configured):
    await stage.database.run(lambda: Chain.objects.update(is_localnet=False))
    configured.SOLANA_RPC_URLS = configured.SOLANA_RPC_URLS[:1]

    with pytest.raises(ChainRefused, match="ALLOW_SINGLE_RPC"):
        async with open_runner("test"):
            pass


async def test_a_stop_is_heard_while_the_chain_was_never_reachable(stage, configured):
    await stage.database.run(lambda: Chain.objects.all().delete())
    configured.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    stopping = asyncio.Event()
    serving = asyncio.create_task(serve("test", lambda _: asyncio.sleep(0), stopping))

    stopping.set()

    async with asyncio.timeout(10):
        await serving


async def test_of_two_wallets_that_meet_the_chain_at_once_one_is_refused(
    stage, configured, tmp_path
):
    await stage.database.run(lambda: Chain.objects.all().delete())
    opened = []

    async def open_with(name):
        configured.WALLET_KEYPAIR = tmp_path / name
        create_wallet(configured.WALLET_KEYPAIR)
        async with open_runner("test"):
            opened.append(name)

    results = await asyncio.gather(
        open_with("one.json"), open_with("two.json"), return_exceptions=True
    )

    assert len(opened) == 1
    assert [type(result) for result in results if result] == [WalletError]
