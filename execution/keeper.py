"""The keeper's rounds over one runner."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from orders import claims
from orders.claims import Claim

from .runner import Runner
from .storage import CONNECTION_ERRORS

logger = logging.getLogger(__name__)

ROUND_S = 1.0


async def keep(runner: Runner, *, round_s: float = ROUND_S) -> None:
    """Make rounds for ever; raise what must stop the process."""
    while True:
        try:
            await keeper_round(runner)
        except CONNECTION_ERRORS as error:
            logger.warning("this round was lost: %s", error)
        await asyncio.wait({runner.fatal}, timeout=round_s)
        if runner.fatal.done():
            runner.fatal.result()


async def keeper_round(runner: Runner) -> None:
    """Claim what is overdue; a suspect only alone; orders in review only to watch.

    A suspect order was claimed twice without an event: it may be what killed its
    holders. So it is taken when nothing was begun for a while, and nothing is taken
    beside it until it has lived for a while. Orders that only wait for the chain, on
    either side, hold up nobody.
    """
    if runner.carries_suspect:
        return
    for claim in (claims.claim_overdue, claims.claim_for_watching):
        await runner.adopt(partial(claim, limit=runner.free_places, owner=runner.owner))
    await runner.run(claims.mark_for_review)
    if runner.is_calm:
        await runner.adopt(partial(_claim_suspect, runner.owner))


def _claim_suspect(owner: str) -> list[Claim]:
    suspect = claims.claim_suspect(owner=owner)
    return [suspect] if suspect else []
