"""What a foreign client is asked to do: its wallet, and swaps built by our own code."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Any

from solders.compute_budget import set_compute_unit_limit
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import to_bytes_versioned

from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.testing import RunningLocalnet
from dex.solana.addresses import (
    MEMO_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.solana.transactions import compose_swap
from dex.tests.socket_client import socket_url

MEMO = "sent by a stranger"
UNIT_LIMIT = 400_000
AMOUNT_IN = 10**9


@dataclass(frozen=True)
class Task:
    """The JSON for the script, and what each swap must pay, in base units."""

    body: dict[str, Any]
    quoted: list[int]


def make_task(localnet: RunningLocalnet, wallet: Keypair) -> Task:
    """Describe one swap as the bytes of a message, one as instructions."""
    swaps, quoted = [], []
    for pool in genesis.pools()[:2]:
        ledger, venue = localnet.ledger, VENUES[pool.venue]
        snapshot = read_snapshot(ledger, venue, pool.address)
        quote = venue.quote(pool.address, snapshot, WRAPPED_SOL_MINT, AMOUNT_IN)
        account_out = associated_token_address(wallet.pubkey(), quote.mint_out)
        # `compose_swap` creates the account that pays out unless it is there.
        held = {account_out: ledger.account(account_out)}
        snapshot = replace(snapshot, accounts={**snapshot.accounts, **held})
        message = compose_swap(
            venue,
            quote,
            snapshot,
            wallet=wallet.pubkey(),
            memo=f"order:{pool.venue}",
            min_amount_out=quote.amount_out,
            # As a client would be told: preflight runs at confirmed, one slot behind.
            blockhash=str(ledger.clock.blockhash(ledger.clock.slot_for("confirmed"))),
            unit_limit=UNIT_LIMIT,
            unit_price=0,
        )
        instruction = venue.swap_instruction(
            quote, snapshot, user=wallet.pubkey(), min_amount_out=quote.amount_out
        )
        parts = [set_compute_unit_limit(UNIT_LIMIT), instruction]
        quoted.append(quote.amount_out)
        swaps.append(
            {
                "accountOut": str(account_out),
                "message": base64.b64encode(to_bytes_versioned(message)).decode(),
                "instructions": [_described(part) for part in parts],
            }
        )
    body = {
        "url": localnet.urls[0],
        "socketUrl": socket_url(localnet.urls[0]),
        "wallet": list(bytes(wallet)),
        "tokenProgram": str(TOKEN_PROGRAM),
        "memo": _described(Instruction(MEMO_PROGRAM, MEMO.encode(), [])),
        "swaps": swaps,
    }
    return Task(body, quoted)


def _described(instruction: Instruction) -> dict[str, Any]:
    return {
        "programId": str(instruction.program_id),
        "keys": [
            {
                "pubkey": str(meta.pubkey),
                "isSigner": meta.is_signer,
                "isWritable": meta.is_writable,
            }
            for meta in instruction.accounts
        ],
        "data": base64.b64encode(bytes(instruction.data)).decode(),
    }
