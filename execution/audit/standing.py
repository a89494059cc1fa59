"""The keeper's audit: the cheap rules every 10 s, the wallet's history every minute."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from dex.errors import RpcError, WrongChain
from execution.runner import Runner
from execution.storage import CONNECTION_ERRORS
from execution.wallet_history import match_wallet_history

from .findings import TABLES, WALLET, audit_tables, note
from .rules import JUST_ENDED, RECENT

logger = logging.getLogger(__name__)

TABLES_EVERY_S = 10.0
# So many rounds look only at what is open or ended a moment ago, then one looks further
# back, at what a process did to an order that had ended long before. The first does, too.
ROUNDS_TO_WIDE = 18
WALLET_EVERY_S = 60.0


@contextlib.asynccontextmanager
async def auditing(
    runner: Runner,
    *,
    tables_every_s: float = TABLES_EVERY_S,
    wallet_every_s: float = WALLET_EVERY_S,
) -> AsyncIterator[None]:
    """Audit beside the keeper's rounds, which wait for none of it."""

    async def audit_wallet() -> None:
        engine = runner.engine
        # At the start the same is done before anything is signed.
        await engine.may_sign.wait()
        found = await match_wallet_history(
            engine.cluster.rpc, engine.database, engine.wallet.address
        )
        await runner.run(note, WALLET, found)

    rounds = itertools.count()

    async def audit_the_tables() -> None:
        is_wide = next(rounds) % ROUNDS_TO_WIDE == 0
        await runner.run(audit_tables, RECENT if is_wide else JUST_ENDED)

    parts = [
        asyncio.create_task(_repeat(TABLES, audit_the_tables, tables_every_s, runner)),
        asyncio.create_task(_repeat(WALLET, audit_wallet, wallet_every_s, runner)),
    ]
    try:
        yield
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


async def _repeat(
    part: str, audit: Callable[[], Awaitable[None]], interval_s: float, runner: Runner
) -> None:
    while True:
        try:
            await audit()
        except WrongChain as error:
            if not runner.fatal.done():
                runner.fatal.set_exception(error)
            return
        except (RpcError, *CONNECTION_ERRORS) as error:
            logger.warning("the audit of the %s was put off: %s", part, error)
        except Exception:
            # An odd answer must not end the audit in silence.
            logger.exception("the audit of the %s failed", part)
        await asyncio.sleep(interval_s)
