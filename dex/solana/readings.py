"""One getMultipleAccounts: what it asks, and what its answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.types import Account

from .decoding import context_slot, decode_account

METHOD = "getMultipleAccounts"
MAX_ACCOUNTS = 100  # of one call


def accounts_params(
    addresses: Sequence[Pubkey], *, min_context_slot: int = 0
) -> list[Any]:
    """Return the parameters of a call for these accounts at commitment confirmed."""
    options: dict[str, Any] = {"encoding": "base64", "commitment": "confirmed"}
    if min_context_slot:
        options["minContextSlot"] = min_context_slot
    return [list(map(str, addresses)), options]


def read_accounts(
    answer: Any, addresses: Sequence[Pubkey], endpoint: str
) -> tuple[int, dict[Pubkey, Account | None]]:
    """Return the slot of an answer and its accounts; RpcUnavailable for an odd one."""
    slot = context_slot(answer)
    entries = answer.get("value")
    if not isinstance(entries, list) or len(entries) != len(addresses):
        raise RpcUnavailable(f"{endpoint}: accounts for other addresses")
    return slot, dict(zip(addresses, map(decode_account, entries), strict=True))
