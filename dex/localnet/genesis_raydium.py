"""Genesis pools of Raydium CPMM, byte for byte as the program lays them out.

Layouts: raydium-cp-swap, `programs/cp-swap/src/states/{pool,config,oracle}.rs`.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterator, Mapping

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_PROGRAM, program_address
from dex.types import Account
from dex.venues.raydium import PROGRAM_ID

from .programs import token_layout as layout
from .programs.invocation import rent_exempt_minimum

CONFIG = program_address(PROGRAM_ID, b"amm_config", (0).to_bytes(2, "big"))
AUTHORITY, AUTHORITY_BUMP = Pubkey.find_program_address(
    [b"vault_and_lp_mint_auth_seed"], PROGRAM_ID
)
OBSERVATION_SIZE = 4_075
LOCKED_LIQUIDITY = 100

NewVault = Callable[[Pubkey, Pubkey, int], Account]


def discriminator(name: str) -> bytes:
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


def owned(data: bytes) -> Account:
    return Account(PROGRAM_ID, rent_exempt_minimum(len(data)), data)


def shared_accounts() -> Iterator[tuple[Pubkey, Account]]:
    """The fee tier of every pool: 0.25 %, of which 12 % protocol and 4 % fund."""
    data = discriminator("AmmConfig") + struct.pack(
        "<B?HQQQQ32s32sQ120x",
        Pubkey.find_program_address([b"amm_config", b"\0\0"], PROGRAM_ID)[1],
        False,
        0,
        2_500,
        120_000,
        40_000,
        150_000_000,
        bytes(AUTHORITY),
        bytes(AUTHORITY),
        500,
    )
    yield CONFIG, owned(data)


def pool(
    amounts: Mapping[Pubkey, int], decimals: Mapping[Pubkey, int], new_vault: NewVault
) -> tuple[Pubkey, list[tuple[Pubkey, Account]]]:
    """Return a pool's address and its accounts, holding `amounts` base units by mint."""
    mint0, mint1 = sorted(amounts, key=bytes)
    address = program_address(
        PROGRAM_ID, b"pool", bytes(CONFIG), bytes(mint0), bytes(mint1)
    )
    vaults = [
        program_address(PROGRAM_ID, b"pool_vault", bytes(address), bytes(mint))
        for mint in (mint0, mint1)
    ]
    lp_mint = program_address(PROGRAM_ID, b"pool_lp_mint", bytes(address))
    observation = program_address(PROGRAM_ID, b"observation", bytes(address))
    supply = math.isqrt(amounts[mint0] * amounts[mint1]) - LOCKED_LIQUIDITY
    state = discriminator("PoolState") + struct.pack(
        "<32s32s32s32s32s32s32s32s32s32sBBBBBQQQQQQQ248x",
        bytes(CONFIG),
        bytes(AUTHORITY),  # the creator
        bytes(vaults[0]),
        bytes(vaults[1]),
        bytes(lp_mint),
        bytes(mint0),
        bytes(mint1),
        bytes(TOKEN_PROGRAM),
        bytes(TOKEN_PROGRAM),
        bytes(observation),
        AUTHORITY_BUMP,
        0,  # status: everything allowed
        9,
        decimals[mint0],
        decimals[mint1],
        supply,
        *(0, 0, 0, 0),  # protocol and fund fees
        *(0, 0),  # open time, epoch
    )
    lp_data = layout.new_mint(decimals=9, supply=supply, authority=AUTHORITY)
    lp_rent = rent_exempt_minimum(len(lp_data))
    made = [
        (address, owned(state)),
        (vaults[0], new_vault(mint0, AUTHORITY, amounts[mint0])),
        (vaults[1], new_vault(mint1, AUTHORITY, amounts[mint1])),
        (lp_mint, Account(TOKEN_PROGRAM, lp_rent, lp_data)),
        (observation, owned(new_observation(address))),
    ]
    return address, made


def new_observation(pool: Pubkey) -> bytes:
    """Return the price history of a pool, with nothing observed."""
    head = discriminator("ObservationState") + b"\0\0\0" + bytes(pool)
    return head.ljust(OBSERVATION_SIZE, b"\0")
