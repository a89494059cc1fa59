"""The pools and venues that orders may use."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.models import Pool, Token
from dex.router import (
    AllowedPools,
    allowed_pools,
    allowed_pools_of,
    load_venues,
)
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.venues.meteora import MeteoraDlmm
from dex.venues.raydium import RaydiumCpmm

from .builders import key


def make_token(symbol: str, **columns: Any) -> Token:
    return Token.objects.create(
        symbol=symbol,
        decimals=6,
        token_program=str(TOKEN_PROGRAM),
        **({"mint": str(key(symbol))} | columns),
    )


def make_pool(name: str, token_a: Token, token_b: Token, **columns: Any) -> Pool:
    return Pool.objects.create(
        address=str(key(name)),
        venue="raydium",
        token_a=token_a,
        token_b=token_b,
        **columns,
    )


@pytest.mark.django_db
def test_the_pools_of_a_pair_are_found_either_way_round():
    a, b, c = (make_token(symbol) for symbol in "ABC")
    make_pool("ab", a, b)
    make_pool("ba", b, a)
    make_pool("ac", a, c)
    make_pool("switched off", a, b, enabled=False)

    expected = {("raydium", key("ab")), ("raydium", key("ba"))}
    assert set(allowed_pools(a, b).of_pair) == expected
    assert set(allowed_pools(b, a).of_pair) == expected


@pytest.mark.django_db
def test_a_disabled_token_has_no_pools():
    a, b = make_token("A"), make_token("B", enabled=False)
    make_pool("ab", a, b)

    assert allowed_pools(a, b).of_pair == []


@pytest.mark.django_db
def test_the_pools_of_many_pairs_are_those_of_each_read_by_one_query(
    django_assert_num_queries,
):
    a, b, c = (make_token(symbol) for symbol in "ABC")
    sol = make_token("SOL", mint=str(WRAPPED_SOL_MINT))
    tokens = (a, b, c, sol)
    for number, (one, other) in enumerate([*permutations(tokens, 2)] * 2):
        make_pool(f"pool {number}", one, other, enabled=number % 5 > 0)
    pairs = [*permutations(tokens, 2)]

    with django_assert_num_queries(1):
        found = allowed_pools_of(pairs)

    for token_in, token_out in pairs:
        between, of_sol = (
            Pool.objects.filter(enabled=True, token_a__in=two, token_b__in=two)
            for two in ((token_in, token_out), (sol, token_out))
        )
        assert found[token_in, token_out] == AllowedPools(
            *(
                [(pool.venue, Pubkey.from_string(pool.address)) for pool in pools]
                for pools in (between, of_sol)
            )
        )
        assert found[token_in, token_out] == allowed_pools(token_in, token_out)
    assert found[a, sol].of_sol == []


def test_the_settings_name_the_venues():
    venues = load_venues()

    assert [type(venue) for venue in venues.values()] == [RaydiumCpmm, MeteoraDlmm]
    assert all(venue.name == name for name, venue in venues.items())
    assert isinstance(venues["raydium"].program_id, Pubkey)
