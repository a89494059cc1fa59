"""Methods that take transactions: send, simulate, and where they have landed."""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import partial
from typing import Any

from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from dex.localnet import base58
from dex.localnet.genesis import FAUCET
from dex.localnet.ledger import Status
from dex.localnet.market import sign_transaction
from dex.localnet.meta import inner_instructions
from dex.localnet.node import Node
from dex.localnet.runtime import Loaded, Outcome, load
from dex.localnet.transaction_errors import TransactionError, transaction_text

from .accounts import with_context
from .chain import latest_blockhash
from .encoding import account_json
from .rpc import (
    SEND_PREFLIGHT_FAILURE,
    SIGNATURE_VERIFICATION_FAILURE,
    Options,
    Params,
    RpcError,
    invalid,
    pubkey,
    signature,
)

MAX_TRANSACTION_BYTES = 1_232
MAX_STATUSES = 256


def send_transaction(node: Node, params: Params) -> Any:
    options = params.options(1)
    raw = _decode(params.text(0), options)
    loaded = _load(raw)
    slot = node.slot(options, "preflightCommitment")
    if not options.flag("skipPreflight"):
        _require_signatures(loaded)
        value = _simulate(node, loaded, slot, check_blockhash=True)
        if value["err"] is not None:
            text = transaction_text(value["err"])
            message = f"Transaction simulation failed: {text}"
            raise RpcError(SEND_PREFLIGHT_FAILURE, message, value)
    node.submit(raw, loaded)
    return loaded.signature


def simulate_transaction(node: Node, params: Params) -> Any:
    options = params.options(1)
    loaded = _load(_decode(params.text(0), options))
    replaces = options.flag("replaceRecentBlockhash")
    if options.flag("sigVerify"):
        if replaces:
            raise invalid("sigVerify may not be used with replaceRecentBlockhash")
        _require_signatures(loaded)
    slot = node.slot(options)
    value = _simulate(node, loaded, slot, check_blockhash=not replaces, options=options)
    if replaces:
        value["replacementBlockhash"] = latest_blockhash(node, slot)
    return with_context(slot, value)


def get_signature_statuses(node: Node, params: Params) -> Any:
    signatures = [signature(text) for text in params.texts(0, most=MAX_STATUSES)]
    search = params.options(1).flag("searchTransactionHistory")
    statuses = [
        _status_json(node, node.status(text, search_history=search))
        for text in signatures
    ]
    return with_context(node.current_slot("processed"), statuses)


def request_airdrop(node: Node, params: Params) -> Any:
    """Pay lamports from the faucet, in a transaction like any other."""
    lamports = params.get(1)
    if isinstance(lamports, bool) or not isinstance(lamports, int) or lamports <= 0:
        raise invalid("Invalid params: expected a positive number of lamports.")
    ledger = node.ledger
    payment = transfer(
        TransferParams(
            from_pubkey=FAUCET.pubkey(), to_pubkey=params.pubkey(0), lamports=lamports
        )
    )
    # The memo makes equal airdrops different transactions.
    memo = f"airdrop:{secrets.token_hex(8)}"
    raw = sign_transaction(ledger, FAUCET, [payment], memo)
    loaded = load(raw)
    ledger.land(raw, loaded)
    return loaded.signature


def _decode(text: str, options: Options) -> bytes:
    encoding = options.text("encoding") or "base58"
    try:
        if encoding == "base58":
            raw = base58.decode(text)
        elif encoding == "base64":
            raw = base64.b64decode(text, validate=True)
        else:
            raise invalid(
                f"unsupported encoding: {encoding}. Supported encodings: base58, base64"
            )
    except (ValueError, binascii.Error):
        raise invalid(f"invalid {encoding} encoding") from None
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise invalid(
            f"decoded VersionedTransaction too large: {len(raw)} bytes "
            f"(max: {MAX_TRANSACTION_BYTES} bytes)"
        )
    return raw


def _load(raw: bytes) -> Loaded:
    try:
        return load(raw)
    except TransactionError as error:
        raise invalid(f"invalid transaction: {error}") from None


def _require_signatures(loaded: Loaded) -> None:
    if not loaded.has_valid_signatures:
        raise RpcError(
            SIGNATURE_VERIFICATION_FAILURE,
            "Transaction signature verification failure",
        )


def _simulate(
    node: Node,
    loaded: Loaded,
    slot: int,
    *,
    check_blockhash: bool,
    options: Options | None = None,
) -> dict[str, Any]:
    """Return the value of simulateTransaction, which preflight errors carry, too."""
    try:
        if check_blockhash:
            node.check(loaded, slot)
        outcome = node.dry_run(loaded, slot)
    except TransactionError as error:
        outcome = Outcome(error.error, [], 0, 0, {}, {})
    options = options or Options(None)
    return {
        "err": outcome.error,
        "logs": outcome.logs,
        "accounts": _accounts_after(node, slot, outcome, options),
        "unitsConsumed": outcome.units,
        "returnData": None,
        "innerInstructions": (
            inner_instructions(outcome) if options.flag("innerInstructions") else None
        ),
        "replacementBlockhash": None,
    }


def _accounts_after(
    node: Node, slot: int, outcome: Outcome, options: Options
) -> list[Any] | None:
    wanted = options.values.get("accounts")
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or not isinstance(wanted.get("addresses"), list):
        raise invalid("Invalid params: accounts should have addresses.")
    encoding = wanted.get("encoding") or "base64"
    if encoding not in ("base64", "jsonParsed"):
        raise invalid(f"{encoding} encoding not supported")
    addresses: list[Pubkey] = [pubkey(str(text)) for text in wanted["addresses"]]
    if outcome.error is not None:
        return [None] * len(addresses)
    read = partial(node.account, slot=slot)
    return [
        account_json(
            address,
            outcome.changes[address] if address in outcome.changes else read(address),
            Options({"encoding": encoding}),
            read,
        )
        for address in addresses
    ]


def _status_json(node: Node, status: Status | None) -> Any:
    if status is None:
        return None
    settled = node.commitment_of(status.slot)
    return {
        "slot": status.slot,
        "confirmations": (
            None
            if settled == "finalized"
            else node.current_slot("processed") - status.slot
        ),
        "err": status.error,
        "status": {"Ok": None} if status.error is None else {"Err": status.error},
        "confirmationStatus": settled,
    }


METHODS = {
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
    "getSignatureStatuses": get_signature_statuses,
    "requestAirdrop": request_airdrop,
}
