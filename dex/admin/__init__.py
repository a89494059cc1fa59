"""The allow-list, the chain, and the halts of trading in the admin."""

from __future__ import annotations

from .allow_list import PoolAdmin, TokenAdmin
from .chain import ChainAdmin, TradingHaltAdmin
from .changes import GuardChangeAdmin

__all__ = [
    "ChainAdmin",
    "GuardChangeAdmin",
    "PoolAdmin",
    "TokenAdmin",
    "TradingHaltAdmin",
]
