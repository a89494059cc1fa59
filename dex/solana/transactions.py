"""The one transaction of an attempt: limits, output account, memo, swap."""

from __future__ import annotations

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Quote, Snapshot
from dex.venues.base import Venue

from .addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    associated_token_address,
)

# What fits into one network packet, with one signature of 64 bytes and its count. Without
# lookup tables these are at most 35 keys: the 64 that may be locked are out of reach.
MAX_TRANSACTION_BYTES = 1232
SIGNATURES_BYTES = 65

CREATE_IDEMPOTENT = b"\x01"


def compose_swap(
    venue: Venue,
    quote: Quote,
    snapshot: Snapshot,
    *,
    wallet: Pubkey,
    memo: str,
    min_amount_out: int,
    blockhash: str,
    unit_limit: int,
    unit_price: int,
) -> MessageV0:
    """Compose the unsigned swap of `quote` with `wallet` as payer and only signer.

    `unit_price` in micro-lamports. The output account is created unless the snapshot
    shows it. Raises QuoteRefused when the route needs more accounts than fit.
    """
    instructions = [set_compute_unit_limit(unit_limit)]
    if unit_price:
        instructions.append(set_compute_unit_price(unit_price))
    account_out = associated_token_address(
        wallet, quote.mint_out, quote.token_program_out
    )
    if snapshot.accounts.get(account_out) is None:
        instructions.append(
            create_token_account(wallet, quote.mint_out, quote.token_program_out)
        )
    instructions += [
        # Without accounts: a signer listed in a memo costs 220 compute units more.
        Instruction(MEMO_PROGRAM, memo.encode(), []),
        venue.swap_instruction(
            quote, snapshot, user=wallet, min_amount_out=min_amount_out
        ),
    ]
    message = MessageV0.try_compile(
        wallet, instructions, [], Hash.from_string(blockhash)
    )
    size = len(to_bytes_versioned(message)) + SIGNATURES_BYTES
    if size > MAX_TRANSACTION_BYTES:
        raise QuoteRefused(
            "transaction_too_large",
            f"The swap needs {size} bytes, and {MAX_TRANSACTION_BYTES} fit into a "
            "transaction. A smaller amount crosses fewer bins.",
        )
    return message


def create_token_account(
    owner: Pubkey, mint: Pubkey, token_program: Pubkey
) -> Instruction:
    """Build CreateIdempotent of the associated token account, paid by its owner.

    Source: solana-program/associated-token-account, program/src/instruction.rs.
    """
    return Instruction(
        ASSOCIATED_TOKEN_PROGRAM,
        CREATE_IDEMPOTENT,
        [
            AccountMeta(owner, is_signer=True, is_writable=True),
            AccountMeta(
                associated_token_address(owner, mint, token_program),
                is_signer=False,
                is_writable=True,
            ),
            AccountMeta(owner, is_signer=False, is_writable=False),
            AccountMeta(mint, is_signer=False, is_writable=False),
            AccountMeta(SYSTEM_PROGRAM, is_signer=False, is_writable=False),
            AccountMeta(token_program, is_signer=False, is_writable=False),
        ],
    )
