"""The keeper's rounds over one runner."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from orders import claims
from orders.claims import Claimed

from .runner import Runner
from .storage import CONNECTION_ERRORS

logger = logging.getLogger(__name__)

ROUND_S = 1.0


async def keep(runner: Runner, *, round_s: float = ROUND_S) -> None:
    """Make rounds for ever; raise what must stop the process.

    The round after a suspect follows as soon as that has made a step.
    """
    while True:
        took_suspect = False
        try:
            took_suspect = await keeper_round(runner)
        except CONNECTION_ERRORS as error:
            logger.warning("this round was lost: %s", error)
        pause: set[asyncio.Future[None]] = {runner.fatal}
        if took_suspect:
            pause.add(asyncio.create_task(runner.unproven.calmed()))
        await asyncio.wait(pause, timeout=round_s, return_when=asyncio.FIRST_COMPLETED)
        for calmed in pause - {runner.fatal}:
            calmed.cancel()
        if runner.fatal.done():
            runner.fatal.result()


async def keeper_round(runner: Runner) -> bool:
    """Claim what is overdue; a suspect only alone; orders in review only to watch.

    A suspect order was claimed twice without progress: it may be what killed its
    holders. So it is taken when all that was begun has made a step or lived for a while,
    and nothing is taken beside it before the same holds for it. Orders that only wait
    for the chain, on either side, hold up nobody. Returns whether a suspect was taken.
    """
    if runner.unproven.has_suspect:
        return False
    taken = 0
    for claim in (claims.claim_overdue, claims.claim_for_watching):
        taken += await runner.adopt(
            partial(claim, limit=runner.free_places, owner=runner.owner)
        )
    await runner.run(claims.mark_for_review)
    if taken or not runner.unproven.is_calm:
        return False
    return await runner.adopt(partial(_claim_suspect, runner.owner)) > 0


def _claim_suspect(owner: str) -> list[Claimed]:
    suspect = claims.claim_suspect(owner=owner)
    return [suspect] if suspect else []
