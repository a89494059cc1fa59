"""What may stand in a dump: only what a swap of the two venues can meet."""

from __future__ import annotations

from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.localnet.genesis_meteora import discriminator
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.token_names import METAPLEX_PROGRAM
from dex.types import Account
from dex.venues import dlmm_bitmaps, dlmm_layout, raydium_layout

from .dumps import BadDump

# What a swap can meet of each program; anything else in a dump is a mistake.
_KINDS: Mapping[Pubkey, Mapping[bytes, str]] = {
    raydium_layout.PROGRAM_ID: {
        raydium_layout.POOL_DISCRIMINATOR: "pool",
        raydium_layout.CONFIG_DISCRIMINATOR: "fee tier",
        discriminator("ObservationState"): "observation account",
    },
    dlmm_layout.PROGRAM_ID: {
        dlmm_layout.PAIR_DISCRIMINATOR: "pair",
        dlmm_layout.BIN_ARRAY_DISCRIMINATOR: "bin array",
        dlmm_bitmaps.EXTENSION_DISCRIMINATOR: "bitmap extension",
        discriminator("Oracle"): "oracle",
    },
}


def check_kind(address: Pubkey, account: Account) -> None:
    """Raise BadDump unless this is an account that a swap could meet."""
    if account.owner in _KINDS:
        if account.data[:8] in _KINDS[account.owner]:
            return
        known = ", ".join(_KINDS[account.owner].values())
        raise BadDump(
            f"The account {address} of {account.owner} is no {known}: its first 8 bytes "
            f"are {account.data[:8].hex()}. Remove it, or dump it again."
        )
    if account.owner in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        if layout.is_mint(account.data) or layout.is_token_account(account.data):
            return
        raise BadDump(f"The account {address} is neither a mint nor a token account.")
    if account.owner != METAPLEX_PROGRAM:
        raise BadDump(
            f"The account {address} belongs to {account.owner}, which no swap of Raydium "
            "CPMM or Meteora DLMM needs. Remove it."
        )


def check_same(address: Pubkey, dumped: Account, own: Account) -> None:
    """Raise BadDump where localnet's own account stands for another thing."""
    config = own.data[:8] == raydium_layout.CONFIG_DISCRIMINATOR
    # What matters of the two kinds that real pools share with localnet's.
    if config and dumped.data[12:36] + dumped.data[108:116] == (
        own.data[12:36] + own.data[108:116]
    ):
        return
    mint = layout.is_mint(own.data) and layout.is_mint(dumped.data)
    if mint and (dumped.owner, dumped.data[44]) == (own.owner, own.data[44]):
        return
    raise BadDump(
        f"Localnet has an account {address} of its own, and it differs. Pools that "
        "localnet begins with cannot be forked; a fee tier must have the same rates."
    )
