"""Methods about the cluster: one leader, nobody who votes or stakes, no inflation."""

from __future__ import annotations

import hashlib
import heapq
from typing import Any

from solders.keypair import Keypair

from dex.localnet.node import Node
from dex.localnet.slots import FIRST_SLOT, SLOTS_PER_EPOCH

from .accounts import API_VERSION, with_context
from .rpc import NO_SNAPSHOT, Options, Params, RpcError, invalid, pubkey

MAX_LEADERS = 5_000
MAX_LARGEST = 20


def identity(node: Node, index: int) -> str:
    """Return the address by which a node of this cluster is known, from 0."""
    seed = bytes(node.ledger.genesis_hash) + index.to_bytes(4, "little")
    return str(Keypair.from_seed(hashlib.sha256(seed).digest()).pubkey())


def _leader(node: Node) -> str:
    return identity(node, 0)


def get_identity(node: Node, params: Params) -> Any:
    return {"identity": identity(node, node.index)}


def get_cluster_nodes(node: Node, params: Params) -> Any:
    """List the nodes; none of them takes anything but JSON-RPC."""
    ports = (
        *("gossip", "tvu", "tpu", "tpuQuic", "tpuForwards", "tpuForwardsQuic"),
        *("tpuVote", "serveRepair", "rpc", "pubsub"),
    )
    return [
        {
            "pubkey": identity(node, each.index),
            **dict.fromkeys(ports),
            "version": API_VERSION,
            "featureSet": 0,
            "shredVersion": 0,
        }
        for each in node.network.nodes
    ]


def get_vote_accounts(node: Node, params: Params) -> Any:
    params.options(0).commitment()
    return {"current": [], "delinquent": []}


def get_slot_leader(node: Node, params: Params) -> Any:
    node.slot(params.options(0))
    return _leader(node)


def get_slot_leaders(node: Node, params: Params) -> Any:
    first, limit = params.number(0), params.number(1)
    if not 1 <= limit <= MAX_LEADERS:
        raise invalid(f"Invalid limit; max {MAX_LEADERS}")
    newest = node.current_slot("processed")
    if first // SLOTS_PER_EPOCH > newest // SLOTS_PER_EPOCH + 1:
        raise invalid(f"Invalid slot range: leader schedule for slot {first} unknown")
    return [_leader(node)] * limit


def get_leader_schedule(node: Node, params: Params) -> Any:
    """Return every slot of an epoch, as the leader's; null for an epoch too far off."""
    given = params.get(0)
    options = params.options(0 if isinstance(given, dict) else 1)
    slot = node.current_slot(options.commitment())
    wanted = slot if given is None or isinstance(given, dict) else params.number(0)
    if wanted // SLOTS_PER_EPOCH > slot // SLOTS_PER_EPOCH + 1:
        return None
    only = options.text("identity")
    if only is not None and str(pubkey(only)) != _leader(node):
        return {}
    return {_leader(node): list(range(SLOTS_PER_EPOCH))}


def get_block_production(node: Node, params: Params) -> Any:
    """Return how many of its slots the leader filled: all since the first."""
    options = params.options(0)
    newest = node.slot(options)
    asked = options.within("range") or Options(None)
    first, last = asked.number("firstSlot"), asked.number("lastSlot")
    first = max(FIRST_SLOT, 0 if first is None else first)
    last = newest if last is None else last
    if not first <= last <= newest:
        raise invalid(f"Slot range should be within {FIRST_SLOT} and {newest}")
    slots = last - first + 1
    only = options.text("identity")
    shown = {_leader(node): [slots, slots]}
    if only is not None and str(pubkey(only)) != _leader(node):
        shown = {}
    value = {"byIdentity": shown, "range": {"firstSlot": first, "lastSlot": last}}
    return with_context(newest, value)


def get_inflation_governor(node: Node, params: Params) -> Any:
    params.options(0).commitment()
    names = ("initial", "terminal", "taper", "foundation", "foundationTerm")
    return dict.fromkeys(names, 0.0)


def get_inflation_rate(node: Node, params: Params) -> Any:
    epoch = node.current_slot("processed") // SLOTS_PER_EPOCH
    return {"total": 0.0, "validator": 0.0, "foundation": 0.0, "epoch": epoch}


def get_inflation_reward(node: Node, params: Params) -> Any:
    addresses = params.texts(0, most=MAX_LEADERS)
    node.slot(params.options(1))
    return [None for address in addresses if pubkey(address)]


def get_supply(node: Node, params: Params) -> Any:
    """Return the lamports of all accounts; all of them circulate."""
    options = params.options(0)
    options.flag("excludeNonCirculatingAccountsList")
    slot = node.slot(options)
    total = sum(account.lamports for _, account in node.every_account(slot))
    value = {"total": total, "circulating": total, "nonCirculating": 0}
    return with_context(slot, {**value, "nonCirculatingAccounts": []})


def get_largest_accounts(node: Node, params: Params) -> Any:
    options = params.options(0)
    slot = node.slot(options)
    held = heapq.nlargest(
        MAX_LARGEST,
        (
            (account.lamports, str(address))
            for address, account in node.every_account(slot)
        ),
    )
    kind = options.choice("filter", ("circulating", "nonCirculating"), "circulating")
    if kind == "nonCirculating":
        held = []
    value = [{"lamports": lamports, "address": address} for lamports, address in held]
    return with_context(slot, value)


def get_newest_slot(node: Node, params: Params) -> Any:
    return node.current_slot("processed")


def get_highest_snapshot_slot(node: Node, params: Params) -> Any:
    raise RpcError(NO_SNAPSHOT, "No snapshot")


METHODS = {
    "getIdentity": get_identity,
    "getClusterNodes": get_cluster_nodes,
    "getVoteAccounts": get_vote_accounts,
    "getSlotLeader": get_slot_leader,
    "getSlotLeaders": get_slot_leaders,
    "getLeaderSchedule": get_leader_schedule,
    "getBlockProduction": get_block_production,
    "getInflationGovernor": get_inflation_governor,
    "getInflationRate": get_inflation_rate,
    "getInflationReward": get_inflation_reward,
    "getSupply": get_supply,
    "getLargestAccounts": get_largest_accounts,
    "getMaxRetransmitSlot": get_newest_slot,
    "getMaxShredInsertSlot": get_newest_slot,
    "getHighestSnapshotSlot": get_highest_snapshot_slot,
}
