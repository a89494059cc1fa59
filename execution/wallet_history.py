"""Does the chain show a transaction of our wallet that no Attempt explains?

It would mean that another database or person signs with the same wallet, or that this
database was restored from a backup. Either way nothing may be signed. Matched at start,
before the first signature, and by the keeper ever since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from solders.pubkey import Pubkey

from dex.chain import known_chain
from dex.halting import Violation, accepted, halt_trading
from dex.models import Chain
from dex.solana.decoding import MAX_COUNT
from dex.solana.rpc import RpcClient
from orders.claims import set_aside
from orders.models import Attempt, AttemptState

from .audit.landed import MEMO, quoted
from .audit.ledger_rules import UNKNOWN
from .storage import Database
from .wallet_signatures import Point, is_signed_by, list_signatures, show_transaction

# Anybody can send to the wallet, so there may be many to look at.
LOOKED_AT_ONCE = 100
# So far all nodes together may lag behind what they showed before: about three minutes.
# A slot further ahead was made up by the node that named it.
MAX_LAG_SLOTS = 500


async def match_wallet_history(
    rpc: RpcClient, database: Database, wallet: Pubkey
) -> int:
    """Match the wallet's signatures with the table; halt trading on strangers.

    Goes on where it last ended, and not at the newest transaction of our own: a stranger
    may have landed just before that. The chain is listed first and looked up after: an
    Attempt is saved before it is sent, so each listed signature of ours is in the table
    by then. Returns how many strangers were found. Raises RpcError while the chain cannot
    be read.
    """
    await rpc.read_slots()
    chain_slot = rpc.pace.newest
    since = await database.run(_matched_until, chain_slot)
    listed = await rpc.first(lambda node: list_signatures(node, wallet, since))
    unknown = await database.run(_not_in_table, listed)
    found = 0
    for start in range(0, len(unknown), LOOKED_AT_ONCE):
        entries = unknown[start : start + LOOKED_AT_ONCE]
        shown = await asyncio.gather(
            *(show_transaction(rpc, entry["signature"]) for entry in entries)
        )
        strangers = [
            entry
            for entry, one in zip(entries, shown, strict=True)
            if is_signed_by(one, wallet)
        ]
        if strangers:
            await database.run(_halt, strangers)
            found += len(strangers)
    await database.run(_remember, _newest_final(listed, chain_slot) or since)
    return found


def _matched_until(chain_slot: int) -> Point:
    """Go by the newest slot that can be true; by any while `chain_slot` is 0, unknown."""
    limit = chain_slot + MAX_LAG_SLOTS if chain_slot else MAX_COUNT
    chain = known_chain()
    if chain is not None and chain.matched_slot is not None:
        slot = chain.matched_slot if chain.matched_slot <= limit else 0
        return Point(chain.matched_signature, slot)
    landed = Attempt.objects.filter(
        state__in=(AttemptState.LANDED, AttemptState.ERRORED), slot__lte=limit
    )
    newest = landed.order_by("-slot").only("signature", "slot").first()
    if newest is not None:
        return Point(newest.signature, newest.slot or 0)
    if chain is None:
        return Point()
    slot = chain.baseline_slot if chain.baseline_slot <= limit else 0
    return Point(chain.baseline_signature, slot)


def _newest_final(listed: Iterable[dict[str, Any]], chain_slot: int) -> Point | None:
    """Return the newest that no fork can drop, and before which nothing can appear."""
    for entry in listed:
        if entry.get("confirmationStatus") != "finalized":
            continue
        if entry["slot"] <= chain_slot:  # the node may have made it up
            return Point(entry["signature"], entry["slot"])
    return None


def _remember(point: Point) -> None:
    """Go on from here next time, unless another process has come further."""
    behind = Q(matched_slot__isnull=True) | Q(matched_slot__lte=point.slot)
    Chain.objects.filter(behind, id=1).update(
        matched_signature=point.signature, matched_slot=point.slot
    )


def _not_in_table(listed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out our attempts, our set-up transactions, and what an operator accepted."""
    chain = known_chain()
    setup_memo = f"setup:{chain.database_id}" if chain else None
    entries = [
        entry
        for entry in listed
        # Nodes show a memo as "[length] text".
        if (entry.get("memo") or "").partition("] ")[2] != setup_memo
    ]
    signatures = [entry["signature"] for entry in entries]
    ours = Attempt.objects.filter(signature__in=signatures)
    known = set(ours.values_list("signature", flat=True))
    rest = [(UNKNOWN, signature) for signature in signatures if signature not in known]
    known |= {signature for _, signature in accepted(rest)}
    return [entry for entry in entries if entry["signature"] not in known]


def _halt(strangers: Sequence[dict[str, Any]]) -> None:
    first = strangers[0]
    more = f" (and {len(strangers) - 1} more)" if len(strangers) > 1 else ""
    reason = (
        f"The wallet signed {first['signature']} ({quoted(first.get('memo'))}){more}, "
        "which this database does not know. Find out who else uses the wallet, "
        "or whether this database is an old copy, before trading goes on."
    )
    halt_trading(
        reason,
        [
            Violation(UNKNOWN, entry["signature"], quoted(entry.get("memo")))
            for entry in strangers
        ],
    )
    # Where this database is an old copy, another one has swapped for these already.
    named = (MEMO.fullmatch(entry.get("memo") or "") for entry in strangers)
    set_aside([UUID(memo[1]) for memo in named if memo])
