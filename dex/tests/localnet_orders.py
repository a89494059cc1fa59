"""Orders by the thousand for localnet: signed swaps, sent and looked up in batches."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.transaction import VersionedTransaction

from dex.localnet import genesis
from dex.localnet.ledger import Ledger
from dex.localnet.market import VENUES, read_snapshot
from dex.solana.addresses import MEMO_PROGRAM

WALLET = Keypair.from_seed(bytes([7]) * 32)
BATCH = 25
# The body that sends orders, the body that looks them up, and their signatures.
Batch = tuple[bytes, bytes, list[str]]
SEND_OPTIONS = {"encoding": "base64", "skipPreflight": True}


@dataclass(frozen=True)
class SignedOrder:
    signature: str
    encoded: str


def swaps(ledger: Ledger) -> list[Instruction]:
    """Return one small swap in every genesis pool; each pool's accounts never change."""
    found = []
    for pool in genesis.pools():
        venue = VENUES[pool.venue]
        snapshot = read_snapshot(ledger, venue, pool.address)
        quote = venue.quote(pool.address, snapshot, pool.base.mint, 100_000)
        found.append(
            venue.swap_instruction(
                quote, snapshot, user=WALLET.pubkey(), min_amount_out=1
            )
        )
    return found


def signed_orders(
    instructions: Sequence[Instruction], blockhash: Hash, numbers: range
) -> Iterator[SignedOrder]:
    """Sign one swap for each number, through the pools in turn."""
    limit = set_compute_unit_limit(400_000)
    for number in numbers:
        message = MessageV0.try_compile(
            WALLET.pubkey(),
            [
                limit,
                instructions[number % len(instructions)],
                Instruction(MEMO_PROGRAM, f"order:{number}".encode(), []),
            ],
            [],
            blockhash,
        )
        signature = WALLET.sign_message(to_bytes_versioned(message))
        raw = bytes(VersionedTransaction.populate(message, [signature]))
        yield SignedOrder(str(signature), base64.b64encode(raw).decode())


def bodies(orders: Sequence[SignedOrder]) -> Iterator[Batch]:
    """Yield a batch for every 25 orders."""
    for start in range(0, len(orders), BATCH):
        batch = orders[start : start + BATCH]
        sends = [
            call("sendTransaction", order.encoded, SEND_OPTIONS) for order in batch
        ]
        signatures = [order.signature for order in batch]
        looks = [call("getSignatureStatuses", [signature]) for signature in signatures]
        yield json.dumps(sends).encode(), json.dumps(looks).encode(), signatures


def call(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def run_orders(url: str, batches: Sequence[Batch]) -> int:
    """Send and look up every batch over one connection; return how many swaps landed."""
    landed = 0
    async with aiohttp.ClientSession() as session:
        for send, look, signatures in batches:
            async with session.post(url, data=send) as answer:
                sent = await answer.json()
            assert [each["result"] for each in sent] == signatures
            async with session.post(url, data=look) as answer:
                found = await answer.json()
            statuses = [each["result"]["value"][0] for each in found]
            landed += sum(
                status is not None and status["err"] is None for status in statuses
            )
    return landed
