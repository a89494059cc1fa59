"""How this chain misbehaves, repeatable by its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Faults:
    """The switches; all off at first."""

    landing_delay_s: float = 0.0
    drop_rate: float = 0.0
    drop_next: int = 0
    paused_venues: set[str] = field(default_factory=set)
    rng: random.Random = field(default_factory=random.Random)

    def drops(self) -> bool:
        """Say whether the transaction that was just sent is lost."""
        if self.drop_next > 0:
            self.drop_next -= 1
            return True
        return self.rng.random() < self.drop_rate
