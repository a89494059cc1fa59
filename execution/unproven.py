"""Which of the orders that a process carries may kill it."""

from __future__ import annotations

import asyncio

from orders.claims import Claim

# How long nothing is taken beside a suspect: what has not killed its holder within a
# lease may be waiting for the chain, and the others must not wait with it.
ALONE_S = 10.0


class Unproven:
    """The claims that were begun and have not made a step yet."""

    def __init__(self, alone_s: float = ALONE_S) -> None:
        self._alone_s = alone_s
        self._begun: dict[Claim, float] = {}  # when, on the loop's clock
        self._stepped = asyncio.Event()

    def begin(self, claim: Claim) -> None:
        """Reckon with a claim until it is proved."""
        self._begun[claim] = asyncio.get_running_loop().time()

    def proved(self, claim: Claim) -> None:
        """Take a claim out: it has made a step, or ended."""
        self._begun.pop(claim, None)
        self._stepped.set()

    @property
    def is_calm(self) -> bool:
        """Whether all that is carried has made a step, or only waits by now."""
        return not self._may_kill()

    @property
    def has_suspect(self) -> bool:
        """Whether an order that may have killed its holders has not made a step yet."""
        return any(claim.is_suspect for claim in self._may_kill())

    async def calmed(self) -> None:
        """Wait until everything that was begun has made a step or ended."""
        while self._begun:
            self._stepped.clear()
            await self._stepped.wait()

    def _may_kill(self) -> list[Claim]:
        begun_after = asyncio.get_running_loop().time() - self._alone_s
        return [claim for claim, begun in self._begun.items() if begun > begun_after]
