"""A pool's vaults: what they hold, and what a swap leaves in them.

Layout: a token account has 165 bytes. One of Token-2022 may go on: the account type at
165, then extensions from 166, each with a type (u16), a length (u16) and its data. Source:
solana-program/token-2022, `interface/src/extension/mod.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account, Accounts

from .base import existing_account
from .token_2022 import TOKEN_ACCOUNT_SIZE, extensions

_EXTENSIONS_START = 166
_ACCOUNT_TYPE_TOKEN_ACCOUNT = 2
_INITIALIZED = 1
_TRANSFER_FEE_AMOUNT = 2  # an extension: what the account withholds for its mint
_IMMUTABLE_OWNER = 7
_UNSAFE_EXTENSIONS = {8: "a required memo", 11: "a guard against programs"}

# What one checked transfer costs when a pool's program calls it.
TRANSFER_UNITS: Mapping[Pubkey, int] = {TOKEN_PROGRAM: 1_051, TOKEN_2022_PROGRAM: 5_418}


def read_vault_amount(
    accounts: Accounts, address: Pubkey, mint: Pubkey, token_program: Pubkey
) -> int:
    """Return the base units in a pool's vault.

    Raises QuoteRefused: `pool_unreadable` when it is no token account of `mint`,
    `vault_frozen` by its token's issuer, `token_unsafe` when an extension could stop it.
    """
    account = existing_account(accounts, address, "vault")
    data = account.data
    if (
        not _is_token_account(account)
        or account.owner != token_program
        or data[:32] != bytes(mint)
    ):
        raise QuoteRefused(
            "pool_unreadable", f"The vault {address} does not hold {mint}."
        )
    if data[108] != _INITIALIZED:
        raise QuoteRefused(
            "vault_frozen",
            f"The issuer of {mint} froze the pool's vault {address}. Use another pool.",
        )
    for kind, _, _ in extensions(data) if len(data) > TOKEN_ACCOUNT_SIZE else ():
        if kind not in (_TRANSFER_FEE_AMOUNT, _IMMUTABLE_OWNER):
            feature = _UNSAFE_EXTENSIONS.get(kind, f"extension {kind}")
            raise QuoteRefused(
                "token_unsafe",
                f"The vault {address} has {feature}, so it may refuse the swap. "
                "Use another pool.",
            )
    return int.from_bytes(data[64:72], "little")


def vaults_after(
    accounts: Accounts,
    vault_in: Pubkey,
    vault_out: Pubkey,
    *,
    arriving: int,
    withheld: int,
    leaving: int,
) -> dict[Pubkey, Account]:
    """Return both vaults as the token programs leave them after a swap, in base units.

    `arriving` is added to `vault_in`, beside what is `withheld` there as transfer fee;
    `leaving` is taken from `vault_out`.
    """
    filled = _move(existing_account(accounts, vault_in, "vault"), arriving)
    emptied = _move(existing_account(accounts, vault_out, "vault"), -leaving)
    return {
        vault_in: _withhold(filled, withheld) if withheld else filled,
        vault_out: emptied,
    }


def _move(account: Account, amount: int) -> Account:
    """Change what a token account holds; wrapped SOL holds it as lamports too."""
    data = account.data
    held = int.from_bytes(data[64:72], "little") + amount
    is_native = data[109] == 1
    return Account(
        account.owner,
        account.lamports + (amount if is_native else 0),
        b"".join((data[:64], held.to_bytes(8, "little"), data[72:])),
    )


def _withhold(account: Account, fee: int) -> Account:
    """Add a transfer fee to what Token-2022 keeps in the receiving account."""
    data = bytearray(account.data)
    for kind, start, _ in extensions(account.data):
        if kind == _TRANSFER_FEE_AMOUNT:
            (held,) = struct.unpack_from("<Q", data, start)
            struct.pack_into("<Q", data, start, held + fee)
    return Account(account.owner, account.lamports, bytes(data))


def _is_token_account(account: Account) -> bool:
    data = account.data
    if len(data) == TOKEN_ACCOUNT_SIZE:
        return data[108] != 0
    return (
        len(data) >= _EXTENSIONS_START
        and data[165] == _ACCOUNT_TYPE_TOKEN_ACCOUNT
        and data[108] != 0
    )
