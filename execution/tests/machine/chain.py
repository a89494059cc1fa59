"""The chain in this process: localnet's ledger, moved, forked and lied about by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solders.keypair import Keypair
from yarl import URL

from dex.errors import RpcUnavailable
from dex.localnet.ledger import Commit
from dex.localnet.methods.bodies import answer_body
from dex.localnet.network import Network
from dex.localnet.runtime import Loaded, load
from dex.localnet.server import METHODS
from dex.localnet.slots import MAX_BLOCKHASH_AGE
from dex.localnet.store import Record
from dex.solana.documents import read_document
from dex.solana.transport import Transport, endpoint_name

from .gates import Gate, Lost
from .lies import Lies

SLOTS_TO_CONFIRM = 2
SLOTS_TO_FINALIZE = 32
NODES = 2
URLS = [f"http://127.0.0.1:{port}" for port in range(1, NODES + 1)]
WALLET = Keypair.from_seed(bytes(range(32)))
# Asked so often and of so little interest that nobody has to wait for them.
AT_ONCE = ("getGenesisHash", "getSlot", "getBlockHeight")


class Chain:
    """One ledger behind two nodes; slots pass by `move` alone."""

    def __init__(self, folder: Path) -> None:
        self.network = Network.open(
            folder,
            nodes=NODES,
            slot_time_s=3_600,
            slots_to_confirm=SLOTS_TO_CONFIRM,
            slots_to_finalize=SLOTS_TO_FINALIZE,
            fund=[WALLET.pubkey()],
            control=True,
        )
        self.ledger = self.network.ledger
        self.lies = Lies()
        # What is in the ledger now, by signature: a fork takes entries back.
        self.landed: dict[str, Record] = {}
        self.changes = 0
        self._landing_slots: set[int] = set()
        self.network.listeners.append(self._note)

    @property
    def slot(self) -> int:
        return self.ledger.clock.slot()

    def close(self) -> None:
        self.ledger.close()

    def answer(self, node: int, body: Any) -> Any:
        """Answer one JSON-RPC body as this node does, lies and all."""
        asked = self.lies.asked(node, json.loads(json.dumps(body)))
        text = answer_body(METHODS, self.network.nodes[node], asked)
        self.ledger.commit()
        assert text is not None
        document = read_document(text.encode(), calls=1)
        return self.lies.told(node, body, document)

    def send(self, node: int, body: Any, fate: str) -> Any:
        """Let a node take a transaction that then has this fate.

        It lands at once, is dropped, lands at its last valid slot (`late`) or in two
        slots (`soon`), or lands with an error (`slips`).
        """
        rules: dict[str, dict[str, Any]] = {
            "drops": {"kind": "drop"},
            "late": {"kind": "landLate", "untilLastValid": True},
            "soon": {"kind": "landLate", "delayS": 2 * self._slot_time_s},
            "slips": {"kind": "programError"},
        }
        faults = self.network.faults
        ids = [faults.add(rules[fate])] if fate in rules else []
        loaded = load(sent_bytes(body))
        if fate == "late":
            self._landing_slots.add(self.last_valid_slot(loaded))
        elif fate == "soon":
            self._landing_slots.add(self.slot + 2)
        answer = self.answer(node, body)
        faults.clear(ids)
        return answer

    def move(self, slots: int) -> None:
        """Let slots pass. What is to land on the way lands in its slot."""
        target = self.slot + slots
        while (at := self._next_landing(target)) is not None:
            self._advance(at - self.slot)
            self._landing_slots.discard(at)
        self._advance(target - self.slot)

    def fork(self, slots: int, again_in_slots: int) -> int:
        """Take back what is not confirmed; it lands again so much later, if it can."""
        self._landing_slots.add(self.slot + again_in_slots)
        lands_at = self.ledger.clock.time_of(self.slot + again_in_slots)
        taken = self.ledger.fork(slots, lands_at)
        self.ledger.commit()
        return taken

    def trade(self) -> None:
        """Let somebody else move a price."""
        network = self.network
        network.fund(network.market.wallet.pubkey())
        network.market.trade()
        self.ledger.commit()

    def can_land(self, raw: bytes) -> bool:
        """Whether the ledger itself leaves open that this transaction swaps, or did."""
        loaded = load(raw)
        record = self.landed.get(loaded.signature)
        clock = self.ledger.clock
        if record is not None and record.error is None:
            return True
        if record is not None and record.slot <= clock.slot_for("confirmed"):
            return False  # it landed with an error that no fork takes back
        return clock.is_blockhash_valid(loaded.blockhash, clock.slot())

    def last_valid_slot(self, loaded: Loaded) -> int:
        hashed = self.ledger.clock.blockhash_slot(loaded.blockhash)
        return 0 if hashed is None else hashed + MAX_BLOCKHASH_AGE

    @property
    def _slot_time_s(self) -> float:
        return self.ledger.clock.anchor.slot_time_s

    def _next_landing(self, until: int) -> int | None:
        ahead = [slot for slot in self._landing_slots if self.slot < slot <= until]
        return min(ahead, default=None)

    def _advance(self, slots: int) -> None:
        if slots:
            self.network.advance(slots, None)
            self.ledger.commit()
            self.changes += 1

    def _note(self, commit: Commit) -> None:
        for signature in commit.dropped:
            self.landed.pop(signature, None)
        for record in commit.records:
            self.landed[record.signature] = record
        self.changes += 1


class DirectTransport(Transport):
    """Takes the place of HTTP: each call waits at the gate of its process."""

    def __init__(self, gate: Gate, door: Any, url: URL, **_: Any) -> None:
        self.name = endpoint_name(url)
        self.opened = 1
        self._gate = gate
        self._door = door
        self._node = URLS.index(str(url).rstrip("/"))

    async def post(self, bodies: Sequence[Any]) -> Any:
        """Answer the one call of a body. Raises RpcUnavailable as the machine wants."""
        (body,) = bodies
        node, method = self._node, body["method"]
        if method in AT_ONCE and not self._gate.is_dead:
            return self._door.chain.answer(node, body)
        try:
            return await self._gate.call(
                method,
                lambda: self._door.take(node, body),
                node=node,
                arguments=(body,),
            )
        except Lost as lost:
            raise self.unavailable(str(lost)) from lost

    def unavailable(self, reason: str) -> RpcUnavailable:
        return RpcUnavailable(f"{self.name}: {reason}")

    async def close(self) -> None:
        """No connection was ever opened."""


def sent_bytes(body: Any) -> bytes:
    """Return the transaction of a sendTransaction."""
    return base64.b64decode(body["params"][0])


def memo_text(memo: str | None) -> str:
    """Return a memo without the length that nodes show before it."""
    return (memo or "").partition("] ")[2]
