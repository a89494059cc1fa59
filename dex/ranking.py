"""Which quote wins, and why each other one did not.

A quote is worth what the wallet keeps of it: its output after the network's costs at the
snapshot's own price of SOL. Where the snapshot has no such price, the output decides, and
between equal outputs the lower cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .amounts import to_whole
from .errors import PriceImpactTooHigh
from .types import VenueAnswer

ONE_IN_BPS = 10_000


@dataclass(frozen=True, slots=True)
class ImpactLimit:
    """The largest price impact that is allowed, and whose limit it is."""

    bps: int
    whose: str

    def objection(self, impact_bps: int) -> str:
        """Say why a price impact is too high, with both figures; "" when it is not."""
        if impact_bps <= self.bps:
            return ""
        return (
            f"The price impact is {to_whole(impact_bps, 2)} %, above {self.whose} of "
            f"{to_whole(self.bps, 2)} %. Use a smaller amount."
        )


def limit_impact(answer: VenueAnswer, limit: ImpactLimit) -> VenueAnswer:
    """Refuse a quote above the limit, be it as expected or of the pool as it was read."""
    impacts_bps = [
        quote.price_impact_bps
        for quote in (answer.quote, answer.raw_quote)
        if quote is not None
    ]
    reason = limit.objection(max(impacts_bps))
    if not reason:
        return answer
    return replace(answer, code=PriceImpactTooHigh.code, reason=reason)


def ranked(quoted: Iterable[VenueAnswer]) -> list[VenueAnswer]:
    """Order answers with quotes, best first; each but the first says why it lost."""
    best, *others = sorted(quoted, key=_rank)
    return [best, *(_lost(answer, best) for answer in others)]


def _rank(answer: VenueAnswer) -> tuple[int, int, int, str, str]:
    quote, costs, net = answer.quote, answer.costs, answer.net_amount_out
    assert quote is not None, "only quotes are ranked"
    worth = quote.amount_out if net is None else net
    cost = costs.lamports if costs else 0
    return -worth, cost, quote.price_impact_bps, quote.venue, str(quote.pool)


def _lost(answer: VenueAnswer, best: VenueAnswer) -> VenueAnswer:
    assert answer.quote is not None, "only quotes are ranked"
    assert best.quote is not None, "only quotes are ranked"
    more, less = best.quote.amount_out, answer.quote.amount_out
    suffix = ""
    best_net, net = best.net_amount_out, answer.net_amount_out
    if less >= more and best_net is not None and net is not None and best_net > net:
        more, less, suffix = best_net, net, " after network costs"
    if less < more:
        reason = f"Pays {_share(more, less)}less than {best.venue}{suffix}."
        return replace(answer, code="lower_output", reason=reason)
    reason = f"Pays the same as {best.venue}, which came first."
    return replace(answer, code="equal_output", reason=reason)


def _share(more: int, less: int) -> str:
    """Write by how much, in hundredths of a percent: base units mean little to people."""
    if more <= 0:
        return ""  # the costs are above all that arrives
    bps = (more - less) * ONE_IN_BPS // more
    return f"{bps // 100}.{bps % 100:02d} % " if bps else "under 0.01 % "
