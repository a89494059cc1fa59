"""Meteora DLMM: the accounts a swap reads, names in its instruction, and writes."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import MEMO_PROGRAM, associated_token_address
from dex.types import Account
from dex.venues.dlmm_layout import decode_pair
from dex.venues.dlmm_price import bin_price
from dex.venues.meteora import apply_swap, check_known_state, swap_exact_in

from .builders import Token, TransferFees, key, snapshot
from .builders_dlmm import METEORA, ONE_Q64, BinAmounts, DlmmPair
from .meteora_quotes import VENUE, X, Y, quote
from .swap_runs import USER as TRADER
from .swap_runs import run_swap

USER = key("user")


def bin_after(pair, arrays, bin_id):
    """Read amounts X and Y, and fees per liquidity X and Y, of one bin."""
    data = arrays[pair.array_address(bin_id // 70)]
    at = 56 + 144 * (bin_id % 70)
    fees = (data[at + 80 : at + 96], data[at + 96 : at + 112])
    return (
        *struct.unpack_from("<2Q", data, at),
        *(int.from_bytes(fee, "little") for fee in fees),
    )


def test_a_token_program_that_the_pair_does_not_name_is_refused():
    pair = DlmmPair(
        {0: BinAmounts(y=10**6)}, tokens=(Token(X, TransferFees(50)), Token(Y))
    )
    accounts = pair.accounts()
    whole = accounts[pair.address]
    assert whole is not None
    data = bytearray(whole.data)
    data[880] = 0
    accounts[pair.address] = Account(METEORA, 1, bytes(data))
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pair.address, snapshot(accounts), X, 1_000)
    assert refused.value.code == "pool_unreadable"


def test_the_accounts_of_a_quote_are_named_step_by_step():
    bins = {70 * i: BinAmounts(x=10, y=10) for i in range(-8, 9)}
    pair = DlmmPair(bins, active_id=0)
    known: dict[Pubkey, Account | None] = {}
    chain = pair.accounts()
    rounds = []
    while new := [a for a in VENUE.addresses(pair.address, known) if a not in known]:
        rounds.append(new)
        known |= {address: chain.get(address) for address in new}
    assert [len(new) for new in rounds] == [1, 5, 9]
    assert set(rounds[2]) == {pair.array_address(index) for index in range(-4, 5)}
    assert VENUE.quote(pair.address, snapshot(known), X, 50).amount_out == 50
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pair.address, snapshot(known), X, 51)
    assert refused.value.code == "too_many_bins"
    for left_out in {a for new in rounds for a in new} - {
        pair.array_address(index) for index in range(1, 5)
    }:
        accounts = {key: value for key, value in known.items() if key != left_out}
        with pytest.raises(QuoteRefused) as refused:
            VENUE.quote(pair.address, snapshot(accounts), X, 50)
        assert refused.value.code == "accounts_missing"


@pytest.mark.parametrize("has_extension", [False, True])
def test_the_instruction_lists_its_accounts_as_the_program_reads_them(has_extension):
    bins = {i: BinAmounts(x=1_000, y=1_000) for i in (0, 69, 70, 141, 300, 500, -1)}
    pair = DlmmPair(
        bins,
        has_extension=has_extension,
        tokens=(Token(X), Token(Y, TransferFees(0))),
    )
    at = snapshot(pair.accounts())
    answer = VENUE.quote(pair.address, at, Y, 2_500)
    # Bins 0, 69 and 70 pay; the arrays of 141 and 300 are spare.
    assert answer.route_accounts == tuple(map(pair.array_address, (0, 1, 2, 4)))
    instruction = VENUE.swap_instruction(answer, at, user=USER, min_amount_out=2_400)
    assert instruction.program_id == METEORA
    assert instruction.data == bytes.fromhex("414b3f4ceb5b5b88") + struct.pack(
        "<QQI", 2_500, 2_400, 0
    )
    program_x, program_y = (token.program for token in pair.tokens)
    event_authority = Pubkey.from_string("D1ZN9Wj1fRSUQfCjhvnu1hqDMT7hzjzBBpi12nVniYD6")
    expected = [
        (pair.address, False, True),
        (pair.extension_address() if has_extension else METEORA, False, has_extension),
        (key("reserve x"), False, True),
        (key("reserve y"), False, True),
        (associated_token_address(USER, Y, program_y), False, True),
        (associated_token_address(USER, X, program_x), False, True),
        (X, False, False),
        (Y, False, False),
        (key("oracle"), False, True),
        (METEORA, False, False),
        (USER, True, False),
        (program_x, False, False),
        (program_y, False, False),
        (MEMO_PROGRAM, False, False),
        (event_authority, False, False),
        (METEORA, False, False),
        *((address, False, True) for address in answer.route_accounts),
    ]
    metas = [
        (meta.pubkey, meta.is_signer, meta.is_writable) for meta in instruction.accounts
    ]
    assert metas == expected


def test_a_quote_names_what_moves_and_what_it_costs():
    bins = {
        0: BinAmounts(y=10_000),
        -1: BinAmounts(y=10**6, price=ONE_Q64 * 9 // 10),
    }
    fees = (Token(X, TransferFees(100)), Token(Y, TransferFees(200)))
    pair = DlmmPair(bins, base_factor=10_000, tokens=fees)
    answer = quote(pair, X, 20_000)
    # 19,800 arrive. Bin 0 takes 10,011 for 10,000; bin -1 takes 9,789 for 9,779 * 0.9.
    assert (answer.vault_in_delta, answer.vault_out_delta) == (19_800, 10_000 + 8_801)
    assert answer.amount_out == 18_801 - 377
    assert (answer.fee_amount, answer.fee_mint, answer.fee_bps) == (21, X, 11)
    assert (
        answer.price_impact_bps == 495
    )  # 18,801 where 19,779 would be at bin 0's price
    assert (answer.vault_in, answer.vault_out) == (key("reserve x"), key("reserve y"))


def test_price_impact_counts_the_empty_bins_between_the_price_and_the_liquidity():
    # 300 steps of 0.1 % below the price, where the first Y lies, X is worth 0.7409 Y.
    far = BinAmounts(y=10**12, price=bin_price(10, -300))
    pair = DlmmPair({0: BinAmounts(x=10**9), -300: far}, bin_step=10, base_factor=0)
    answer = quote(pair, X, 10**6)
    assert answer.amount_out == 740_929
    assert answer.price_impact_bps == 2_591


@pytest.mark.parametrize(
    ("mode", "mint_in", "fee_in_x"),
    [(0, X, True), (0, Y, False), (1, X, False), (1, Y, False)],
)
def test_a_swap_writes_volatility_fees_and_bins_and_nothing_else(
    mode, mint_in, fee_in_x
):
    pair = DlmmPair(
        {0: BinAmounts(x=10**6, y=10**6, liquidity=3 << 64)},
        bin_step=100,
        base_factor=10_000,
        protocol_share=2_000,
        collect_fee_mode=mode,
        last_update=5,
    )
    at = snapshot(pair.accounts())
    swap = swap_exact_in(pair.address, at, mint_in, 10_000).inner
    before = pair.pair_data()
    after, arrays = apply_swap(before, pair.arrays(), swap, at.clock)
    protocol_fees = struct.unpack_from("<2Q", after, 216)
    assert protocol_fees == ((20, 0) if fee_in_x else (0, 20))
    changed = {offset for offset in range(904) if before[offset] != after[offset]}
    assert changed <= {*range(40, 52), *range(216, 232)}  # the price did not move
    gross_out = 9_900 if (mode, mint_in) != (1, X) else 10_000
    net_in = 10_000 if (mode, mint_in) == (1, X) else 9_900
    x, y = (net_in, -gross_out) if mint_in == X else (-gross_out, net_in)
    per_liquidity = (80 << 64) // 3
    fees = (per_liquidity, 0) if fee_in_x else (0, per_liquidity)
    assert bin_after(pair, arrays, 0) == (10**6 + x, 10**6 + y, *fees)


def test_the_time_of_the_last_update_changes_only_with_the_active_bin():
    pair = DlmmPair({0: BinAmounts(y=1_000), -1: BinAmounts(y=1_000)}, last_update=5)
    at = snapshot(pair.accounts())
    updates = []
    for amount in (1_000, 1_001):
        swap = swap_exact_in(pair.address, at, X, amount).inner
        data, _ = apply_swap(pair.pair_data(), pair.arrays(), swap, at.clock)
        updates.append((decode_pair(data).active_id, decode_pair(data).last_update))
    assert updates == [(0, 5), (-1, 1_800_000_000)]


def test_the_state_of_a_pair_that_pays_farming_rewards_is_not_known():
    pair = DlmmPair({0: BinAmounts(y=1_000)}, reward_mint=key("reward"))
    at = snapshot(pair.accounts())
    swap = swap_exact_in(pair.address, at, X, 10)
    with pytest.raises(QuoteRefused) as refused:
        check_known_state(swap.pair, swap.inner)
    assert refused.value.code == "unsupported"
    answer = VENUE.quote(pair.address, at, X, 10)
    swapped = replace(at, accounts={**at.accounts, **VENUE.after_swap(answer, at)})
    assert VENUE.quote(pair.address, swapped, X, 990).amount_out == 990
    run = run_swap(
        VENUE.swap_instruction(answer, at, user=TRADER.pubkey(), min_amount_out=1),
        at,
        answer,
    )
    assert run.outcome.error == {"InstructionError": [0, "InvalidArgument"]}
