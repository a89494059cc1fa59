"""Methods that read landed transactions."""

from __future__ import annotations

from typing import Any

from dex.localnet.node import Node
from dex.localnet.store import Record

from .rpc import Options, Params, invalid, signature
from .transaction_json import encoding_of, with_meta

MAX_SIGNATURES = 1_000


def get_transaction(node: Node, params: Params) -> Any:
    """Return a landed transaction; null while the node does not know it."""
    wanted = signature(params.text(0))
    options = params.options(1, may_be_encoding=True)
    encoding = encoding_of(options)
    record = node.transaction(wanted, newest_slot=settled_slot(node, options))
    if record is None:
        return None
    return {
        "slot": record.slot,
        **with_meta(record, encoding, options),
        "blockTime": record.block_time,
    }


def get_signatures_for_address(node: Node, params: Params) -> Any:
    address = params.pubkey(0)
    options = params.options(1)
    limit = options.number("limit")
    limit = MAX_SIGNATURES if limit is None else limit
    if not 1 <= limit <= MAX_SIGNATURES:
        raise invalid(f"Invalid limit; max {MAX_SIGNATURES}")
    before, until = options.text("before"), options.text("until")
    records = node.mentioning(
        address,
        before=None if before is None else signature(before),
        until=None if until is None else signature(until),
        newest_slot=settled_slot(node, options),
        limit=limit,
    )
    return [_listed(node, record) for record in records]


def settled_slot(node: Node, options: Options) -> int:
    """Return the newest slot whose transactions are shown: confirmed or finalized."""
    if options.commitment() == "processed":
        raise invalid("Method does not support commitment below `confirmed`")
    return node.slot(options)


def _listed(node: Node, record: Record) -> dict[str, Any]:
    return {
        "signature": record.signature,
        "slot": record.slot,
        "err": record.error,
        "memo": record.memo,
        "blockTime": record.block_time,
        "confirmationStatus": node.commitment_of(record.slot),
    }


METHODS = {
    "getTransaction": get_transaction,
    "getSignaturesForAddress": get_signatures_for_address,
}
