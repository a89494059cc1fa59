"""At start: does the chain show a transaction of our wallet that no Attempt explains?

It would mean that another database or person signs with the same wallet, or that this
database was restored from a backup. Either way nothing may be signed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from solders.pubkey import Pubkey

from dex.chain import halt_trading, known_chain
from dex.solana.rpc import RpcClient
from orders.models import Attempt, AttemptState

from .storage import Database

logger = logging.getLogger(__name__)

PAGE = 1000


async def match_wallet_history(
    rpc: RpcClient, database: Database, wallet: Pubkey
) -> None:
    """Match the wallet's signatures with the table; halt trading on a stranger.

    The chain is listed first and looked up after: an Attempt is saved before it is
    sent, so each listed signature of ours is in the table by then. Raises
    RpcUnavailable while the chain cannot be read.
    """
    known_until = await database.run(_newest_known_signature)
    listed = await _signatures_since(rpc, wallet, known_until)
    strangers = await database.run(_not_in_table, listed)
    for entry in strangers:
        if await _signed_by(rpc, entry["signature"], wallet):
            reason = (
                f"The wallet signed {entry['signature']} (memo {entry.get('memo')}), "
                "which this database does not know. Find out who else uses the wallet, "
                "or whether this database is an old copy, before trading goes on."
            )
            await database.run(halt_trading, reason)
            return


def _newest_known_signature() -> str:
    landed = Attempt.objects.filter(
        state__in=(AttemptState.LANDED, AttemptState.ERRORED)
    )
    newest = landed.order_by("-slot").values_list("signature", flat=True).first()
    chain = known_chain()
    return newest or (chain.baseline_signature if chain else "")


async def _signatures_since(
    rpc: RpcClient, wallet: Pubkey, until: str
) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    options: dict[str, Any] = {"limit": PAGE, "commitment": "confirmed"}
    if until:
        options["until"] = until
    while True:
        page = await rpc.call("getSignaturesForAddress", [str(wallet), options])
        listed += page
        if len(page) < PAGE:
            return listed
        options["before"] = page[-1]["signature"]


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
    landed = await rpc.call("getTransaction", [signature, options])
    if landed is None:
        logger.warning(
            "%s is listed but not readable yet; it counts as ours", signature
        )
        return True
    message = landed["transaction"]["message"]
    signers = message["accountKeys"][: message["header"]["numRequiredSignatures"]]
    return str(wallet) in signers
