"""The methods of the socket: each reads its parameters and makes a subscription."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from solders.pubkey import Pubkey
from solders.signature import Signature

from dex.localnet.methods.filters import account_filter
from dex.localnet.methods.rpc import METHOD_NOT_FOUND, Params, RpcError, invalid
from dex.localnet.node import Node

from .slots import (
    RootSubscription,
    SlotSubscription,
    SlotsUpdatesSubscription,
)
from .subscriptions import (
    AccountSubscription,
    LogsSubscription,
    ProgramSubscription,
    SignatureSubscription,
    Subscription,
)

Subscribe = Callable[[Node, Params], Subscription]
Named = TypeVar("Named", Pubkey, Signature)


def account(node: Node, params: Params) -> Subscription:
    address = _parsed(Pubkey, params.text(0), "pubkey")
    return AccountSubscription(node, address, params.options(1))


def program(node: Node, params: Params) -> Subscription:
    address = _parsed(Pubkey, params.text(0), "pubkey")
    options = params.options(1)
    matches = account_filter(options.values.get("filters"))
    return ProgramSubscription(node, address, options, matches)


def logs(node: Node, params: Params) -> Subscription:
    commitment = params.options(1).commitment()
    return LogsSubscription(node, _mentioned(params.get(0)), commitment)


def _mentioned(wanted: Any) -> Pubkey | None:
    """Return the address whose logs are wanted, None for all."""
    if wanted in ("all", "allWithVotes"):  # nobody votes here
        return None
    addresses = wanted.get("mentions") if isinstance(wanted, dict) else None
    if not isinstance(addresses, list):
        raise invalid("Invalid params: expected all, allWithVotes or mentions.")
    if len(addresses) != 1:
        raise invalid("Invalid Request: Only 1 address supported")
    return _parsed(Pubkey, addresses[0], "mentions")


def signature(node: Node, params: Params) -> Subscription:
    wanted = _parsed(Signature, params.text(0), "signature")
    options = params.options(1)
    return SignatureSubscription(
        node,
        str(wanted),
        options.commitment(),
        tells_received=options.flag("enableReceivedNotification"),
    )


def slot(node: Node, params: Params) -> Subscription:
    return SlotSubscription(node)


def root(node: Node, params: Params) -> Subscription:
    return RootSubscription(node)


def slots_updates(node: Node, params: Params) -> Subscription:
    return SlotsUpdatesSubscription(node)


def not_offered(node: Node, params: Params) -> Subscription:
    """Refuse as real nodes do unless their operator switched it on."""
    raise RpcError(METHOD_NOT_FOUND, "Method not found")


def _parsed(kind: type[Named], text: Any, name: str) -> Named:
    try:
        return kind.from_string(text)
    except (ValueError, TypeError):
        raise invalid(f"Invalid Request: Invalid {name} provided") from None


KINDS: dict[str, Subscribe] = {
    "account": account,
    "program": program,
    "logs": logs,
    "signature": signature,
    "slot": slot,
    "root": root,
    "slotsUpdates": slots_updates,
    "block": not_offered,
    "vote": not_offered,
}
