"""The sysvar accounts that localnet serves: the clock, rent, and the epochs.

Layouts: solana-clock, solana-rent, solana-epoch-schedule.
"""

from __future__ import annotations

import struct

from solders.pubkey import Pubkey

from dex.solana.addresses import CLOCK_SYSVAR
from dex.types import Account, Clock

from .programs.invocation import rent_exempt_minimum
from .slots import SLOTS_PER_EPOCH, clock_account_data

SYSVAR_OWNER = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
RENT_SYSVAR = Pubkey.from_string("SysvarRent111111111111111111111111111111111")
EPOCH_SCHEDULE_SYSVAR = Pubkey.from_string(
    "SysvarEpochSchedu1e111111111111111111111111"
)
# Lamports a byte and year, years to be exempt, share of the rent burned (percent).
RENT = struct.pack("<QdB", 3_480, 2.0, 50)
# Slots an epoch, how far ahead leaders are known, no warm-up.
EPOCH_SCHEDULE = struct.pack("<QQ?QQ", SLOTS_PER_EPOCH, SLOTS_PER_EPOCH, False, 0, 0)
SYSVARS = frozenset({CLOCK_SYSVAR, RENT_SYSVAR, EPOCH_SCHEDULE_SYSVAR})


def sysvar_account(address: Pubkey, clock: Clock) -> Account:
    """Return the account of one of SYSVARS as of the clock's slot."""
    data = {
        CLOCK_SYSVAR: clock_account_data(clock),
        RENT_SYSVAR: RENT,
        EPOCH_SCHEDULE_SYSVAR: EPOCH_SCHEDULE,
    }[address]
    return Account(SYSVAR_OWNER, rent_exempt_minimum(len(data)), data)
