"""Mints as a swap sees them: transfer fees, and what is unsafe.

Layout: a mint has 82 bytes. One of Token-2022 may go on: the account type at 165, then
extensions from 166, each with a type (u16), a length (u16) and its data. Source: solana-program/token-2022, `interface/src/extension/mod.rs` and
`interface/src/extension/transfer_fee/mod.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account, Accounts

from .base import existing_account
from .integers import U64_MAX, ceil_div, overflow

MINT_SIZE = 82
TOKEN_ACCOUNT_SIZE = 165
_EXTENSIONS_START = 166
_EXTENSION_HEADER = 4
_ACCOUNT_TYPE_MINT = 1
_ONE_IN_BPS = 10_000

_TRANSFER_FEE_CONFIG = 1
# Extensions that neither change who can move a token nor what a transfer moves.
_HARMLESS_EXTENSIONS = {
    3,  # mint close authority: only a mint without supply can be closed
    10,  # interest bearing: changes how amounts are shown
    18,  # metadata pointer
    19,  # token metadata
    20,  # group pointer
    21,  # token group
    22,  # group member pointer
    23,  # token group member
    25,  # scaled UI amount: changes how amounts are shown
}
_UNSAFE_EXTENSIONS = {
    4: "confidential transfers",
    6: "a default state for new accounts",
    9: "non-transferable tokens",
    12: "a permanent delegate",
    14: "a transfer hook",
    16: "confidential transfer fees",
    24: "confidential mint and burn",
    26: "pausing",
}


@dataclass(frozen=True, slots=True)
class TransferFee:
    """What Token-2022 withholds of each transfer: basis points, capped in base units."""

    basis_points: int
    maximum: int

    def of(self, amount: int) -> int:
        """Return the fee withheld when `amount` is sent."""
        if not self.basis_points or not amount:
            return 0
        return min(ceil_div(amount * self.basis_points, _ONE_IN_BPS), self.maximum)

    def on_top_of(self, received: int) -> int:
        """Return the fee to add so that `received` arrives.

        Raises QuoteRefused when no amount that fits a u64 would do. Source:
        `TransferFee::calculate_inverse_fee`.
        """
        if not self.basis_points or not received:
            return 0
        if self.basis_points >= _ONE_IN_BPS:
            return self.maximum
        sent = ceil_div(received * _ONE_IN_BPS, _ONE_IN_BPS - self.basis_points)
        if sent - received >= self.maximum:
            sent = received + self.maximum
        if sent > U64_MAX:
            raise overflow("the amount with its transfer fee")
        return self.of(sent)


NO_TRANSFER_FEE = TransferFee(basis_points=0, maximum=0)


@dataclass(frozen=True, slots=True)
class Mint:
    """A mint that is safe to swap: its token program and its fee in this epoch."""

    token_program: Pubkey
    transfer_fee: TransferFee


_WRAPPED_SOL = Mint(TOKEN_PROGRAM, NO_TRANSFER_FEE)


def read_mint(accounts: Accounts, address: Pubkey, epoch: int) -> Mint:
    """Read the mint at `address`, with the transfer fee that holds in `epoch`.

    Raises QuoteRefused: `token_unsafe` for an extension that could change or stop a
    transfer, `pool_unreadable` for anything that is no mint.
    """
    if (
        address == WRAPPED_SOL_MINT
    ):  # fixed by the token program, the same on every chain
        return _WRAPPED_SOL
    account = existing_account(accounts, address, "mint")
    return _decode_mint(account.owner, account.data, address, epoch)


@lru_cache(maxsize=256)
def _decode_mint(owner: Pubkey, data: bytes, address: Pubkey, epoch: int) -> Mint:
    if owner == TOKEN_PROGRAM and len(data) == MINT_SIZE and data[45] == 1:
        return Mint(TOKEN_PROGRAM, NO_TRANSFER_FEE)
    if owner == TOKEN_2022_PROGRAM and len(data) >= MINT_SIZE and data[45] == 1:
        return Mint(TOKEN_2022_PROGRAM, _read_extensions(data, address, epoch))
    raise QuoteRefused(
        "pool_unreadable", f"{address} is not a mint of a known token program."
    )


def associated_account_size(mint: Account | None) -> int:
    """Return how many bytes the associated token account of a checked mint has.

    Token-2022 adds ImmutableOwner to each, and TransferFeeAmount where its mint has a
    transfer fee. None is the mint of wrapped SOL, which no quote needs to read.
    """
    if mint is None or mint.owner != TOKEN_2022_PROGRAM:
        return TOKEN_ACCOUNT_SIZE
    size = _EXTENSIONS_START + _EXTENSION_HEADER
    if any(kind == _TRANSFER_FEE_CONFIG for kind, _, _ in extensions(mint.data)):
        size += _EXTENSION_HEADER + 8
    return size


def _read_extensions(data: bytes, address: Pubkey, epoch: int) -> TransferFee:
    """Check every extension of a mint and return its transfer fee in `epoch`."""
    transfer_fee = NO_TRANSFER_FEE
    if len(data) == MINT_SIZE:
        return transfer_fee
    if len(data) < _EXTENSIONS_START or data[165] != _ACCOUNT_TYPE_MINT:
        raise QuoteRefused("pool_unreadable", f"{address} is not a mint.")
    for kind, start, length in extensions(data):
        if start + length > len(data):
            raise QuoteRefused(
                "pool_unreadable", f"The extensions of mint {address} are cut off."
            )
        if kind == _TRANSFER_FEE_CONFIG and length == 108:
            transfer_fee = _fee_in_epoch(data, start, epoch)
        elif kind not in _HARMLESS_EXTENSIONS:
            feature = _UNSAFE_EXTENSIONS.get(
                kind, f"extension {kind}, which is not known to be safe"
            )
            raise QuoteRefused(
                "token_unsafe",
                f"The token {address} has {feature}, so what a swap pays is not certain. "
                "Trade another token.",
            )
    return transfer_fee


def extensions(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Iterate over the type, the start and the length of each extension's data.

    Mints and token accounts have them at the same place.
    """
    position = _EXTENSIONS_START
    while position + _EXTENSION_HEADER <= len(data):
        kind, length = struct.unpack_from("<HH", data, position)
        if kind == 0:
            return
        start = position + _EXTENSION_HEADER
        yield kind, start, length
        position = start + length


def _fee_in_epoch(data: bytes, start: int, epoch: int) -> TransferFee:
    """Choose the newer fee from its epoch on, the older one before."""
    newer_epoch, newer_maximum, newer_bps = struct.unpack_from("<QQH", data, start + 90)
    if epoch >= newer_epoch:
        return TransferFee(newer_bps, newer_maximum)
    _, older_maximum, older_bps = struct.unpack_from("<QQH", data, start + 72)
    return TransferFee(older_bps, older_maximum)
