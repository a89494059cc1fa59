"""Reading the wallet's transactions over RPC: what landed, and what it moved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.solana.decoding import is_count
from dex.solana.endpoint import Endpoint
from dex.solana.rpc import RpcClient
from execution.wallet_signatures import (
    NotShown,
    Point,
    is_signed_by,
    list_signatures,
    show_at,
    show_transaction,
)

from .landed import Landed, Ledger, landed

# The client puts them into batches; their answers are dropped before the next are asked.
SHOWN_AT_ONCE = 200


async def read_ledger(rpc: RpcClient, wallet: Pubkey, since: Point) -> Ledger:
    """Read all that landed since the wallet's baseline.

    Raises RpcError while the chain cannot be read.
    """

    async def list_whole(endpoint: Endpoint) -> tuple[int, list[dict[str, Any]]]:
        slot = await endpoint.call("getSlot", [{"commitment": "confirmed"}])
        if not is_count(slot):
            raise RpcUnavailable(f"{endpoint.name}: the slot is unreadable")
        return slot, await list_signatures(endpoint, wallet, since)

    slot, listed = await rpc.first(list_whole)
    known = {entry["signature"] for entry in listed}
    return Ledger(await _show(rpc, wallet, listed), slot, known)


async def look_up(
    rpc: RpcClient, wallet: Pubkey, ledger: Ledger, memos: Mapping[str, str]
) -> Ledger:
    """Add those transactions that one node did not list and another shows.

    `memos` maps a signature to the memo it was signed with. One node may have lost a part
    of its history, so that its list alone does not show that something never landed.
    Raises RpcUnavailable when no node answers: that shows it as little.
    """
    found: list[Landed] = []
    for signature, memo in memos.items():
        shown = await _ask_for(rpc, signature)
        if shown is not None:
            entry = {"signature": signature, "slot": shown.get("slot"), "memo": memo}
            found.append(_read(entry, shown, wallet))
    known = {*(ledger.known or ()), *memos}
    return Ledger([*ledger.landed, *found], ledger.slot, known)


async def _ask_for(rpc: RpcClient, signature: str) -> Mapping[str, Any] | None:
    """Return a transaction from a node that shows it, None when no node has it."""
    has_answer = False

    async def ask(endpoint: Endpoint) -> Mapping[str, Any]:
        nonlocal has_answer
        try:
            return await show_at(endpoint, signature)
        except NotShown:
            has_answer = True
            raise

    try:
        return await rpc.first(ask)
    except RpcUnavailable:
        if has_answer:
            return None
        raise


async def _show(
    rpc: RpcClient, wallet: Pubkey, listed: Sequence[Mapping[str, Any]]
) -> list[Landed]:
    found: list[Landed] = []
    for start in range(0, len(listed), SHOWN_AT_ONCE):
        entries = listed[start : start + SHOWN_AT_ONCE]
        shown = await asyncio.gather(
            *(show_transaction(rpc, entry["signature"]) for entry in entries)
        )
        found += [
            _read(entry, one, wallet) for entry, one in zip(entries, shown, strict=True)
        ]
    return found


def _read(entry: Mapping[str, Any], shown: Mapping[str, Any], wallet: Pubkey) -> Landed:
    try:
        return landed(
            entry, shown["meta"], str(wallet), signed=is_signed_by(shown, wallet)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RpcUnavailable(
            f"A node does not show what {entry['signature']} moved ({error!r})."
        ) from error
