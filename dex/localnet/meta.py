"""The `meta` of a landed transaction, as getTransaction shows it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from . import base58
from .parsing.amounts import token_amount
from .programs import token_layout as layout
from .runtime import Loaded, Outcome

Read = Callable[[Pubkey], Account | None]
# What a transaction costs of its block's room. Source: agave `cost-model`
# (`block_cost_limits.rs`), `loaded_accounts_data_size` of SIMD-0186.
UNITS_PER_SIGNATURE = 720
UNITS_PER_WRITE_LOCK = 300
DATA_BYTES_PER_UNIT = 4
UNITS_PER_PAGE = 8
PAGE_BYTES = 32 * 1024
ACCOUNT_BASE_BYTES = 64
# Source: agave, `log_collector.rs`. Simulations are not cut off.
LOG_BYTES = 10_000
LOGS_CUT_OFF = "Log truncated"


def transaction_meta(outcome: Outcome, read: Read) -> dict[str, Any]:
    """Return the JSON value; `read` finds mints that the transaction does not name."""
    status = {"Ok": None} if outcome.error is None else {"Err": outcome.error}
    meta = {
        "err": outcome.error,
        "status": status,
        "fee": outcome.fee,
        "innerInstructions": inner_instructions(outcome),
        "logMessages": cut_off(outcome.logs),
        "rewards": [],
        **balances(outcome, read),
        "computeUnitsConsumed": outcome.units,
        "costUnits": _cost_units(outcome),
    }
    # Unlike simulations, transactions that return nothing do not say so.
    if outcome.return_data is not None:
        meta["returnData"] = return_data(outcome)
    return meta


def balances(outcome: Outcome, read: Read) -> dict[str, Any]:
    """Return what a transaction found and left in its accounts, as simulations tell."""
    loaded, before = outcome.loaded, outcome.before
    after = {**before, **outcome.changes}
    return {
        "preBalances": _balances(loaded, before),
        "postBalances": _balances(loaded, after),
        "preTokenBalances": _token_balances(loaded, before, read),
        "postTokenBalances": _token_balances(loaded, after, read),
        "loadedAddresses": {
            "writable": [str(key) for key in loaded.loaded_writable],
            "readonly": [str(key) for key in loaded.loaded_readonly],
        },
    }


def cut_off(logs: Sequence[str]) -> list[str]:
    """Return the lines that a node keeps: short ones still fit where a long one did not."""
    kept: list[str] = []
    left = LOG_BYTES
    for line in logs:
        size = len(line.encode())
        if size < left:
            left -= size
            kept.append(line)
        elif LOGS_CUT_OFF not in kept:
            kept.append(LOGS_CUT_OFF)
    return kept


def return_data(outcome: Outcome) -> dict[str, Any] | None:
    """Return what a program returned last, None when none returned anything."""
    if outcome.return_data is None:
        return None
    program, data = outcome.return_data
    encoded = base64.b64encode(data).decode()
    return {"programId": str(program), "data": [encoded, "base64"]}


def inner_instructions(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the calls that programs made, grouped by instruction."""
    return [
        {
            "index": index,
            "instructions": [
                {**call, "data": base58.encode(call["data"])} for call in calls
            ],
        }
        for index, calls in sorted(outcome.inner.items())
    ]


def loaded_accounts_data_size(before: Mapping[Pubkey, Account | None]) -> int:
    """Return the bytes that were loaded before a transaction ran, as nodes count."""
    return sum(
        ACCOUNT_BASE_BYTES + len(account.data)
        for account in before.values()
        if account is not None
    )


def _cost_units(outcome: Outcome) -> int:
    loaded = outcome.loaded
    data_bytes = sum(len(bytes(each.data)) for each in loaded.instructions)
    pages = -(-loaded_accounts_data_size(outcome.before) // PAGE_BYTES)
    return (
        UNITS_PER_SIGNATURE * loaded.signers
        + UNITS_PER_WRITE_LOCK * sum(meta.is_writable for meta in loaded.metas)
        + data_bytes // DATA_BYTES_PER_UNIT
        + outcome.units
        + UNITS_PER_PAGE * pages
    )


def _balances(loaded: Loaded, accounts: Mapping[Pubkey, Account | None]) -> list[int]:
    found = [accounts[key] for key in loaded.keys]
    return [0 if account is None else account.lamports for account in found]


def _token_balances(
    loaded: Loaded, accounts: Mapping[Pubkey, Account | None], read: Read
) -> list[dict[str, Any]]:
    balances = []
    for position, key in enumerate(loaded.keys):
        account = accounts[key]
        if account is None or account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
            continue
        if not layout.is_token_account(account.data):
            continue
        mint = layout.mint_of(account.data)
        # A mint that this transaction made is not on the chain yet.
        mint_account = accounts.get(mint) or read(mint)
        if mint_account is None:
            continue
        decimals = layout.decimals_of(mint_account.data)
        balances.append(
            {
                "accountIndex": position,
                "mint": str(mint),
                "owner": str(layout.owner_of(account.data)),
                "programId": str(account.owner),
                "uiTokenAmount": token_amount(layout.amount_of(account.data), decimals),
            }
        )
    return balances
