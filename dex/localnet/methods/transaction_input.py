"""Transactions as clients send them: text in base58 or base64, taken apart."""

from __future__ import annotations

import base64
import binascii
from functools import partial

from solders.message import MessageV1

from dex.localnet import base58
from dex.localnet.node import Node
from dex.localnet.runtime import Loaded, load
from dex.localnet.transaction_errors import TransactionError

from .rpc import SIGNATURE_VERIFICATION_FAILURE, Options, RpcError, invalid

MAX_TRANSACTION_BYTES = 1_232
# The longest texts of so many bytes, as real nodes bound them.
MAX_TEXT = {"base58": 1_683, "base64": 1_644}


def decode_transaction(text: str, options: Options) -> bytes:
    """Return the bytes of a transaction; RpcError when they cannot be one."""
    encoding = options.text("encoding") or "base58"
    if encoding not in MAX_TEXT:
        raise invalid(
            f"unsupported encoding: {encoding}. Supported encodings: base58, base64"
        )
    raw = decode_text(text, encoding, "VersionedTransaction")
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise invalid(
            f"decoded VersionedTransaction too large: {len(raw)} bytes "
            f"(max: {MAX_TRANSACTION_BYTES} bytes)"
        )
    return raw


def decode_text(text: str, encoding: str, kind: str) -> bytes:
    """Decode base58 or base64; RpcError when it is malformed or too long."""
    if len(text) > MAX_TEXT[encoding]:
        raise invalid(
            f"{encoding} encoded {kind} too large: {len(text)} bytes "
            f"(max: encoded/raw {MAX_TEXT[encoding]}/{MAX_TRANSACTION_BYTES})"
        )
    try:
        if encoding == "base58":
            return base58.decode(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise invalid(f"invalid {encoding} encoding: {error}") from None


def load_transaction(raw: bytes, node: Node, slot: int) -> Loaded:
    """Take a transaction apart, with what its lookup tables give in `slot`.

    Raises RpcError when it is malformed, or a table cannot serve.
    """
    try:
        loaded = load(raw)
        if isinstance(loaded.message, MessageV1):
            raise TransactionError("UnsupportedVersion")
        return loaded.resolved(partial(node.account, slot=slot), slot)
    except TransactionError as error:
        raise invalid(f"invalid transaction: {error}") from None


def require_signatures(loaded: Loaded) -> None:
    if not loaded.has_valid_signatures:
        raise RpcError(
            SIGNATURE_VERIFICATION_FAILURE,
            "Transaction signature verification failure",
        )
