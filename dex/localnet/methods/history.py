"""Methods that read landed transactions."""

from __future__ import annotations

import base64
from typing import Any

from solders.message import MessageV0

from dex.localnet import base58
from dex.localnet.node import Node
from dex.localnet.runtime import Loaded, load
from dex.localnet.store import Record

from .rpc import (
    TRANSACTION_VERSION_UNSUPPORTED,
    Options,
    Params,
    RpcError,
    invalid,
    signature,
)

MAX_SIGNATURES = 1_000


def get_transaction(node: Node, params: Params) -> Any:
    """Return a landed transaction; null while the node does not know it."""
    wanted = signature(params.text(0))
    options = params.options(1)
    record = node.transaction(wanted, newest_slot=_settled_slot(node, options))
    if record is None:
        return None
    loaded = load(record.raw)
    version = 0 if isinstance(loaded.message, MessageV0) else "legacy"
    supported = options.number("maxSupportedTransactionVersion")
    if version == 0 and supported is None:
        raise RpcError(
            TRANSACTION_VERSION_UNSUPPORTED,
            "Transaction version (0) is not supported by the requesting client. Please "
            "try the request again with the following configuration parameter: "
            '"maxSupportedTransactionVersion": 0',
        )
    encoding = options.text("encoding") or "json"
    answer = {
        "slot": record.slot,
        "blockTime": record.block_time,
        "transaction": _transaction_json(loaded, record.raw, encoding),
        "meta": record.meta,
    }
    return answer if supported is None else {**answer, "version": version}


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
        newest_slot=_settled_slot(node, options),
        limit=limit,
    )
    return [_listed(node, record) for record in records]


def _settled_slot(node: Node, options: Options) -> int:
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


def _transaction_json(loaded: Loaded, raw: bytes, encoding: str) -> Any:
    if encoding == "base64":
        return [base64.b64encode(raw).decode(), "base64"]
    if encoding == "base58":
        return [base58.encode(raw), "base58"]
    if encoding not in ("json", "jsonParsed"):
        raise invalid(f"Invalid params: unknown variant `{encoding}`.")
    parsed = encoding == "jsonParsed"
    message = _parsed_message(loaded) if parsed else _plain_message(loaded)
    if isinstance(loaded.message, MessageV0):
        message["addressTableLookups"] = []
    return {
        "signatures": [str(signed) for signed in loaded.transaction.signatures],
        "message": {**message, "recentBlockhash": str(loaded.blockhash)},
    }


def _plain_message(loaded: Loaded) -> dict[str, Any]:
    header = loaded.message.header
    return {
        "accountKeys": [str(key) for key in loaded.keys],
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "instructions": [
            {
                "programIdIndex": instruction.program_id_index,
                "accounts": list(instruction.accounts),
                "data": base58.encode(bytes(instruction.data)),
                "stackHeight": None,
            }
            for instruction in loaded.instructions
        ],
    }


def _parsed_message(loaded: Loaded) -> dict[str, Any]:
    """jsonParsed, with every instruction in the form of those nodes cannot parse."""
    return {
        "accountKeys": [
            {
                "pubkey": str(meta.pubkey),
                "signer": meta.is_signer,
                "writable": meta.is_writable,
                "source": "transaction",
            }
            for meta in loaded.metas
        ],
        "instructions": [
            {
                "programId": str(loaded.keys[instruction.program_id_index]),
                "accounts": [str(loaded.keys[at]) for at in instruction.accounts],
                "data": base58.encode(bytes(instruction.data)),
                "stackHeight": None,
            }
            for instruction in loaded.instructions
        ],
    }


METHODS = {
    "getTransaction": get_transaction,
    "getSignaturesForAddress": get_signatures_for_address,
}
