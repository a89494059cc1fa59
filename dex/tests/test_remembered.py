"""What is remembered of accounts is what decoding them anew says."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import _lru_cache_wrapper
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.localnet import genesis
from dex.localnet.market import VENUES, pool_accounts
from dex.quoting import Swap, Wanted, choose_route
from dex.ranking import ImpactLimit
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account, Clock, Snapshot
from dex.venues.base import Venue

from .builders import CpmmPool, Token, TransferFees, key, snapshot
from .builders_dlmm import ONE_Q64, BinAmounts, DlmmPair

EACH_POOL = pytest.mark.parametrize(
    "pool", genesis.pools(), ids=lambda p: f"{p.venue}-{p.base.symbol}-{p.quote.symbol}"
)


def forget() -> None:
    """Empty everything that functions of the venues and of the chain remember."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("dex.venues", "dex.solana")):
            for found in vars(module).values():
                if isinstance(found, _lru_cache_wrapper):
                    found.cache_clear()


def said(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except QuoteRefused as refusal:
        return refusal.code, refusal.reason


def answers(venue: Venue, at: Snapshot, asked: tuple[Pubkey, Pubkey, int]) -> Any:
    """What a venue says of one swap, and what it leaves of the accounts."""
    quote = said(lambda: venue.quote(asked[0], at, asked[1], asked[2]))
    if isinstance(quote, tuple):
        return quote, None
    return quote, said(lambda: venue.after_swap(quote, at))


@EACH_POOL
def test_many_questions_to_one_snapshot_have_the_answers_of_as_many_snapshots(pool):
    venue, rng = VENUES[pool.venue], random.Random(f"questions to {pool.venue}")
    genesis_accounts = dict(genesis.accounts())
    accounts = pool_accounts(venue, pool.address, genesis_accounts.get)
    at = snapshot(accounts)
    for _ in range(12):
        small = [rng.randrange(pool.quote_depth // 20) for _ in range(2)]
        amounts = *small, rng.choice([0, 1, pool.base_depth, 2**64])
        mints = pool.base.mint, pool.quote.mint
        questions = [(pool.address, mint, n) for n in amounts * 2 for mint in mints]
        if rng.random() < 0.5:
            rng.shuffle(questions)
        remembered = [answers(venue, at, asked) for asked in questions]
        anew = []
        for asked in questions:
            forget()
            anew.append(answers(venue, replace(at), asked))

        assert remembered == anew
        changed = next(after for _, after in remembered if isinstance(after, dict))
        at = replace(at, accounts={**at.accounts, **changed})


def random_tokens(rng: random.Random) -> tuple[Token, Token]:
    first, second = (
        rng.choice([None, TransferFees(rng.randrange(500), 10**6, rng.randrange(4), 7)])
        for _ in range(2)
    )
    return Token(key("token x"), first), Token(key("token y"), second)


def random_cpmm(rng: random.Random) -> CpmmPool:
    return CpmmPool(
        vaults=(rng.randrange(10**12), rng.randrange(10**12)),
        protocol_fees=(rng.randrange(10**6), rng.randrange(10**6)),
        trade_fee_rate=rng.choice([0, 100, 2_500]),
        creator_fee_rate=rng.choice([0, 500]),
        creator_fee_enabled=rng.random() < 0.5,
        creator_fee_on=rng.randrange(3),
        status=rng.choice([0, 0, 0, 0b100]),
        open_time=rng.choice([0, 0, 0, 2**40]),
        frozen=rng.random() < 0.1,
        tokens=random_tokens(rng),
    )


def random_dlmm(rng: random.Random) -> DlmmPair:
    active_id = rng.choice([-71, 0, 5])
    bins = {
        active_id + distance: BinAmounts(
            x=rng.randrange(10**9) if distance >= 0 else 0,
            y=rng.randrange(10**9) if distance <= 0 else 0,
            price=ONE_Q64 + distance * (ONE_Q64 // 1_000),
        )
        for distance in rng.sample(range(-90, 91), k=9)
    }
    return DlmmPair(
        bins,
        active_id=active_id,
        bin_step=rng.choice([1, 10]),
        base_factor=rng.randrange(20_000),
        variable_fee_control=rng.choice([0, 40_000]),
        volatility_accumulator=rng.randrange(10**5),
        last_update=1_800_000_000 - rng.randrange(700),
        protocol_share=rng.randrange(2_500),
        status=rng.choice([0, 0, 0, 1]),
        collect_fee_mode=rng.randrange(2),
        has_extension=rng.random() < 0.5,
        reward_mint=rng.choice([None, key("reward")]),
        frozen=rng.random() < 0.1,
        tokens=random_tokens(rng),
    )


@pytest.mark.parametrize(
    ("venue", "draw"),
    [(VENUES["raydium"], random_cpmm), (VENUES["meteora"], random_dlmm)],
    ids=["raydium", "meteora"],
)
def test_other_bytes_at_the_same_addresses_and_other_epochs_are_other_pools(
    venue, draw
):
    rng = random.Random(f"other bytes of {venue.name}")
    pools = [draw(rng) for _ in range(60)]
    asked = [
        (pool, rng.randrange(5), mint.address, rng.randrange(10**9))
        for pool in pools
        for mint in pool.tokens
    ]
    rng.shuffle(asked)

    def answer(pool: Any, epoch: int, mint: Pubkey, amount: int) -> Any:
        at = snapshot(pool.accounts(), epoch=epoch)
        return answers(venue, at, (pool.address, mint, amount))

    forget()
    remembered = [answer(*question) for question in asked]
    for question, found in zip(asked, remembered, strict=True):
        forget()
        assert answer(*question) == found

    quotes = [quote for quote, _ in remembered if not isinstance(quote, tuple)]
    assert len(asked) / 3 < len(quotes) < len(asked)


def test_a_copy_of_a_snapshot_with_other_accounts_begins_without_what_was_decoded():
    pool = CpmmPool(vaults=(10**9, 10**9))
    full = snapshot(pool.accounts())
    poorer = CpmmPool(vaults=(10**9, 10**8)).accounts()
    venue, mint = VENUES["raydium"], pool.tokens[0].address
    before = venue.quote(pool.address, full, mint, 10**6)

    after = venue.quote(pool.address, replace(full, accounts=poorer), mint, 10**6)

    assert (before.amount_out, after.amount_out) == (996_505, 99_650)


def test_sol_is_priced_by_the_snapshot_that_an_order_is_routed_from():
    sol = Token(WRAPPED_SOL_MINT)
    tokens = (Token(key("token x")), Token(key("token y")))
    pool = CpmmPool(vaults=(10**12, 10**12), tokens=tokens)
    wanted = Wanted(
        swap=Swap(tokens[0].address, tokens[1].address, 10**9),
        pools=[("raydium", pool.address)],
        max_price_impact=ImpactLimit(10_000, "no limit"),
        sol_pools=[("raydium", key("sol pool"))],
        account_out=key("account out"),
    )

    def worth(sol_reserve: int) -> list[int | None]:
        sol_pool = CpmmPool(
            vaults=(sol_reserve, 10**12),
            tokens=(sol, tokens[1]),
            address=key("sol pool"),
        )
        renamed = {key("vault 0"): key("vault s"), key("vault 1"): key("vault t")}
        accounts = {
            renamed.get(address, address): account
            for address, account in sol_pool.accounts().items()
        }
        state = accounts[sol_pool.address]
        assert state is not None
        data = state.data
        for old, new in renamed.items():
            data = data.replace(bytes(old), bytes(new))
        accounts[sol_pool.address] = replace(state, data=data)
        accounts |= pool.accounts()
        accounts[key("account out")] = Account(TOKEN_PROGRAM, 1, b"")
        at = Snapshot(5, Clock(5, 0, 1_800_000_000), accounts)
        costs = [choose_route(wanted, at, VENUES, None).answers[0].costs for _ in "12"]
        return [cost.in_output for cost in costs if cost]

    assert worth(10**12) == [4_988, 4_988]
    assert worth(10**13) == [499, 499]


def test_what_costs_are_worth_depends_on_the_token_that_is_paid():
    tokens = (Token(WRAPPED_SOL_MINT), Token(key("token y")))
    pool = CpmmPool(vaults=(10**12, 10**12), tokens=tokens)
    at = snapshot(pool.accounts())

    def worth(token_in: Token, token_out: Token) -> int | None:
        wanted = Wanted(
            swap=Swap(token_in.address, token_out.address, 10**9),
            pools=[("raydium", pool.address)],
            max_price_impact=ImpactLimit(10_000, "no limit"),
        )
        costs = choose_route(wanted, at, VENUES, None).answers[0].costs
        assert costs is not None
        return costs.in_output

    assert [worth(*tokens), worth(*tokens[::-1]), worth(*tokens)] == [None, 5_000, None]
