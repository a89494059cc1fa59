"""Pools of many shapes: localnet pays what the venue quotes, and leaves what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.instruction import AccountMeta, Instruction

from dex.types import Quote, Snapshot
from dex.venues.raydium import RaydiumCpmm

from .builders import CpmmPool, Token, TransferFees, key, snapshot
from .builders_dlmm import ONE_Q64, BinAmounts, DlmmPair
from .meteora_quotes import VENUE, X, Y
from .swap_runs import USER, SwapRun, run_swap

NOW = 1_800_000_000


def ladder(*bin_ids: int, active_id: int, **changes) -> DlmmPair:
    """Return a pair with Y in the bins up to the active one and X from there on."""
    bins = {
        i: BinAmounts(
            x=7_000 if i >= active_id else 0,
            y=7_000 if i <= active_id else 0,
            price=ONE_Q64 + (i - active_id) * (ONE_Q64 // 1_000_000),
            liquidity=14_000 << 64,
            open_orders=900 if i != active_id else 0,
            processing_orders=500,
            remaining_orders=120,
            ask=i > active_id,
        )
        for i in bin_ids
    }
    pair = DlmmPair(
        bins,
        active_id=active_id,
        base_factor=20_000,
        variable_fee_control=40_000,
        protocol_share=1_000,
        last_update=NOW - 100,
        volatility_accumulator=30_000,
        index_reference=active_id - 2,
    )
    return replace(pair, **changes)


PAIRS = {
    "array boundary at 0": ladder(*range(-75, 75), active_id=0),
    "array boundary at -1": ladder(*range(-75, 75), active_id=-1),
    "gap of empty bins": ladder(-60, -3, 0, 2, 64, active_id=0),
    "gap of arrays": ladder(-1_405, -702, -5, 5, 703, 1_406, active_id=0),
    "active array without liquidity": ladder(-700, -699, 699, 700, active_id=10),
    "into the positive extension": ladder(
        35_000, 35_838, 35_839, 35_840, 35_841, 42_070, active_id=35_839
    ),
    "inside the positive extension": ladder(
        *range(36_045, 36_056), 70_000, active_id=36_050
    ),
    "out of the positive extension": ladder(
        100, 35_839, 35_840, 35_841, 35_910, active_id=35_841
    ),
    "into the negative extension": ladder(
        -42_071, -35_841, -35_840, -35_839, -35_000, active_id=-35_840
    ),
    "inside the negative extension": ladder(
        *range(-36_056, -36_044), -70_000, active_id=-36_050
    ),
    "fees always in Y": ladder(*range(-9, 10), active_id=0, collect_fee_mode=1),
    "limit orders": ladder(
        *range(-9, 10), active_id=0, function_type=2, collect_fee_mode=1
    ),
    "transfer fees": ladder(
        *range(-9, 10),
        active_id=0,
        tokens=(Token(X, TransferFees(150)), Token(Y, TransferFees(30, maximum=90))),
    ),
}
EACH_PAIR = pytest.mark.parametrize("name", PAIRS)


def pair_named(name: str) -> DlmmPair:
    return replace(PAIRS[name], has_extension="extension" in name)


def swap(quote: Quote, at: Snapshot, *, min_amount_out: int = 1) -> Instruction:
    return VENUE.swap_instruction(
        quote, at, user=USER.pubkey(), min_amount_out=min_amount_out
    )


def check_swap(pair: DlmmPair, at: Snapshot, mint_in, amount: int) -> Snapshot:
    """Swap; compare fill and state with the venue's; return the accounts afterwards."""
    quote = VENUE.quote(pair.address, at, mint_in, amount)
    run = run_swap(swap(quote, at, min_amount_out=quote.amount_out), at, quote)
    assert run.outcome.error is None, run.outcome.logs
    assert (run.paid, run.received) == (amount, quote.amount_out)
    after = run.after(at)
    said = VENUE.after_swap(quote, at)
    assert after.accounts == {**at.accounts, **said}
    return after


