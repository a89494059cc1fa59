"""Put an engine together from the settings, and take it apart again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from django.conf import settings

from dex.chain import known_chain
from dex.collector import calm_collector
from dex.errors import RpcError, RpcUnavailable, WalletError, WrongChain
from dex.models import Chain
from dex.router import load_venues
from dex.solana.cluster import Cluster
from dex.solana.configured import configured_client
from dex.solana.meeting import check_allowed, meet
from dex.solana.subscriptions import socket_urls
from dex.solana.wallet import Wallet

from .engine import Engine, Intervals
from .runner import Runner, holder_name
from .storage import CONNECTION_ERRORS, Database
from .wallet_history import match_wallet_history

logger = logging.getLogger(__name__)

RETRY_S = 1.0


@contextlib.asynccontextmanager
async def open_runner(role: str) -> AsyncIterator[Runner]:
    """Open the engine and a runner on the current loop; stop both at the end.

    Raises WrongChain when the endpoints serve another chain than the database's,
    ChainRefused when the settings do not allow this one, WalletError for another or
    an unusable wallet.
    """
    async with contextlib.AsyncExitStack() as stack:
        database = Database()
        stack.push_async_callback(database.close)
        wallet = Wallet.load(settings.WALLET_KEYPAIR)
        chain = await _meet_chain(database, wallet)
        venues = load_venues()
        cluster = Cluster(
            configured_client(chain.genesis_hash),
            venues,
            slot_time_s=settings.SLOT_TIME_S,
            allow_single_rpc=settings.ALLOW_SINGLE_RPC,
            socket_urls=socket_urls(settings.SOLANA_RPC_URLS, settings.SOLANA_WS_URLS),
        )
        engine = Engine(
            cluster=await stack.enter_async_context(cluster),
            wallet=wallet,
            venues=venues,
            database=database,
            unit_price=settings.COMPUTE_UNIT_PRICE,
            intervals=Intervals(quote_timeout_s=settings.QUOTE_TIMEOUT_S),
        )
        stack.push_async_callback(engine.batches.finished)
        runner = Runner(
            engine, capacity=settings.ORDERS_IN_FLIGHT, owner=holder_name(role)
        )
        matching = asyncio.create_task(allow_signing(engine, runner))
        # Called in reverse: what is drained may have to wait for the matching.
        stack.callback(matching.cancel)
        stack.push_async_callback(runner.stop)
        yield runner


async def serve(
    role: str, carry: Callable[[Runner], Awaitable[None]], stopping: asyncio.Event
) -> None:
    """Open a runner and do `carry` with it until `stopping` is set, then stop cleanly.

    The stop is heard at any time, also while the chain was never reachable yet.
    """

    async def carry_with_runner() -> None:
        async with open_runner(role) as runner:
            calm_collector()
            await carry(runner)

    carrying = asyncio.create_task(carry_with_runner())
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({carrying, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (carrying, stopped):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await carrying


async def _meet_chain(database: Database, wallet: Wallet) -> Chain:
    """Read the chain this database belongs to, or meet it as soon as a node answers."""
    rpc = configured_client(None)
    try:
        while True:
            try:
                chain = await database.run(known_chain)
                if chain is None:
                    chain = await meet(rpc, str(wallet.address))
                check_allowed(
                    is_localnet=chain.is_localnet, endpoints=len(rpc.endpoints)
                )
                _check_wallet(chain, wallet)
                return chain
            except (RpcUnavailable, *CONNECTION_ERRORS) as error:
                logger.warning("waiting for the chain and the database: %s", error)
                await asyncio.sleep(RETRY_S)
    finally:
        await rpc.close()


def _check_wallet(chain: Chain, wallet: Wallet) -> None:
    if chain.wallet != str(wallet.address):
        raise WalletError(
            f"This database trades with the wallet {chain.wallet}, but WALLET_KEYPAIR "
            f"holds {wallet.address}. Set it to that wallet, or use another DATABASE_URL."
        )


async def allow_signing(
    engine: Engine, runner: Runner, *, retry_s: float = RETRY_S
) -> None:
    """Match the wallet's history, as soon as the chain can be read; then allow signing."""
    while not engine.may_sign.is_set():
        try:
            await match_wallet_history(
                engine.cluster.rpc, engine.database, engine.wallet.address
            )
        except (RpcError, *CONNECTION_ERRORS) as error:
            logger.warning("waiting to match the wallet's history: %s", error)
            await asyncio.sleep(retry_s)
        except WrongChain as error:
            if not runner.fatal.done():
                runner.fatal.set_exception(error)
            return
        except Exception:
            # An odd answer must not end this in silence: nothing would ever be signed.
            logger.exception("the wallet's history could not be matched; trying again")
            await asyncio.sleep(retry_s)
        else:
            engine.may_sign.set()
