"""Raydium CPMM: what the program itself did, and what mainnet saw."""

from __future__ import annotations

import struct

import pytest

from dex.errors import QuoteRefused
from dex.venues.raydium import (
    apply_swap,
    swap_exact_in,
    swap_exact_out,
)

from .builders import CpmmPool, snapshot
from .raydium_quotes import TOKEN_0, tokens

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
