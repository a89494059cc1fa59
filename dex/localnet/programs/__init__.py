"""The programs that localnet runs, by address."""

from __future__ import annotations

from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.venues import meteora as meteora_venue
from dex.venues import raydium as raydium_venue

from . import associated_token, compute_budget, memo, meteora, raydium, system, token
from .invocation import Program

PROGRAMS: Mapping[Pubkey, Program] = {
    SYSTEM_PROGRAM: system.process,
    COMPUTE_BUDGET_PROGRAM: compute_budget.process,
    TOKEN_PROGRAM: token.process,
    TOKEN_2022_PROGRAM: token.process,
    ASSOCIATED_TOKEN_PROGRAM: associated_token.process,
    MEMO_PROGRAM: memo.process,
    raydium_venue.PROGRAM_ID: raydium.process,
    meteora_venue.PROGRAM_ID: meteora.process,
}
