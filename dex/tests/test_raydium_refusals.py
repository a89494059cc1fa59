"""Raydium CPMM: where the program would fail, the quote is refused."""

from __future__ import annotations

import pytest

from dex.errors import QuoteRefused
from dex.types import Account

from .builders import RAYDIUM, U64_MAX, CpmmPool, key, snapshot
from .raydium_quotes import TOKEN_0, USER, VENUE, refusal, tokens


def test_swaps_are_refused_while_switched_off_closed_or_frozen():
    assert refusal(CpmmPool((10**6, 10**6), status=4)) == "pool_disabled"
    assert refusal(CpmmPool((10**6, 10**6), frozen=True)) == "vault_frozen"
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
