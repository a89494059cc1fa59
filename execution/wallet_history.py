"""At start: does the chain show a transaction of our wallet that no Attempt explains?

It would mean that another database or person signs with the same wallet, or that this
database was restored from a backup. Either way nothing may be signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from dex.chain import known_chain
from dex.errors import RpcRejected, RpcUnavailable
from dex.halting import halt_trading
from dex.solana.decoding import MAX_COUNT, is_count
from dex.solana.endpoint import Endpoint
from dex.solana.rpc import RpcClient
from orders.models import Attempt, AttemptState

from .storage import Database

PAGE = 1000
# A list without end is none: so many pages nobody's wallet needs.
MAX_PAGES = 200
# Anybody can send to the wallet, so there may be many to look at.
LOOKED_AT_ONCE = 100
# So far all nodes together may lag behind what they showed before: about three minutes.
# A slot further ahead was made up by the node that named it.
MAX_LAG_SLOTS = 500


class _Known(NamedTuple):
    """The newest transaction of the wallet that needs no look; "" and 0 when unknown."""

    signature: str
    slot: int


async def match_wallet_history(
    rpc: RpcClient, database: Database, wallet: Pubkey
) -> None:
    """Match the wallet's signatures with the table; halt trading on a stranger.

    The chain is listed first and looked up after: an Attempt is saved before it is
    sent, so each listed signature of ours is in the table by then. Raises RpcError
    while the chain cannot be read.
    """
    await rpc.read_slots()
    newest = await database.run(_newest_known, rpc.pace.newest)
    listed = await _signatures_since(rpc, wallet, newest)
    strangers = await database.run(_not_in_table, listed)
    for start in range(0, len(strangers), LOOKED_AT_ONCE):
        entries = strangers[start : start + LOOKED_AT_ONCE]
        signed = await asyncio.gather(
            *(_signed_by(rpc, entry["signature"], wallet) for entry in entries)
        )
        if any(signed):
            entry = entries[signed.index(True)]
            reason = (
                f"The wallet signed {entry['signature']} (memo {entry.get('memo')}), "
                "which this database does not know. Find out who else uses the wallet, "
                "or whether this database is an old copy, before trading goes on."
            )
            await database.run(halt_trading, reason)
            return


def _newest_known(chain_slot: int) -> _Known:
    """Go by the newest slot that can be true; by any while `chain_slot` is 0, unknown."""
    limit = chain_slot + MAX_LAG_SLOTS if chain_slot else MAX_COUNT
    landed = Attempt.objects.filter(
        state__in=(AttemptState.LANDED, AttemptState.ERRORED), slot__lte=limit
    )
    newest = landed.order_by("-slot").only("signature", "slot").first()
    if newest is not None:
        return _Known(newest.signature, newest.slot or 0)
    chain = known_chain()
    if chain is None:
        return _Known("", 0)
    slot = chain.baseline_slot if chain.baseline_slot <= limit else 0
    return _Known(chain.baseline_signature, slot)


async def _signatures_since(
    rpc: RpcClient, wallet: Pubkey, newest: _Known
) -> list[dict[str, Any]]:
    options: dict[str, Any] = {"limit": PAGE, "commitment": "confirmed"}
    if newest.signature:
        options["until"] = newest.signature
    if newest.slot:
        # A node that is behind it cannot show what came after.
        options["minContextSlot"] = newest.slot

    async def list_all(endpoint: Endpoint) -> list[dict[str, Any]]:
        """Read every page from one node: another may not know where a page ends."""
        listed: list[dict[str, Any]] = []
        before: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = await endpoint.call(
                "getSignaturesForAddress", [str(wallet), options | before]
            )
            if not _is_page(page):
                raise RpcUnavailable(f"{endpoint.name}: the signatures are unreadable")
            listed += page
            if len(page) < PAGE:
                return listed
            before = {"before": page[-1]["signature"]}
        raise RpcUnavailable(f"{endpoint.name} lists the wallet's signatures for ever")

    listed = await rpc.first(list_all)
    # A node that does not find where it should stop lists all it has.
    return [entry for entry in listed if entry["slot"] >= newest.slot]


def _is_page(page: Any) -> bool:
    if not isinstance(page, list) or len(page) > PAGE:
        return False
    return all(
        isinstance(entry, dict)
        and isinstance(entry.get("signature"), str)
        and is_count(entry.get("slot"))
        and isinstance(entry.get("memo"), (str, type(None)))
        for entry in page
    )


def _not_in_table(listed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    chain = known_chain()
    setup_memo = f"setup:{chain.database_id}" if chain else None
    entries = [
        entry
        for entry in listed
        # Nodes show a memo as "[length] text".
        if (entry.get("memo") or "").partition("] ")[2] != setup_memo
    ]
    signatures = [entry["signature"] for entry in entries]
    known = set(
        Attempt.objects.filter(signature__in=signatures).values_list(
            "signature", flat=True
        )
    )
    return [entry for entry in entries if entry["signature"] not in known]


async def _signed_by(rpc: RpcClient, signature: str, wallet: Pubkey) -> bool:
    """Say whether the wallet signed it, or was only paid by it."""
    options = {
        "encoding": "json",
        "commitment": "confirmed",
        "maxSupportedTransactionVersion": 1,
    }

    async def show(endpoint: Endpoint) -> bool:
        try:
            landed = await endpoint.call("getTransaction", [signature, options])
        except RpcRejected as error:
            raise RpcUnavailable(f"{endpoint.name}: {error}") from error
        match landed:
            case {
                "transaction": {
                    "message": {
                        "accountKeys": [*accounts],
                        "header": {"numRequiredSignatures": signers},
                    }
                }
            } if is_count(signers):
                return str(wallet) in accounts[:signers]
        # It is listed, so null means "not yet", and another node may show it.
        raise RpcUnavailable(f"{endpoint.name} does not show {signature} yet")

    return await rpc.first(show)
