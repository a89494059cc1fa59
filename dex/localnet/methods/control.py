"""Methods that only localnet has: what it was born with, and the switches of tests."""

from __future__ import annotations

from typing import Any

from dex.localnet import genesis
from dex.localnet.faults.rules import BadRule
from dex.localnet.node import Node
from dex.solana.addresses import TOKEN_PROGRAM

from .rpc import METHOD_NOT_FOUND, Options, Params, RpcError, invalid

VENUES = {"raydium", "meteora"}
# So many slots or seconds ahead a call may reach: about thirty years.
MAX_AHEAD = 1_000_000_000


def localnet_genesis(node: Node, params: Params) -> Any:
    """List the tokens and pools this chain began with, for an operator's allow-list."""
    tokens = [
        {
            "mint": str(token.mint),
            "symbol": token.symbol,
            "name": token.name,
            "decimals": token.decimals,
            "tokenProgram": str(TOKEN_PROGRAM),
        }
        for token in genesis.TOKENS.values()
    ]
    tokens += [
        {
            "mint": str(forked.mint),
            "symbol": forked.symbol,
            "name": forked.name,
            "decimals": forked.decimals,
            "tokenProgram": str(forked.token_program),
        }
        for forked in node.network.fork.tokens
    ]
    pools = [
        {
            "address": str(pool.address),
            "venue": pool.venue,
            "tokenA": str(pool.base.mint),
            "tokenB": str(pool.quote.mint),
            "note": "localnet genesis",
        }
        for pool in genesis.pools()
    ]
    for copied in node.network.fork.pools:
        mint_a, mint_b = map(str, copied.held)
        pools.append(
            {
                "address": str(copied.address),
                "venue": copied.venue,
                "tokenA": mint_a,
                "tokenB": mint_b,
                "note": "forked into localnet",
            }
        )
    return {"tokens": tokens, "pools": pools}


def localnet_fund(node: Node, params: Params) -> Any:
    """Fund a wallet, or without one every wallet that was funded before."""
    _require_control(node)
    wanted = None if params.get(0) is None else params.pubkey(0)
    owners = node.network.funded if wanted is None else {wanted}
    for owner in sorted(owners, key=bytes):
        node.network.fund(owner)
    return sorted(str(owner) for owner in owners)


def localnet_advance(node: Node, params: Params) -> Any:
    """Move slot, height and clock at once: `slots`, and `seconds` if other than theirs."""
    _require_control(node)
    options = params.options(0)
    _refuse_unknown(options, {"slots", "seconds"})
    clock = node.ledger.clock
    slots = options.number("slots") or 0
    seconds = _seconds(options, "seconds")
    if seconds is None:
        seconds = slots * clock.anchor.slot_time_s
    if max(slots, seconds) > MAX_AHEAD:
        raise invalid(f"The clock moves {MAX_AHEAD:,} slots or seconds at most.")
    node.network.advance(slots, seconds)
    slot = clock.slot()
    return {
        "slot": slot,
        "blockHeight": clock.height(slot),
        "unixTimestamp": clock.unix_timestamp(slot),
    }


def localnet_set(node: Node, params: Params) -> Any:
    """Change how this chain misbehaves; members that are absent stay as they are.

    `delayMs` is of all nodes, or of the one that `node` numbers from 0.
    """
    _require_control(node)
    options = params.options(0)
    _refuse_unknown(options, SETTINGS)
    network = node.network
    delay = _seconds(options, "landingDelayS")
    if delay is not None:
        network.delay_landing(delay)
    rate = _seconds(options, "dropRate")
    if rate is not None:
        if rate > 1:
            raise invalid("dropRate is a share between 0 and 1.")
        network.drop(rate)
    count = options.number("dropNext")
    if count is not None:
        network.drop_next(count)
    _set_paused(node, options)
    _set_delay(node, options)
    if options.values.get("market") is not None:
        node.network.market_is_open = options.flag("market")
    return _settings(node)


SETTINGS = {
    "landingDelayS",
    "dropRate",
    "dropNext",
    "pausedVenues",
    "market",
    "delayMs",
    "node",
}


def _set_paused(node: Node, options: Options) -> None:
    venues = options.values.get("pausedVenues")
    if venues is None:
        return
    if not isinstance(venues, list) or not VENUES.issuperset(map(str, venues)):
        raise invalid(f"pausedVenues is a list of {', '.join(sorted(VENUES))}.")
    node.network.pause(venues)


def _set_delay(node: Node, options: Options) -> None:
    delay_ms = options.number("delayMs")
    if delay_ms is None:
        return
    nodes = node.network.nodes
    only = options.number("node")
    if only is not None and only >= len(nodes):
        raise invalid(f"There are {len(nodes)} nodes, numbered from 0.")
    for chosen in nodes if only is None else [nodes[only]]:
        node.network.slow_down(chosen.index, delay_ms / 1000)


def _settings(node: Node) -> dict[str, Any]:
    network = node.network
    late, rate, lost = (
        network.faults.switched(name)
        for name in ("landingDelayS", "dropRate", "dropNext")
    )
    slow = [network.faults.switched(f"delayMs {each.index}") for each in network.nodes]
    return {
        "landingDelayS": 0 if late is None else late.rule.delay_s,
        "dropRate": 0 if rate is None else rate.rule.probability,
        "dropNext": 0 if lost is None else lost.left,
        "pausedVenues": sorted(network.paused_venues),
        "market": network.market_is_open,
        "delayMs": [
            0 if fault is None else round(fault.rule.delay_s * 1000) for fault in slow
        ],
    }


def localnet_fault(node: Node, params: Params) -> Any:
    """Put a fault rule in force."""
    _require_control(node)
    try:
        return {"id": node.faults.add(params.get(0))}
    except BadRule as error:
        raise invalid(str(error)) from None


def localnet_faults(node: Node, params: Params) -> Any:
    """List the fault rules in force."""
    _require_control(node)
    return node.faults.listed()


def localnet_clear_faults(node: Node, params: Params) -> Any:
    """Lift all fault rules, or those with the ids given; return how many."""
    _require_control(node)
    ids = params.get(0)
    if ids is not None and not isinstance(ids, list):
        raise invalid("Invalid params: expected a list of the ids of faults.")
    in_force = [fault["id"] for fault in node.faults.listed()]
    unknown = [one for one in ids or () if one not in in_force]
    if unknown:
        raise invalid(
            f"No fault in force has the id {unknown[0]!r}: see localnet_faults."
        )
    return node.faults.clear(ids)


def _refuse_unknown(options: Options, known: set[str]) -> None:
    unknown = set(options.values) - known
    if unknown:
        raise invalid(f"Unknown settings: {', '.join(sorted(unknown))}")


def _seconds(options: Options, name: str) -> float | None:
    value = options.values.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_AHEAD:
        raise invalid(
            f"Invalid params: {name} should be a number from 0 to {MAX_AHEAD:,}."
        )
    return float(value)


def _require_control(node: Node) -> None:
    if not node.network.control:
        raise RpcError(METHOD_NOT_FOUND, "Method not found (start with --control)")


METHODS = {
    "localnet_genesis": localnet_genesis,
    "localnet_fund": localnet_fund,
    "localnet_advance": localnet_advance,
    "localnet_set": localnet_set,
    "localnet_fault": localnet_fault,
    "localnet_faults": localnet_faults,
    "localnet_clearFaults": localnet_clear_faults,
}
