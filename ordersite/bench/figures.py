"""Percentiles of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

PERCENTS = (50, 95, 99)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that `percent` % of all values do not exceed."""
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """Return p50, p95, p99 and the largest, to a tenth; nothing of nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    found = {f"p{percent}": percentile(ordered, percent) for percent in PERCENTS}
    return {
        name: round(value, 1) for name, value in (found | {"max": ordered[-1]}).items()
    }
