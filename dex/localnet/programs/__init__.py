"""The programs that localnet runs, by address."""

from __future__ import annotations

from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    MEMO_V1_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account
from dex.venues import meteora as meteora_venue
from dex.venues import raydium as raydium_venue

from . import (
    associated_token,
    compute_budget,
    lookup_tables,
    memo,
    meteora,
    raydium,
    system,
    token,
    token_2022,
)
from .execution import Program
from .invocation import NATIVE_PROGRAMS

PROGRAMS: Mapping[Pubkey, Program] = {
    SYSTEM_PROGRAM: system.process,
    COMPUTE_BUDGET_PROGRAM: compute_budget.process,
    TOKEN_PROGRAM: token.process,
    TOKEN_2022_PROGRAM: token_2022.process,
    ASSOCIATED_TOKEN_PROGRAM: associated_token.process,
    MEMO_PROGRAM: memo.process,
    MEMO_V1_PROGRAM: memo.process_v1,
    LOOKUP_TABLE_PROGRAM: lookup_tables.process,
    raydium_venue.PROGRAM_ID: raydium.process,
    meteora_venue.PROGRAM_ID: meteora.process,
}
# Nobody writes these, whatever a transaction says: native programs, once-native ones,
# and the accounts in which a node tells its own state.
RESERVED = NATIVE_PROGRAMS | frozenset(
    Pubkey.from_string(text)
    for text in (
        "AddressLookupTab1e1111111111111111111111111",
        "SysvarC1ock11111111111111111111111111111111",
        "SysvarRent111111111111111111111111111111111",
        "SysvarEpochSchedu1e111111111111111111111111",
        "SysvarRecentB1ockHashes11111111111111111111",
        "SysvarS1otHashes111111111111111111111111111",
        "SysvarS1otHistory11111111111111111111111111",
        "SysvarStakeHistory1111111111111111111111111",
        "Sysvar1nstructions1111111111111111111111111",
    )
)
NATIVE_LOADER = Pubkey.from_string("NativeLoader1111111111111111111111111111111")
BPF_LOADER = Pubkey.from_string("BPFLoader2111111111111111111111111111111111")
LOADERS = frozenset(
    {
        NATIVE_LOADER,
        BPF_LOADER,
        Pubkey.from_string("BPFLoader1111111111111111111111111111111111"),
        Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111"),
    }
)


def is_executable(account: Account) -> bool:
    """Say whether an account is a program."""
    return account.owner in LOADERS
