"""Methods about the chain itself: slots, heights, blockhashes, fees."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from solders.message import Message, MessageV0, from_bytes_versioned

from dex.localnet.node import Node
from dex.localnet.programs.compute_budget import read_budget
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.localnet.slots import MAX_BLOCKHASH_AGE, SLOTS_PER_EPOCH
from dex.localnet.transaction_errors import TransactionError

from .accounts import API_VERSION, with_context
from .rpc import Params, blockhash, invalid

PRIORITIZATION_SLOTS = 150


def get_health(node: Node, params: Params) -> Any:
    return "ok"


def get_version(node: Node, params: Params) -> Any:
    """Say outright that this is no real chain."""
    return {"solana-core": API_VERSION, "feature-set": 0, "localnet": True}


def get_genesis_hash(node: Node, params: Params) -> Any:
    return str(node.ledger.genesis_hash)


def get_slot(node: Node, params: Params) -> Any:
    return node.slot(params.options(0))


def get_block_height(node: Node, params: Params) -> Any:
    return node.ledger.clock.height(node.slot(params.options(0)))


def get_epoch_info(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(0))
    return {
        "absoluteSlot": slot,
        "blockHeight": node.ledger.clock.height(slot),
        "epoch": slot // SLOTS_PER_EPOCH,
        "slotIndex": slot % SLOTS_PER_EPOCH,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": node.ledger.store.history.count(),
    }


def latest_blockhash(node: Node, slot: int) -> dict[str, Any]:
    """Return the newest blockhash that this node knows as of `slot`."""
    clock = node.ledger.clock
    hashed = node.blockhash_slot(slot)
    return {
        "blockhash": str(clock.blockhash(hashed)),
        "lastValidBlockHeight": clock.height(hashed) + MAX_BLOCKHASH_AGE,
    }


def get_latest_blockhash(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(0))
    return with_context(slot, latest_blockhash(node, slot))


def is_blockhash_valid(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    known = blockhash(params.text(0))
    return with_context(slot, node.is_blockhash_valid(known, slot))


def get_fee_for_message(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    try:
        message = from_bytes_versioned(base64.b64decode(params.text(0), validate=True))
        assert isinstance(message, Message | MessageV0)
        budget = read_budget(message.account_keys, message.instructions)
    except (binascii.Error, ValueError, AssertionError, TransactionError) as error:
        raise invalid(f"invalid transaction: {error}") from None
    if not node.is_blockhash_valid(message.recent_blockhash, slot):
        return with_context(slot, None)
    return with_context(slot, budget.fee(message.header.num_required_signatures))


def get_minimum_balance(node: Node, params: Params) -> Any:
    size = params.get(0)
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise invalid("Invalid params: expected the size of an account in bytes.")
    return rent_exempt_minimum(size)


def get_recent_prioritization_fees(node: Node, params: Params) -> Any:
    """Nobody needs priority here: localnet has room for every transaction."""
    newest = node.current_slot("processed")
    slots = range(newest - PRIORITIZATION_SLOTS + 1, newest + 1)
    return [{"slot": slot, "prioritizationFee": 0} for slot in slots]


METHODS = {
    "getHealth": get_health,
    "getVersion": get_version,
    "getGenesisHash": get_genesis_hash,
    "getSlot": get_slot,
    "getBlockHeight": get_block_height,
    "getEpochInfo": get_epoch_info,
    "getLatestBlockhash": get_latest_blockhash,
    "isBlockhashValid": is_blockhash_valid,
    "getFeeForMessage": get_fee_for_message,
    "getMinimumBalanceForRentExemption": get_minimum_balance,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
}
