"""Methods that read blocks: every slot from the first on has one."""

from __future__ import annotations

from typing import Any

from dex.localnet.node import Node
from dex.localnet.slots import FIRST_SLOT

from .history import settled_slot
from .rpc import (
    BLOCK_CLEANED_UP,
    BLOCK_NOT_AVAILABLE,
    Options,
    Params,
    RpcError,
    invalid,
    whole_number,
)
from .transaction_json import encoding_of, with_accounts, with_meta

DETAILS = ("full", "accounts", "signatures", "none")
MAX_RANGE = 500_000
MAX_SAMPLES = 720
SAMPLE_S = 60


def get_block(node: Node, params: Params) -> Any:
    """Return the block of a slot with what landed in it."""
    slot = params.number(0)
    options = params.options(1, may_be_encoding=True)
    content = _content(node, slot, options)
    if options.flag("rewards", default=True):
        content["rewards"] = []  # nobody stakes here
    clock = node.ledger.clock
    return {
        "previousBlockhash": str(clock.blockhash(slot - 1)),
        "blockhash": str(clock.blockhash(slot)),
        "parentSlot": slot - 1,
        **content,
        "blockTime": clock.unix_timestamp(slot),
        "blockHeight": clock.height(slot),
    }


def _content(node: Node, slot: int, options: Options) -> dict[str, Any]:
    """Return as much of the transactions of a block as is asked for."""
    details = options.choice("transactionDetails", DETAILS, "full")
    encoding = encoding_of(options)
    rewards = options.flag("rewards", default=True)
    _require_block(slot, settled_slot(node, options))
    if details == "none":
        return {}
    records = node.landed_in(slot)
    if details == "signatures":
        return {"signatures": [record.signature for record in records]}
    return {
        "transactions": [
            with_accounts(record, options, rewards=rewards)
            if details == "accounts"
            else with_meta(record, encoding, options, rewards=rewards)
            for record in records
        ]
    }


def _require_block(slot: int, newest: int) -> None:
    if slot < FIRST_SLOT:
        raise RpcError(
            BLOCK_CLEANED_UP,
            f"Block {slot} cleaned up, does not exist on node. "
            f"First available block: {FIRST_SLOT}",
        )
    if slot > newest:
        message = f"Block not available for slot {slot}"
        raise RpcError(BLOCK_NOT_AVAILABLE, message)


def get_block_time(node: Node, params: Params) -> Any:
    slot = params.number(0)
    _require_block(slot, node.current_slot("processed"))
    return node.ledger.clock.unix_timestamp(slot)


def get_blocks(node: Node, params: Params) -> Any:
    """Return the slots with a block from a first one to a last one, if given."""
    first, last = params.number(0), params.get(1)
    # The options may come in the place of the last slot.
    options = params.options(1 if isinstance(last, dict) else 2)
    newest = settled_slot(node, options)
    end = first + MAX_RANGE
    if last is not None and not isinstance(last, dict):
        end = whole_number("params[1]", last)
    end = min(end, newest)
    if end - first > MAX_RANGE:
        raise invalid(f"Slot range too large; max {MAX_RANGE}")
    return list(range(max(first, FIRST_SLOT), end + 1))


def get_blocks_with_limit(node: Node, params: Params) -> Any:
    first, limit = params.number(0), params.number(1)
    newest = settled_slot(node, params.options(2))
    if limit > MAX_RANGE:
        raise invalid(f"Limit too large; max {MAX_RANGE}")
    first = max(first, FIRST_SLOT)
    return list(range(first, min(first + limit - 1, newest) + 1))


def get_first_available_block(node: Node, params: Params) -> Any:
    return FIRST_SLOT


def get_block_commitment(node: Node, params: Params) -> Any:
    """Nobody stakes and votes here, so no stake stands behind any block."""
    params.number(0)
    return {"commitment": None, "totalStake": 0}


def get_recent_performance_samples(node: Node, params: Params) -> Any:
    """Return how many slots and transactions each whole minute had, newest first."""
    limit = MAX_SAMPLES if params.get(0) is None else params.number(0)
    if limit > MAX_SAMPLES:
        raise invalid(f"Invalid limit; max {MAX_SAMPLES}")
    newest = node.current_slot("finalized")
    slots = max(1, round(SAMPLE_S / node.ledger.clock.anchor.slot_time_s))
    samples = []
    for last in range(newest, FIRST_SLOT + slots - 1, -slots)[:limit]:
        landed = node.transaction_count(last) - node.transaction_count(last - slots)
        samples.append(
            {
                "slot": last,
                "numSlots": slots,
                "numTransactions": landed,
                "numNonVoteTransactions": landed,
                "samplePeriodSecs": SAMPLE_S,
            }
        )
    return samples


METHODS = {
    "getBlock": get_block,
    "getBlockTime": get_block_time,
    "getBlocks": get_blocks,
    "getBlocksWithLimit": get_blocks_with_limit,
    "getFirstAvailableBlock": get_first_available_block,
    "minimumLedgerSlot": get_first_available_block,
    "getBlockCommitment": get_block_commitment,
    "getRecentPerformanceSamples": get_recent_performance_samples,
}
