"""Raydium CPMM: exact quotes, refusals, instructions and the state after a swap."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import associated_token_address
from dex.types import Account
from dex.venues.raydium import (
    RaydiumCpmm,
    apply_swap,
    swap_exact_in,
    swap_exact_out,
)

from .builders import RAYDIUM, U64_MAX, CpmmPool, Token, TransferFees, key, snapshot

VENUE = RaydiumCpmm()
TOKEN_0, TOKEN_1 = key("token 0"), key("token 1")
USER = key("user")


def tokens(fee0=None, fee1=None):
    return (
        Token(TOKEN_0, TransferFees(*fee0) if fee0 else None),
        Token(TOKEN_1, TransferFees(*fee1) if fee1 else None),
    )


def refusal(pool, *, mint_in=TOKEN_0, amount=1_000, **kwargs):
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pool.address, snapshot(pool.accounts(), **kwargs), mint_in, amount)
    return refused.value.code


# What the program itself did: pool, direction, exact side, amount, paid, received, and the
# protocol and fund fees of the input token afterwards.
RECORDED = [
    (
        CpmmPool(
            (12919127, 957108), (145821, 27361), (111290, 27812), trade_fee_rate=17553
        ),
        (1, "in", 6, 6, 70, 27361, 27812),
    ),
    (
        CpmmPool(
            (1728902903057, 10125620225698878),
            (57998083562, 183363851659615),
            (78691470249, 21111752910630),
            trade_fee_rate=13663,
        ),
        (0, "in", 1998642, 1998642, 12283445246, 57998086838, 78691471341),
    ),
    (
        CpmmPool(
            (25632070, 68319044655),
            (674151, 2908775631),
            (36320, 1798310887),
            trade_fee_rate=10000,
            tokens=tokens((1000, 1), (1000,)),
        ),
        (0, "in", 408881, 408881, 915037371, 674641, 36483),
    ),
    (
        CpmmPool(
            (582074671, 234699),
            (28752107, 3682),
            (5327892, 1734),
            trade_fee_rate=16199,
            tokens=tokens((1598, 1000000)),
        ),
        (0, "in", 105463, 105463, 36, 28752279, 5327949),
    ),
    (
        CpmmPool(
            (1860, 480765755033),
            (81, 16798145985),
            (10, 12973926073),
            trade_fee_rate=100,
            protocol_fee_rate=192355,
            fund_fee_rate=91774,
            tokens=tokens(None, (1000,)),
        ),
        (1, "in", 261584035250, 261584035250, 606, 16802674514, 12976086668),
    ),
    (
        CpmmPool(
            (652060823, 19172436124946),
            (21579552, 125279154383),
            (12039361, 756858545403),
            trade_fee_rate=10000,
        ),
        (1, "out", 28186972, 882255535568, 28186972, 126337861025, 757211447617),
    ),
    (
        CpmmPool(
            (50011012678, 78993060),
            (2088292101, 1444432),
            (429701220, 307919),
            trade_fee_rate=100,
            protocol_fee_rate=445472,
            fund_fee_rate=241254,
            tokens=tokens((6746, 1), (100, 1000000)),
        ),
        (1, "out", 1194, 4, 1194, 1444432, 307919),
    ),
    (
        CpmmPool(
            (8278529379461408, 47625890959817),
            (383400403727729, 369489995858),
            (78064611124199, 1933686333269),
            trade_fee_rate=100,
            tokens=tokens((0,), (0, 1000000)),
        ),
        (0, "out", 118476208, 20436357250, 118476208, 383400403972965, 78064611205944),
    ),
]


@pytest.mark.parametrize(("pool", "expected"), RECORDED)
def test_a_swap_pays_and_writes_what_the_program_did(pool, expected):
    side, exact, amount, paid, received, protocol_fees, fund_fees = expected
    compute = swap_exact_in if exact == "in" else swap_exact_out
    mint_in = pool.tokens[side].address
    swap = compute(pool.address, snapshot(pool.accounts()), mint_in, amount)
    assert (swap.amount_in, swap.amount_out) == (paid, received)
    state = apply_swap(pool.pool_data(), swap)
    assert struct.unpack_from("<Q", state, 341 + 8 * side) == (protocol_fees,)
    assert struct.unpack_from("<Q", state, 357 + 8 * side) == (fund_fees,)


@pytest.mark.parametrize(
    ("pool", "side", "exact", "amount", "code"),
    [
        (CpmmPool((17223, 5613), (732, 177), (590, 205)), 0, "in", 1, "zero_output"),
        (
            CpmmPool((1262, 1791), (37, 27), (6, 61), tokens=tokens(None, (55, 1))),
            1,
            "in",
            1,
            "zero_output",
        ),
        (
            CpmmPool(
                (7542689563, 4548571536244970),
                (12234628, 220774340909923),
                (163574491, 220643612001264),
                tokens=tokens((9999,)),
            ),
            1,
            "out",
            13591062,
            "no_liquidity",
        ),
    ],
)
def test_what_the_program_refused_is_refused(pool, side, exact, amount, code):
    compute = swap_exact_in if exact == "in" else swap_exact_out
    with pytest.raises(QuoteRefused) as refused:
        compute(
            pool.address, snapshot(pool.accounts()), pool.tokens[side].address, amount
        )
    assert refused.value.code == code


# Mainnet swap events: reserves, what arrived, what left, rates, kind of creator fee,
# trade fee and creator fee.
EVENTS = [
    (
        (1008705478231, 308332417917276),
        32000000000,
        9457745352007,
        (2500, 0, 0),
        (80000000, 0),
    ),
    (
        (49864353718211, 546018281353581),
        238420485321,
        2565914868938,
        (2500, 10000, 2),
        (596051214, 25918332010),
    ),
    (
        (21707214195, 89574592979220481),
        47162988,
        193711210269413,
        (2500, 0, 0),
        (117908, 0),
    ),
    (
        (59486633393, 324181831497470),
        1287000000,
        6848381008732,
        (2000, 500, 0),
        (2574000, 643500),
    ),
]


@pytest.mark.parametrize(("vaults", "amount_in", "amount_out", "rates", "fees"), EVENTS)
def test_a_mainnet_swap_event_is_reproduced(vaults, amount_in, amount_out, rates, fees):
    trade, creator, creator_fee_on = rates
    pool = CpmmPool(
        vaults,
        trade_fee_rate=trade,
        creator_fee_rate=creator,
        creator_fee_enabled=creator > 0,
        creator_fee_on=creator_fee_on,
    )
    swap = swap_exact_in(pool.address, snapshot(pool.accounts()), TOKEN_0, amount_in)
    assert swap.amount_out == amount_out
    assert (swap.curve.trade_fee, swap.curve.creator_fee) == fees


@pytest.mark.parametrize(
    ("creator_fee_on", "mint_in", "expected"),
    [
        # on the input: 15,000 of a million, a third of it for the creator
        (0, TOKEN_0, (487_696, 10_000, 5_000, (5_000, 0))),
        (0, TOKEN_1, (1_931_940, 10_000, 5_000, (0, 5_000))),
        (1, TOKEN_0, (487_696, 10_000, 5_000, (5_000, 0))),
        (2, TOKEN_1, (1_931_940, 10_000, 5_000, (0, 5_000))),
        # on the output: 10,000 of the input, then 5,000 parts per million of the output
        (2, TOKEN_0, (490_147 - 2_451, 10_000, 2_451, (0, 2_451))),
        (1, TOKEN_1, (1_941_557 - 9_708, 10_000, 9_708, (9_708, 0))),
    ],
)
def test_the_creator_fee_is_taken_where_the_pool_says(
    creator_fee_on, mint_in, expected
):
    pool = CpmmPool(
        (100_000_000, 50_000_000),
        trade_fee_rate=10_000,
        creator_fee_rate=5_000,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    swap = swap_exact_in(pool.address, snapshot(pool.accounts()), mint_in, 1_000_000)
    amount_out, trade_fee, creator_fee, accrued = expected
    assert swap.amount_out == amount_out
    assert (swap.curve.trade_fee, swap.curve.creator_fee) == (trade_fee, creator_fee)
    state = apply_swap(pool.pool_data(), swap)
    assert struct.unpack_from("<2Q", state, 397) == accrued


@pytest.mark.parametrize("creator_fee_on", [0, 1, 2])
@pytest.mark.parametrize("mint_in", [TOKEN_0, TOKEN_1])
def test_exact_output_with_a_creator_fee_inverts_exact_input(creator_fee_on, mint_in):
    pool = CpmmPool(
        (100_000_000, 50_000_000),
        creator_fee_rate=5_000,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    at = snapshot(pool.accounts())
    swap = swap_exact_out(pool.address, at, mint_in, 777_777)
    assert (
        swap_exact_in(pool.address, at, mint_in, swap.amount_in).amount_out >= 777_777
    )
    assert (
        swap_exact_in(pool.address, at, mint_in, swap.amount_in - 2).amount_out
        < 777_777
    )


def test_a_creator_fee_that_is_not_enabled_costs_nothing():
    free, dear = (
        CpmmPool((10**9, 10**9)),
        CpmmPool((10**9, 10**9), creator_fee_rate=5_000),
    )
    quotes = [
        VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 10**6)
        for pool in (free, dear)
    ]
    assert quotes[0] == quotes[1]


def test_accrued_fees_are_no_reserves():
    plain = CpmmPool((1_000_000, 2_000_000))
    accrued = CpmmPool((1_000_111, 2_000_222), (100, 200), (10, 20), (1, 2))
    quotes = [
        VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 5_000)
        for pool in (plain, accrued)
    ]
    assert quotes[0] == quotes[1]


def test_a_quote_names_what_moves_and_what_it_costs():
    pool = CpmmPool((10**9, 2 * 10**9), tokens=tokens((100,), (200,)))
    quote = VENUE.quote(pool.address, snapshot(pool.accounts()), TOKEN_0, 10_000_000)
    assert (quote.vault_in_delta, quote.vault_out_delta) == (9_900_000, 19_557_366)
    assert quote.amount_out == 19_557_366 - 391_148
    assert (quote.fee_amount, quote.fee_mint, quote.fee_bps) == (24_750, TOKEN_0, 25)
    assert quote.price_impact_bps == 98  # 9,875,250 into a billion
    assert (quote.vault_in, quote.vault_out, quote.slot) == (
        key("vault 0"),
        key("vault 1"),
        1_000,
    )


def test_swaps_are_refused_while_switched_off_closed_or_frozen():
    assert refusal(CpmmPool((10**6, 10**6), status=4)) == "pool_disabled"
    assert refusal(CpmmPool((10**6, 10**6), frozen=True)) == "pool_disabled"
    later = CpmmPool((10**6, 10**6), open_time=1_800_000_001)
    assert refusal(later) == "pool_not_open"
    VENUE.quote(
        later.address,
        snapshot(later.accounts(), unix_timestamp=1_800_000_001),
        TOKEN_0,
        1_000,
    )
    others_off = CpmmPool((10**6, 10**6), status=3)
    VENUE.quote(others_off.address, snapshot(others_off.accounts()), TOKEN_0, 1_000)


@pytest.mark.parametrize(
    ("pool", "amount", "code"),
    [
        (CpmmPool((10**6, 10**6)), 0, "zero_output"),
        (CpmmPool((10**6, 10**6)), -1, "zero_output"),
        (CpmmPool((10**6, 10**6)), U64_MAX + 1, "math_overflow"),
        (
            CpmmPool((10**6, 10**6)),
            U64_MAX,
            "math_overflow",
        ),  # the vault would overflow
        (CpmmPool((0, 10**6)), 1_000, "no_liquidity"),
        (CpmmPool((10**6, 0)), 1_000, "no_liquidity"),
        (CpmmPool((10**6, 10**6), (10**6 + 1, 0)), 1_000, "no_liquidity"),
        (CpmmPool((10**6, 10**6), (U64_MAX, 0), (1, 0)), 1_000, "math_overflow"),
        (CpmmPool((10**6, 10**6), trade_fee_rate=1_000_001), 1_000, "math_overflow"),
        (CpmmPool((10**6, 10**6), trade_fee_rate=1_000_000), 1_000, "zero_output"),
        (CpmmPool((10**6, 10**6), trade_fee_rate=0), 1_000, "math_overflow"),
        (CpmmPool((10**6, 10**6), creator_fee_on=3), 1_000, "pool_unreadable"),
        (CpmmPool((10**6, 10**6), tokens=tokens((10_000,))), 1_000, "zero_output"),
        (
            CpmmPool((10**6, 10**6), tokens=tokens(None, (10_000,))),
            1_000,
            "zero_output",
        ),
    ],
)
def test_where_the_program_fails_the_quote_is_refused(pool, amount, code):
    assert refusal(pool, amount=amount) == code


def test_a_token_that_is_not_of_the_pool_is_refused():
    assert refusal(CpmmPool((10**6, 10**6)), mint_in=USER) == "pool_unreadable"


def test_accounts_of_another_program_or_shape_are_refused():
    pool = CpmmPool((10**6, 10**6))
    for address in (pool.address, key("cpmm config")):
        whole = pool.accounts()[address]
        assert whole is not None
        for changed in (
            None,
            Account(USER, 1, whole.data),
            Account(RAYDIUM, 1, whole.data[:-1]),
            Account(RAYDIUM, 1, bytes(8) + whole.data[8:]),
        ):
            accounts = {**pool.accounts(), address: changed}
            with pytest.raises(QuoteRefused) as refused:
                VENUE.quote(pool.address, snapshot(accounts), TOKEN_0, 1_000)
            assert refused.value.code == "pool_unreadable"


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


reserves = st.integers(1, 10**15)
rates = st.integers(1, 50_000)


@settings(derandomize=True, max_examples=200)
@given(reserves, reserves, st.integers(1, 10**16), rates, rates, st.integers(0, 2))
def test_output_never_exceeds_the_reserve_and_a_round_trip_never_gains(
    reserve0, reserve1, amount, trade, creator, creator_fee_on
):
    pool = CpmmPool(
        (reserve0, reserve1),
        trade_fee_rate=trade,
        creator_fee_rate=creator,
        creator_fee_enabled=True,
        creator_fee_on=creator_fee_on,
    )
    with suppress(QuoteRefused):  # too small to pay, or too big for a u64
        there = swap_exact_in(pool.address, snapshot(pool.accounts()), TOKEN_0, amount)
        assert there.amount_out < reserve1
        pool.vaults = (reserve0 + amount, reserve1 - there.amount_out)
        back = swap_exact_in(
            pool.address, snapshot(pool.accounts()), TOKEN_1, there.amount_out
        )
        assert back.amount_out <= amount
