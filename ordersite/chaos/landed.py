"""What the ledger says: every transaction of the wallet that landed, and what it moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from solders.pubkey import Pubkey

from dex.localnet.store_history import History, Record

PAGE = 1_000
END_OF_TIME = 2**62
# As nodes list a memo of ours: its length, the order's id and the attempt.
MEMO = re.compile(r"\[\d+\] ([0-9a-f-]{36}):([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed transaction of the wallet.

    `order_id` and `attempt` are None where the memo names none; `moved` is what the
    wallet's token accounts gained, by mint in base units.
    """

    signature: str
    slot: int
    succeeded: bool
    order_id: UUID | None
    attempt: int | None
    moved: Mapping[str, int]


def read_landed(history: History, wallet: Pubkey) -> Iterator[Landed]:
    """Iterate over everything that mentions the wallet, newest first."""
    before: str | None = None
    while True:
        page = history.mentioning(
            wallet, before=before, until=None, newest_slot=END_OF_TIME, limit=PAGE
        )
        for record in page:
            yield _landed(record, str(wallet))
        if len(page) < PAGE:
            return
        before = page[-1].signature


def _landed(record: Record, wallet: str) -> Landed:
    named = MEMO.fullmatch(record.memo or "")
    return Landed(
        signature=record.signature,
        slot=record.slot,
        succeeded=record.error is None,
        order_id=UUID(named[1]) if named else None,
        attempt=int(named[2]) if named else None,
        moved=_moved(record.meta, wallet),
    )


def _moved(meta: Mapping[str, Any], wallet: str) -> Mapping[str, int]:
    """Sum up the wallet's token balances; not the vaults, which the engine reads."""
    moved: Counter[str] = Counter()
    for balances, sign in (("preTokenBalances", -1), ("postTokenBalances", 1)):
        for balance in meta[balances]:
            if balance["owner"] == wallet:
                amount = int(balance["uiTokenAmount"]["amount"])
                moved[balance["mint"]] += sign * amount
    return moved
