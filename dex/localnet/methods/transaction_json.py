"""Landed transactions as JSON, in every encoding of getTransaction and getBlock.

Shapes: agave `transaction-status/src/lib.rs`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from solders.instruction import CompiledInstruction
from solders.message import Message, MessageV0, MessageV1
from solders.transaction import VersionedTransaction

from dex.localnet import base58
from dex.localnet.parsing.instructions import parse_inner, parse_instruction
from dex.localnet.programs import RESERVED
from dex.localnet.store import Record

from .rpc import TRANSACTION_VERSION_UNSUPPORTED, Options, RpcError

ENCODINGS = ("binary", "base64", "base58", "json", "jsonParsed")
TOP_LEVEL = 1
RESERVED_NAMES = frozenset(map(str, RESERVED))
AnyMessage = Message | MessageV0 | MessageV1
# What `transactionDetails: accounts` leaves of the meta.
SIMPLE_META = (
    *("err", "status", "fee", "preBalances", "postBalances"),
    *("preTokenBalances", "postTokenBalances"),
)


def encoding_of(options: Options) -> str:
    return options.choice("encoding", ENCODINGS, "json")


def with_meta(
    record: Record, encoding: str, options: Options, *, rewards: bool = True
) -> dict[str, Any]:
    """Return transaction, meta and version; RpcError when the client is too old for it."""
    transaction = VersionedTransaction.from_bytes(record.raw)
    meta = dict(record.meta)
    if encoding == "jsonParsed":
        keys = _all_keys(transaction.message, record.meta)
        meta["innerInstructions"] = parse_inner(meta["innerInstructions"], keys)
        del meta["loadedAddresses"]
    if not rewards:
        meta["rewards"] = None
    return {
        "transaction": _encoded(transaction, record, encoding),
        "meta": meta,
        **_version(transaction.message, options),
    }


def with_accounts(record: Record, options: Options, *, rewards: bool) -> dict[str, Any]:
    """Return signatures and accounts without instructions, and what it did to them."""
    transaction = VersionedTransaction.from_bytes(record.raw)
    shown = (*SIMPLE_META, "rewards") if rewards else SIMPLE_META
    return {
        "transaction": {
            "signatures": [str(signed) for signed in transaction.signatures],
            "accountKeys": _annotated_keys(transaction.message, record.meta),
        },
        "meta": {name: record.meta[name] for name in shown},
        **_version(transaction.message, options),
    }


def _version(message: AnyMessage, options: Options) -> dict[str, Any]:
    """Return the version, which clients that name none they support do not know."""
    supported = options.number("maxSupportedTransactionVersion")
    if isinstance(message, Message):
        return {} if supported is None else {"version": "legacy"}
    version = 0 if isinstance(message, MessageV0) else 1
    if supported is None or supported < version:
        raise RpcError(
            TRANSACTION_VERSION_UNSUPPORTED,
            f"Transaction version ({version}) is not supported by the requesting "
            "client. Please try the request again with the following configuration "
            f'parameter: "maxSupportedTransactionVersion": {version}',
        )
    return {"version": version}


def _encoded(transaction: VersionedTransaction, record: Record, encoding: str) -> Any:
    if encoding == "base64":
        return [base64.b64encode(record.raw).decode(), "base64"]
    if encoding == "base58":
        return [base58.encode(record.raw), "base58"]
    if encoding == "binary":
        return base58.encode(record.raw)
    message = transaction.message
    if encoding == "jsonParsed":
        shown = _parsed_message(message, record.meta)
    else:
        shown = _plain_message(message)
    shown["recentBlockhash"] = str(message.recent_blockhash)
    if isinstance(message, MessageV0):
        shown["addressTableLookups"] = [
            {
                "accountKey": str(lookup.account_key),
                "writableIndexes": list(lookup.writable_indexes),
                "readonlyIndexes": list(lookup.readonly_indexes),
            }
            for lookup in message.address_table_lookups
        ]
    signatures = [str(signed) for signed in transaction.signatures]
    return {"signatures": signatures, "message": shown}


def _plain_message(message: AnyMessage) -> dict[str, Any]:
    header = message.header
    return {
        "accountKeys": [str(key) for key in message.account_keys],
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "instructions": [_compiled(each) for each in message.instructions],
    }


def _compiled(instruction: CompiledInstruction) -> dict[str, Any]:
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(instruction.accounts),
        "data": base58.encode(bytes(instruction.data)),
        "stackHeight": TOP_LEVEL,
    }


def _parsed_message(message: AnyMessage, meta: dict[str, Any]) -> dict[str, Any]:
    keys = _all_keys(message, meta)
    return {
        "accountKeys": _annotated_keys(message, meta),
        "instructions": [
            parse_instruction(
                keys[each.program_id_index],
                [keys[position] for position in each.accounts],
                bytes(each.data),
                TOP_LEVEL,
            )
            for each in message.instructions
        ],
    }


def _all_keys(message: AnyMessage, meta: dict[str, Any]) -> list[str]:
    """Return the addresses that instructions count: the message's, then the loaded."""
    loaded = meta["loadedAddresses"]
    own = [str(key) for key in message.account_keys]
    return [*own, *loaded["writable"], *loaded["readonly"]]


def _annotated_keys(message: AnyMessage, meta: dict[str, Any]) -> list[dict[str, Any]]:
    keys = _all_keys(message, meta)
    own = len(message.account_keys)
    writable = _writable_positions(message, len(meta["loadedAddresses"]["writable"]))
    called = {keys[each.program_id_index] for each in message.instructions}
    return [
        {
            "pubkey": key,
            "signer": position < message.header.num_required_signatures,
            "writable": position in writable and not _is_reserved(key, called),
            "source": "transaction" if position < own else "lookupTable",
        }
        for position, key in enumerate(keys)
    ]


def _writable_positions(message: AnyMessage, loaded: int) -> set[int]:
    """Return the positions that the header and the lookups call writable."""
    header, own = message.header, len(message.account_keys)
    signers = header.num_required_signatures
    ranges: Sequence[range] = (
        range(signers - header.num_readonly_signed_accounts),
        range(signers, own - header.num_readonly_unsigned_accounts),
        range(own, own + loaded),
    )
    return {position for each in ranges for position in each}


def _is_reserved(key: str, called: set[str]) -> bool:
    """Say whether nobody may write this account, whatever the header says."""
    return key in called or key in RESERVED_NAMES or key.startswith("Sysvar")
