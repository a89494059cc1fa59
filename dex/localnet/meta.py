"""The `meta` of a landed transaction, as getTransaction shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from solders.pubkey import Pubkey

from dex.amounts import to_whole
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from . import base58
from .programs import token_layout as layout
from .runtime import Loaded, Outcome

Read = Callable[[Pubkey], Account | None]


def transaction_meta(loaded: Loaded, outcome: Outcome, read: Read) -> dict[str, Any]:
    """Return the JSON value; `read` finds mints that the transaction does not name."""
    before = outcome.before
    after = {**before, **outcome.changes}
    status = {"Ok": None} if outcome.error is None else {"Err": outcome.error}
    return {
        "err": outcome.error,
        "status": status,
        "fee": outcome.fee,
        "preBalances": _balances(loaded, before),
        "postBalances": _balances(loaded, after),
        "innerInstructions": inner_instructions(outcome),
        "logMessages": outcome.logs,
        "preTokenBalances": _token_balances(loaded, before, read),
        "postTokenBalances": _token_balances(loaded, after, read),
        "rewards": [],
        "loadedAddresses": {"readonly": [], "writable": []},
        "computeUnitsConsumed": outcome.units,
    }


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


def token_amount(amount: int, decimals: int) -> dict[str, Any]:
    """Return an amount as nodes show it; `uiAmount` is theirs, never used for money."""
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": amount / 10**decimals,
        "uiAmountString": to_whole(amount, decimals),
    }


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
        mint_account = read(mint)
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
