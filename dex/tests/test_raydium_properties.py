"""Raydium CPMM: what holds for every pool, with creator and transfer fees of any kind.

All of it holds to the base unit: the program rounds every fee up and every output down, and
what it rounds away stays in the pool.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume
from hypothesis import strategies as st

from dex.venues.raydium import RaydiumCpmm

from .builders import CpmmPool, Token, TransferFees, key, snapshot
from .properties import EACH_LENGTH, Trader, for_all

TOKEN_0, TOKEN_1 = key("token 0"), key("token 1")
BOTH = ((TOKEN_0, TOKEN_1), (TOKEN_1, TOKEN_0))
RESERVES = st.one_of(st.integers(1, 10**5), st.integers(10**6, 10**15))
AMOUNTS = st.one_of(st.integers(1, 10**5), st.integers(10**6, 10**16))
RATES = st.integers(0, 60_000)
TRANSFER_FEES = st.none() | st.builds(
    TransferFees, st.integers(0, 3_000), st.integers(0, 10**7)
)


@st.composite
def cpmm_pools(draw: st.DrawFn) -> CpmmPool:
    """Draw a pool whose vaults hold reserves and fees not yet collected."""
    owed = [draw(st.integers(0, 10**4)) for _ in range(6)]
    reserves = draw(RESERVES), draw(RESERVES)
    return CpmmPool(
        (reserves[0] + sum(owed[::2]), reserves[1] + sum(owed[1::2])),
        protocol_fees=(owed[0], owed[1]),
        fund_fees=(owed[2], owed[3]),
        creator_fees=(owed[4], owed[5]),
        trade_fee_rate=draw(st.integers(1, 60_000)),
        creator_fee_rate=draw(RATES),
        creator_fee_enabled=draw(st.booleans()),
        creator_fee_on=draw(st.integers(0, 2)),
        tokens=(
            Token(TOKEN_0, draw(TRANSFER_FEES)),
            Token(TOKEN_1, draw(TRANSFER_FEES)),
        ),
    )


def trader(pool: CpmmPool) -> Trader:
    return Trader(RaydiumCpmm(), pool.address, snapshot(pool.accounts()))


@EACH_LENGTH
def test_more_input_never_pays_less(examples):
    @for_all(examples, pool=cpmm_pools(), less=AMOUNTS, more=AMOUNTS)
    def check(pool, less, more):
        less, more = sorted((less, more))
        for mint_in, _ in BOTH:
            larger = trader(pool).quote(mint_in, more)
            if larger is not None:
                assert trader(pool).amount_out(mint_in, less) <= larger.amount_out


@EACH_LENGTH
def test_output_stays_below_the_reserve(examples):
    @for_all(examples, pool=cpmm_pools(), amount=AMOUNTS)
    def check(pool, amount):
        for side, (mint_in, _) in enumerate(BOTH):
            quote = trader(pool).quote(mint_in, amount)
            other = 1 - side
            owed = pool.protocol_fees, pool.fund_fees, pool.creator_fees
            reserve = pool.vaults[other] - sum(fees[other] for fees in owed)
            assert quote is None or quote.vault_out_delta < reserve


@EACH_LENGTH
def test_a_worse_pool_never_pays_more(examples):
    @for_all(
        examples,
        pool=cpmm_pools(),
        amount=AMOUNTS,
        gone=st.integers(0, 10**14),
        added=st.integers(0, 10**15),
        fee=RATES,
        creator_fee=RATES,
        transfer_fee=st.integers(0, 2_000),
    )
    def check(pool, amount, gone, added, fee, creator_fee, transfer_fee):
        offered = trader(pool).amount_out(TOKEN_0, amount)
        vault0, vault1 = pool.vaults
        for worse in (
            replace(pool, vaults=(vault0, max(1, vault1 - gone))),
            replace(pool, vaults=(vault0 + added, vault1)),
            replace(pool, trade_fee_rate=pool.trade_fee_rate + fee),
            replace(pool, creator_fee_rate=pool.creator_fee_rate + creator_fee),
            *(with_transfer_fee(pool, side, transfer_fee) for side in (0, 1)),
        ):
            assume(trader(pool).quote(TOKEN_0, amount) is not None)
            assert trader(worse).amount_out(TOKEN_0, amount) <= offered


def with_transfer_fee(pool: CpmmPool, side: int, more: int) -> CpmmPool:
    """Raise the transfer fee of one token."""
    tokens = list(pool.tokens)
    old = tokens[side].fees or TransferFees(0)
    raised = TransferFees(old.basis_points + more, old.maximum)
    tokens[side] = replace(tokens[side], fees=raised)
    return replace(pool, tokens=(tokens[0], tokens[1]))


@EACH_LENGTH
def test_a_round_trip_never_gains(examples):
    @for_all(examples, pool=cpmm_pools(), amount=AMOUNTS)
    def check(pool, amount):
        for mint_in, mint_out in BOTH:
            there = trader(pool).quote(mint_in, amount)
            later = there and trader(pool).after(there)
            if there and later:
                assert later.amount_out(mint_out, there.amount_out) <= amount


@EACH_LENGTH
def test_an_order_split_in_two_never_gains(examples):
    @for_all(examples, pool=cpmm_pools(), first=AMOUNTS, second=AMOUNTS)
    def check(pool, first, second):
        for mint_in, _ in BOTH:
            whole = trader(pool).quote(mint_in, first + second)
            part = trader(pool).quote(mint_in, first)
            later = part and trader(pool).after(part)
            if whole and part and later:
                rest = later.amount_out(mint_in, second)
                assert part.amount_out + rest <= whole.amount_out
