"""The wallet's own transactions, as nodes list and show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.solana.decoding import is_count
from dex.solana.endpoint import Endpoint
from dex.solana.fills import ask_transaction
from dex.solana.rpc import RpcClient

PAGE = 1000
# A list without end is none: so many pages nobody's wallet needs.
MAX_PAGES = 200


class Point(NamedTuple):
    """A transaction of the wallet to list from; "" and 0 when unknown."""

    signature: str = ""
    slot: int = 0


async def list_signatures(
    endpoint: Endpoint, wallet: Pubkey, since: Point
) -> list[dict[str, Any]]:
    """List the wallet's transactions that landed after `since`, newest first.

    Every page comes from one node: another may not know where a page ends. Raises
    RpcUnavailable when what it lists is no such list, RpcRejected.
    """
    options: dict[str, Any] = {"limit": PAGE, "commitment": "confirmed"}
    if since.signature:
        options["until"] = since.signature
    if since.slot:
        # A node that is behind it cannot show what came after.
        options["minContextSlot"] = since.slot
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
            # A node that does not find where it should stop lists all it has.
            return [entry for entry in listed if entry["slot"] >= since.slot]
        before = {"before": page[-1]["signature"]}
    raise RpcUnavailable(f"{endpoint.name} lists the wallet's signatures for ever")


class NotShown(RpcUnavailable):
    """A node answered, and does not show a transaction: another may."""


async def show_transaction(rpc: RpcClient, signature: str) -> Mapping[str, Any]:
    """Return a listed transaction from a node that shows it, with its header.

    Raises RpcUnavailable when none does.
    """
    return await rpc.first(lambda node: show_at(node, signature))


async def show_at(endpoint: Endpoint, signature: str) -> Mapping[str, Any]:
    """Return a transaction as one node shows it, with its header.

    Raises NotShown, RpcUnavailable when it does not answer.
    """
    match shown := await ask_transaction(endpoint, signature):
        case {
            "transaction": {
                "message": {
                    "accountKeys": [*_],
                    "header": {"numRequiredSignatures": signers},
                }
            }
        } if is_count(signers):
            found: Mapping[str, Any] = shown
            return found
    # Of one that is listed, null means "not yet".
    kind = NotShown if shown is None else RpcUnavailable
    raise kind(f"{endpoint.name} does not show {signature} yet")


def is_signed_by(shown: Mapping[str, Any], wallet: Pubkey) -> bool:
    """Say whether the wallet signed what show_transaction() brought, or was only paid."""
    message = shown["transaction"]["message"]
    signers = message["accountKeys"][: message["header"]["numRequiredSignatures"]]
    return str(wallet) in signers


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