@EACH_PAIR
def test_swaps_in_both_directions_are_filled_as_quoted(name):
    pair = pair_named(name)
    at = snapshot(pair.accounts(), unix_timestamp=NOW)
    for mint_in in (X, Y):
        check_swap(pair, at, mint_in, 9)
        check_swap(pair, at, mint_in, 9_000)
        moved = check_swap(pair, at, mint_in, 10_500)
        back = check_swap(pair, moved, Y if mint_in == X else X, 9_900)
        check_swap(pair, back, mint_in, 4_321)


@EACH_PAIR
def test_swaps_do_not_mind_the_order_of_their_bin_arrays(name):
    pair = pair_named(name)
    at = snapshot(pair.accounts(), unix_timestamp=NOW)
    for mint_in in (X, Y):
        quote = VENUE.quote(pair.address, at, mint_in, 9_000)
        turned = replace(quote, route_accounts=quote.route_accounts[::-1])
        assert run_swap(swap(turned, at), at, quote).received == quote.amount_out


@EACH_PAIR
def test_a_swap_without_one_of_its_bin_arrays_fails_with_3005(name):
    pair = pair_named(name)
    at = snapshot(pair.accounts(), unix_timestamp=NOW)
    quote = VENUE.quote(pair.address, at, X, 9_000)
    for crossed in VENUE.after_swap(quote, at).keys() & set(quote.route_accounts):
        kept = tuple(a for a in quote.route_accounts if a != crossed)
        run = run_swap(swap(replace(quote, route_accounts=kept), at), at, quote)
        assert error_of(run) == 3005


def test_the_extension_is_needed_beyond_the_internal_bitmap_alone():
    pair = pair_named("into the positive extension")
    at = snapshot(pair.accounts(), unix_timestamp=NOW)
    for amount, error in ((100, None), (9_000, 6036)):
        quote = VENUE.quote(pair.address, at, Y, amount)
        run = run_swap(without_extension(swap(quote, at)), at, quote)
        assert error_of(run) == error


def test_liquidity_that_ends_has_its_own_error_with_and_without_an_extension():
    for name, error in (
        ("into the positive extension", 6037),
        ("gap of arrays", 6036),
    ):
        pair = pair_named(name)
        at = snapshot(pair.accounts(), unix_timestamp=NOW)
        quote = replace(VENUE.quote(pair.address, at, Y, 100), amount_in=10**9)
        run = run_swap(swap(quote, at), at, quote)
        assert error_of(run) == error


@pytest.mark.parametrize("creator_fee_on", [0, 1, 2])
def test_cpmm_swaps_with_fees_of_every_kind_are_filled_as_quoted(creator_fee_on):
    pool = CpmmPool(
        (10**9 + 60, 3 * 10**9 + 90),
        protocol_fees=(10, 20),
        fund_fees=(20, 30),
        creator_fees=(30, 40),
        creator_fee_rate=1_000,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
        tokens=(
            Token(key("token 0"), TransferFees(150)),
            Token(key("token 1"), TransferFees(30, maximum=90)),
        ),
    )
    venue, at = RaydiumCpmm(), snapshot(pool.accounts())
    for mint_in, amount in ((0, 7_777_777), (1, 5_000_001), (0, 123), (1, 10**8)):
        quote = venue.quote(pool.address, at, key(f"token {mint_in}"), amount)
        swap = venue.swap_instruction(
            quote, at, user=USER.pubkey(), min_amount_out=quote.amount_out
        )
        run = run_swap(swap, at, quote)
        assert (run.paid, run.received) == (amount, quote.amount_out)
        said = venue.after_swap(quote, at)
        at = run.after(at)
        assert {address: at.accounts[address] for address in said} == said


def without_extension(instruction: Instruction) -> Instruction:
    accounts = list(instruction.accounts)
    accounts[1] = AccountMeta(VENUE.program_id, False, False)
    return Instruction(instruction.program_id, bytes(instruction.data), accounts)


def error_of(run: SwapRun) -> int | None:
    error = run.outcome.error
    return None if error is None else error["InstructionError"][1]["Custom"]
