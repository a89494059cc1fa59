"""What the ledger says: every transaction of the wallet that landed, and what it moved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.localnet.store_history import History, Record

PAGE = 1_000
END_OF_TIME = 2**62
# As nodes list a memo: its length and its text. Ours is the order's id and the attempt.
MEMO = re.compile(r"\[\d+\] ([0-9a-f-]{36}):([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed transaction that mentions the wallet.

    `order_id` and `attempt` are None where the memo names none; `moved` is what the
    wallet's token accounts gained, by mint in base units. `signed` is whether the wallet
    signed it: anybody can pay the wallet, with any memo.
    """

    signature: str
    slot: int
    succeeded: bool
    order_id: UUID | None
    attempt: int | None
    moved: Mapping[str, int]
    signed: bool = True
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was read of the wallet's transactions: all that landed up to `slot`.

    `known` are the signatures of which it says whether they landed: those that a node
    listed, and those that all nodes were asked for because it did not. None means all.
    """

    landed: Sequence[Landed]
    slot: int = END_OF_TIME
    known: Collection[str] | None = None


def read_landed(history: History, wallet: Pubkey) -> Iterator[Landed]:
    """Iterate over everything in localnet's store that mentions the wallet, newest first."""
    before: str | None = None
    while True:
        page = history.mentioning(
            wallet, before=before, until=None, newest_slot=END_OF_TIME, limit=PAGE
        )
        for record in page:
            yield _recorded(record, wallet)
        if len(page) < PAGE:
            return
        before = page[-1].signature


def landed(
    entry: Mapping[str, Any], meta: Mapping[str, Any], wallet: str, *, signed: bool
) -> Landed:
    """Put together what a node lists of a transaction and its `meta`.

    Raises KeyError, TypeError, ValueError where they are not what nodes answer.
    """
    memo = entry["memo"] or ""
    named = MEMO.fullmatch(memo)
    return Landed(
        signature=entry["signature"],
        slot=entry["slot"],
        succeeded=meta["err"] is None,
        order_id=UUID(named[1]) if named else None,
        attempt=int(named[2]) if named else None,
        moved=_moved(meta, wallet),
        signed=signed,
        memo=memo,
    )


def quoted(memo: str | None) -> str:
    """Write the memo of a transaction for people."""
    return f"memo “{memo}”" if memo else "no memo"


def _recorded(record: Record, wallet: Pubkey) -> Landed:
    message = VersionedTransaction.from_bytes(record.raw).message
    signers = message.account_keys[: message.header.num_required_signatures]
    entry = {"signature": record.signature, "slot": record.slot, "memo": record.memo}
    meta = record.meta | {"err": record.error}
    return landed(entry, meta, str(wallet), signed=wallet in signers)


def _moved(meta: Mapping[str, Any], wallet: str) -> Mapping[str, int]:
    """Sum up the wallet's token balances; not the vaults, which the engine reads."""
    moved: Counter[str] = Counter()
    for balances, sign in (("preTokenBalances", -1), ("postTokenBalances", 1)):
        for balance in meta[balances]:
            if balance["owner"] == wallet:
                amount = int(balance["uiTokenAmount"]["amount"])
                moved[balance["mint"]] += sign * amount
    return moved
