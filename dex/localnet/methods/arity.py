"""How many parameters each method takes, and the words for another number.

The numbers are those of agave's rpc/src/rpc.rs and rpc/src/rpc_pubsub.rs, the words those of
the library that it declares them with (paritytech/jsonrpc, derive/src/to_delegate.rs).
"""

from __future__ import annotations

from .rpc import INVALID_PARAMS, RpcError, invalid

# The least and the most.
ARITY: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            *("getClusterNodes", "getEpochSchedule", "getFirstAvailableBlock"),
            *("getGenesisHash", "getHealth", "getHighestSnapshotSlot", "getIdentity"),
            *("getInflationRate", "getMaxRetransmitSlot", "getMaxShredInsertSlot"),
            *("getVersion", "minimumLedgerSlot", "localnet_faults", "localnet_genesis"),
            *("rootSubscribe", "slotSubscribe", "slotsUpdatesSubscribe"),
            "voteSubscribe",
        ),
        (0, 0),
    ),
    **dict.fromkeys(
        (
            *("getBlockHeight", "getBlockProduction", "getEpochInfo"),
            *("getInflationGovernor", "getLargestAccounts", "getLatestBlockhash"),
            *("getRecentPerformanceSamples", "getRecentPrioritizationFees", "getSlot"),
            *("getSlotLeader", "getSupply", "getTransactionCount", "getVoteAccounts"),
            *("localnet_advance", "localnet_clearFaults", "localnet_fund"),
            "localnet_set",
        ),
        (0, 1),
    ),
    "getLeaderSchedule": (0, 2),
    **dict.fromkeys(
        (
            *("getBlockCommitment", "getBlockTime", "localnet_fault"),
            *("accountUnsubscribe", "blockUnsubscribe", "logsUnsubscribe"),
            *("programUnsubscribe", "rootUnsubscribe", "signatureUnsubscribe"),
            *("slotUnsubscribe", "slotsUpdatesUnsubscribe", "voteUnsubscribe"),
        ),
        (1, 1),
    ),
    **dict.fromkeys(
        (
            *("getAccountInfo", "getBalance", "getBlock", "getFeeForMessage"),
            *("getInflationReward", "getMinimumBalanceForRentExemption"),
            *("getMultipleAccounts", "getProgramAccounts", "getSignatureStatuses"),
            *("getSignaturesForAddress", "getTokenAccountBalance"),
            *("getTokenLargestAccounts", "getTokenSupply", "getTransaction"),
            *("isBlockhashValid", "sendTransaction", "simulateTransaction"),
            *("accountSubscribe", "blockSubscribe", "logsSubscribe"),
            *("programSubscribe", "signatureSubscribe"),
        ),
        (1, 2),
    ),
    "getBlocks": (1, 3),
    "getSlotLeaders": (2, 2),
    **dict.fromkeys(
        (
            *("getBlocksWithLimit", "getTokenAccountsByDelegate"),
            *("getTokenAccountsByOwner", "requestAirdrop"),
        ),
        (2, 3),
    ),
}


def check_arity(method: str, given: int) -> None:
    """Raise RpcError when a method does not take so many parameters."""
    least, most = ARITY[method]
    if least <= given <= most:
        return
    if most == 0:
        raise invalid("Invalid parameters: No parameters were expected")
    if least == most:
        tuple_of = f"a tuple of size {most}"
        expected = tuple_of if given < least else "fewer elements in array"
        raise invalid(f"Invalid params: invalid length {given}, expected {expected}.")
    if given < least:
        raise invalid(f"`params` should have at least {least} argument(s)")
    raise RpcError(
        INVALID_PARAMS,
        f"Invalid parameters: Expected from {least} to {most} parameters.",
        f'"Got: {given}"',
    )
