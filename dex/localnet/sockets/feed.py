"""Who listens at one node: told after each commit, and when its slots move on."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.ledger import Commit
from dex.localnet.node import Node

from .subscriptions import Subscription

logger = logging.getLogger(__name__)

# How often at most the slots are looked at, while anybody listens.
LOOK_S = 0.05
COMMITMENTS = ("processed", "confirmed", "finalized")
# Held back until their slot has the commitment, for one subscription.
MOST_WAITING = 100_000

Send = Callable[[Any], None]
Cut = Callable[[], None]


@dataclass(eq=False, slots=True)
class Listener:
    """One subscription and the connection it belongs to."""

    identity: int
    subscription: Subscription
    send: Send
    cut: Cut


class Feed:
    """The listeners of one node, by what they wait for."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._identities = itertools.count(1)
        self._listeners: dict[int, Listener] = {}
        self._by_key: dict[Pubkey | str | None, dict[int, Listener]] = {}
        self._follower: asyncio.Task[None] | None = None

    def add(self, subscription: Subscription, send: Send, cut: Cut) -> Listener:
        """Begin to tell `send` about a subscription; `cut` ends a hopeless connection."""
        listener = Listener(next(self._identities), subscription, send, cut)
        self._listeners[listener.identity] = listener
        self._by_key.setdefault(subscription.key, {})[listener.identity] = listener
        if self._follower is None:
            name = f"slots of node {self._node.index}"
            self._follower = asyncio.create_task(self._follow(), name=name)
            self._follower.add_done_callback(self._follower_ended)
        return listener

    def remove(self, listener: Listener) -> None:
        """Tell this one no more; nothing if it was removed before."""
        if self._listeners.pop(listener.identity, None) is None:
            return
        key = listener.subscription.key
        del self._by_key[key][listener.identity]
        if not self._by_key[key]:
            del self._by_key[key]
        if not self._listeners and self._follower is not None:
            self._follower.cancel()
            self._follower = None

    def has(self, listener: Listener) -> bool:
        return listener.identity in self._listeners

    def hear(self, commit: Commit) -> None:
        """Tell those whom a commit concerns; called right after it is durable."""
        if not self._listeners:
            return
        concerned: dict[int, Listener] = {}
        signatures = (record.signature for record in commit.records)
        for key in itertools.chain((None,), commit.accounts, signatures):
            concerned.update(self._by_key.get(key, {}))
        self.look(concerned.values(), commit)

    def look(self, listeners: Iterable[Listener], commit: Commit | None = None) -> None:
        """Send these listeners what is due, after they heard of the commit, if any."""
        slots: dict[str, int] = {}
        for listener in listeners:
            commitment = listener.subscription.commitment
            if commitment not in slots:
                slots[commitment] = self._node.current_slot(commitment)
            self._tell(listener, commit, slots[commitment])

    def _slots(self) -> dict[str, int]:
        return {name: self._node.current_slot(name) for name in COMMITMENTS}

    def _tell(self, listener: Listener, commit: Commit | None, slot: int) -> None:
        subscription = listener.subscription
        try:
            if commit is not None:
                subscription.hear(commit)
            for result in subscription.due(slot):
                listener.send(_notification(listener, result))
            if subscription.waiting > MOST_WAITING:
                raise OverflowError(f"{subscription.waiting} notifications wait")
        except Exception:
            # Whatever is wrong with one subscriber, the commit stands for all others.
            logger.exception("%s subscription ends", subscription.kind)
            listener.cut()
            self.remove(listener)
        if subscription.is_over:
            self.remove(listener)

    async def _follow(self) -> None:
        """Look after everybody whenever a slot gained a commitment."""
        seen: dict[str, int] = {}
        while True:
            slots = self._slots()
            if slots != seen:
                seen = slots
                self.look(list(self._listeners.values()))
            await asyncio.sleep(LOOK_S)

    def _follower_ended(self, follower: asyncio.Task[None]) -> None:
        error = None if follower.cancelled() else follower.exception()
        if error is not None:
            self._node.network.give_up(error)


def _notification(listener: Listener, result: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": f"{listener.subscription.kind}Notification",
        "params": {"result": result, "subscription": listener.identity},
    }
