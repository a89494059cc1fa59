"""Dump files as tools write them, of pools that the builders make."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from dex.types import Account, Accounts

from .builders import CpmmPool, Token, TransferFees, key
from .builders_dlmm import ONE_Q64, BinAmounts, DlmmPair

TOKENS = (Token(key("token 0")), Token(key("token 1"), TransferFees(150)))
CPMM = CpmmPool(vaults=(10**15, 2 * 10**15), tokens=TOKENS)


def pair(*far_bins: int, **changes: Any) -> DlmmPair:
    """Return a pair whose bins lie in the arrays -2, -1, 0 and 1; the price in array 0.

    Bins far away lie in arrays of their own, or in those of the bitmap extension.
    """
    near = range(-100, 111)
    bins = {
        bin_id: BinAmounts(
            x=10**9 if bin_id >= 5 else 0,
            y=10**9 if bin_id <= 5 else 0,
            price=ONE_Q64 + (bin_id - 5) * (ONE_Q64 // 100_000),
            liquidity=1 << 80,
        )
        for bin_id in (*near, *far_bins)
    }
    return DlmmPair(bins, active_id=5, base_factor=10_000, **changes)


def encoded(account: Account) -> dict[str, Any]:
    data = base64.b64encode(account.data).decode()
    return {"role": "any", "owner": str(account.owner), "data": data}


def pool_file(
    path: Path,
    accounts: Accounts,
    *,
    without: tuple[Pubkey, ...] = (),
    vault_amounts: Mapping[Pubkey, int] | None = None,
) -> Path:
    """Write a pool as `accounts` by address, without some of them."""
    kept = {
        str(address): encoded(account)
        for address, account in accounts.items()
        if account is not None and address not in without
    }
    amounts = {str(vault): held for vault, held in (vault_amounts or {}).items()}
    path.write_text(
        json.dumps({"pool": "any", "accounts": kept, "vault_amounts": amounts})
    )
    return path


def cli_text(address: Pubkey, account: Account) -> str:
    """Return what `solana account ADDRESS --output json` prints."""
    return json.dumps(
        {
            "pubkey": str(address),
            "account": {
                "lamports": account.lamports,
                "data": [base64.b64encode(account.data).decode(), "base64"],
                "owner": str(account.owner),
                "executable": False,
                "rentEpoch": 2**64 - 1,
                "space": len(account.data),
            },
        },
        indent=2,
    )
