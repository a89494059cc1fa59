"""Methods about the chain itself: health, slots, heights, blockhashes, fees."""

from __future__ import annotations

from typing import Any

from solders.message import Message, MessageV0, from_bytes_versioned

from dex.localnet.node import Node
from dex.localnet.programs.compute_budget import read_budget
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.localnet.slots import MAX_BLOCKHASH_AGE, SLOTS_PER_EPOCH
from dex.localnet.transaction_errors import TransactionError

from .accounts import API_VERSION, with_context
from .rpc import NODE_UNHEALTHY, Params, RpcError, blockhash, invalid, pubkey
from .transaction_input import decode_text

PRIORITIZATION_SLOTS = 150
MAX_LOCKED_ACCOUNTS = 128
# A node further behind than this says that it is unhealthy.
HEALTHY_LAG_SLOTS = 128


def get_health(node: Node, params: Params) -> Any:
    require_health(node)
    return "ok"


def require_health(node: Node) -> None:
    """Raise RpcError when this node is far behind the others."""
    behind = node.ledger.clock.slot() - node.current_slot("processed")
    if behind > HEALTHY_LAG_SLOTS:
        raise RpcError(
            NODE_UNHEALTHY,
            f"Node is behind by {behind} slots",
            {"numSlotsBehind": behind},
        )


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
        "transactionCount": node.transaction_count(slot),
    }


def get_transaction_count(node: Node, params: Params) -> Any:
    return node.transaction_count(node.slot(params.options(0)))


def get_epoch_schedule(node: Node, params: Params) -> Any:
    """Epochs have had their full length from the first slot on."""
    return {
        "slotsPerEpoch": SLOTS_PER_EPOCH,
        "leaderScheduleSlotOffset": SLOTS_PER_EPOCH,
        "warmup": False,
        "firstNormalEpoch": 0,
        "firstNormalSlot": 0,
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
    """Return the fee in lamports, null when the blockhash is not known or too old.

    Lookup tables change nothing about the fee and are not read.
    """
    slot = node.slot(params.options(1))
    raw = decode_text(params.text(0), "base64", "VersionedMessage")
    try:
        message = from_bytes_versioned(raw)
    except Exception as error:  # solders raises several unrelated classes
        raise invalid(f"failed to deserialize VersionedMessage: {error}") from None
    if not isinstance(message, Message | MessageV0):
        raise invalid("invalid transaction message: its version is unsupported")
    if not node.is_blockhash_valid(message.recent_blockhash, slot):
        return with_context(slot, None)
    try:
        budget = read_budget(message.account_keys, message.instructions)
    except (TransactionError, IndexError) as error:
        raise invalid(f"invalid transaction message: {error}") from None
    return with_context(slot, budget.fee(message.header.num_required_signatures))


def get_minimum_balance(node: Node, params: Params) -> Any:
    return rent_exempt_minimum(params.number(0))


def get_recent_prioritization_fees(node: Node, params: Params) -> Any:
    """Nobody needs priority here: localnet has room for every transaction."""
    if params.get(0) is not None:
        for address in params.texts(0, most=MAX_LOCKED_ACCOUNTS):
            pubkey(address)
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
    "getEpochSchedule": get_epoch_schedule,
    "getTransactionCount": get_transaction_count,
    "getLatestBlockhash": get_latest_blockhash,
    "isBlockhashValid": is_blockhash_valid,
    "getFeeForMessage": get_fee_for_message,
    "getMinimumBalanceForRentExemption": get_minimum_balance,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
}
