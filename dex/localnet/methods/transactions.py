"""Methods that take transactions, and where they have landed."""

from __future__ import annotations

import secrets
from typing import Any

from solders.instruction import Instruction
from solders.message import Message
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from dex.localnet.genesis import FAUCET
from dex.localnet.ledger import Status
from dex.localnet.node import Node
from dex.localnet.runtime import Loaded, load
from dex.localnet.transaction_errors import transaction_text
from dex.solana.addresses import MEMO_PROGRAM

from .accounts import with_context
from .chain import require_health
from .rpc import SEND_PREFLIGHT_FAILURE, Options, Params, RpcError, signature
from .simulation import dry_run, simulated
from .transaction_input import decode_transaction, load_transaction, require_signatures

MAX_STATUSES = 256


def send_transaction(node: Node, params: Params) -> Any:
    """Check a transaction unless told otherwise, take it, and return its signature."""
    options = params.options(1)
    raw = decode_transaction(params.text(0), options)
    options.number("maxRetries")  # landing is certain here: there is nothing to retry
    skips = options.flag("skipPreflight")
    if skips:
        options = Options({**options.values, "preflightCommitment": "processed"})
    slot = node.slot(options, "preflightCommitment")
    loaded = load_transaction(raw, node, slot)
    if not skips:
        _preflight(node, loaded, slot)
    node.submit(raw, loaded)
    return loaded.signature


def _preflight(node: Node, loaded: Loaded, slot: int) -> None:
    require_signatures(loaded)
    require_health(node)
    outcome = dry_run(node, loaded, slot, check_blockhash=True)
    if outcome.error is not None:
        text = transaction_text(outcome.error)
        message = f"Transaction simulation failed: {text}"
        raise RpcError(SEND_PREFLIGHT_FAILURE, message, simulated(outcome))


def get_signature_statuses(node: Node, params: Params) -> Any:
    signatures = [signature(text) for text in params.texts(0, most=MAX_STATUSES)]
    search = params.options(1).flag("searchTransactionHistory")
    # Read first: what is not known below had not landed in this slot or before.
    slot = node.current_slot("processed")
    statuses = [
        _status_json(node, node.status(text, search_history=search))
        for text in signatures
    ]
    return with_context(slot, statuses)


def _status_json(node: Node, status: Status | None) -> Any:
    if status is None:
        return None
    settled = node.commitment_of(status.slot)
    depth = node.current_slot("processed") - status.slot
    return {
        "slot": status.slot,
        "confirmations": None if settled == "finalized" else depth,
        "err": status.error,
        "status": {"Ok": None} if status.error is None else {"Err": status.error},
        "confirmationStatus": settled,
    }


def request_airdrop(node: Node, params: Params) -> Any:
    """Pay lamports from the faucet, in a transaction like any other.

    It is of the legacy version, as real faucets sign it: every client can read it.
    """
    ledger = node.ledger
    payment = transfer(
        TransferParams(
            from_pubkey=FAUCET.pubkey(),
            to_pubkey=params.pubkey(0),
            lamports=params.number(1),
        )
    )
    # The memo makes equal airdrops different transactions.
    memo = Instruction(MEMO_PROGRAM, f"airdrop:{secrets.token_hex(8)}".encode(), [])
    blockhash = ledger.clock.blockhash(ledger.clock.slot())
    message = Message.new_with_blockhash([payment, memo], FAUCET.pubkey(), blockhash)
    raw = bytes(VersionedTransaction(message, [FAUCET]))
    loaded = load(raw)
    ledger.land(raw, loaded)
    return loaded.signature


METHODS = {
    "sendTransaction": send_transaction,
    "getSignatureStatuses": get_signature_statuses,
    "requestAirdrop": request_airdrop,
}
