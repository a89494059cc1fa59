"""Raydium CPMM: the accounts that a quote reads, and those a swap names and writes."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import associated_token_address
from dex.venues.raydium import (
    apply_swap,
    swap_exact_in,
)

from .builders import RAYDIUM, CpmmPool, key, snapshot
from .raydium_quotes import TOKEN_0, TOKEN_1, USER, VENUE, tokens


def test_the_accounts_of_a_quote_are_named_step_by_step():
    pool = CpmmPool((10**6, 10**6))
    assert VENUE.addresses(pool.address, {}) == [pool.address]
    named = VENUE.addresses(pool.address, pool.accounts())
    assert set(named) == set(pool.accounts())
    for left_out in named:
        accounts = {
            key: value for key, value in pool.accounts().items() if key != left_out
        }
        with pytest.raises(QuoteRefused) as refused:
            VENUE.quote(pool.address, snapshot(accounts), TOKEN_0, 1_000)
        assert refused.value.code == "accounts_missing"


def test_the_instruction_lists_its_accounts_as_the_program_reads_them():
    pool = CpmmPool((10**9, 10**9), tokens=tokens(None, (50,)))
    at = snapshot(pool.accounts())
    quote = VENUE.quote(pool.address, at, TOKEN_1, 5_000)
    instruction = VENUE.swap_instruction(quote, at, user=USER, min_amount_out=4_321)
    assert instruction.program_id == RAYDIUM
    assert (
        instruction.data.hex()
        == "8fbe5adac41e33de" + "8813000000000000" + "e110000000000000"
    )
    program_0, program_1 = (token.program for token in pool.tokens)
    expected = [
        (USER, True, False),
        (
            Pubkey.from_string("GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL"),
            False,
            False,
        ),
        (key("cpmm config"), False, False),
        (pool.address, False, True),
        (associated_token_address(USER, TOKEN_1, program_1), False, True),
        (associated_token_address(USER, TOKEN_0, program_0), False, True),
        (key("vault 1"), False, True),
        (key("vault 0"), False, True),
        (program_1, False, False),
        (program_0, False, False),
        (TOKEN_1, False, False),
        (TOKEN_0, False, False),
        (key("observation"), False, True),
    ]
    metas = [
        (meta.pubkey, meta.is_signer, meta.is_writable) for meta in instruction.accounts
    ]
    assert metas == expected
    exact_out = VENUE.swap_exact_out_instruction(
        quote, at, user=USER, max_amount_in=6_000
    )
    assert exact_out.accounts == instruction.accounts
    assert exact_out.data == bytes.fromhex("37d96256a34ab4ad") + struct.pack(
        "<QQ", 6_000, quote.amount_out
    )


def test_a_swap_writes_fees_and_epoch_and_nothing_else():
    pool = CpmmPool((10**9, 10**9), creator_fee_rate=2_000, creator_fee_enabled=True)
    swap = swap_exact_in(
        pool.address, snapshot(pool.accounts(), epoch=901), TOKEN_1, 10**6
    )
    before, after = pool.pool_data(), apply_swap(pool.pool_data(), swap)
    changed = {
        offset for offset in range(len(before)) if before[offset] != after[offset]
    }
    assert len(after) == len(before)
    assert changed <= {
        *range(349, 357),
        *range(365, 373),
        *range(381, 389),
        *range(405, 413),
    }
    assert struct.unpack_from("<Q", after, 381) == (901,)
    assert struct.unpack_from("<Q", after, 405) == (swap.curve.creator_fee,)
