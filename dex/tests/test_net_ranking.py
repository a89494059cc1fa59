"""Quotes are ranked by what the wallet keeps after the network's costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from dex.costs import PRICED_LAMPORTS
from dex.errors import NoRoute, PriceImpactTooHigh, QuoteRefused
from dex.pending import PendingSwaps
from dex.quoting import Swap, Wanted, choose_route
from dex.ranking import ImpactLimit
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account, Clock, Quote, Route, Snapshot

from .builders import Token, TransferFees, key
from .paper_venue import MINT_IN, MINT_OUT, PaperVenue, page

CHEAP, DEAR = ("cheap", key("cheap pool")), ("dear", key("dear pool"))
SOL_POOL = ("cheap", key("SOL pool"))
ACCOUNT_OUT = key("account out")
NO_LIMIT = ImpactLimit(10_000, "no limit")


class CostlyVenue(PaperVenue):
    """A venue on paper whose swaps use compute units and move the price."""

    def __init__(
        self, name: str, units: int, impact_bps: int = 0, pays: Pubkey = MINT_OUT
    ) -> None:
        super().__init__(name)
        self._units, self._impact_bps, self._pays = units, impact_bps, pays

    def quote(
        self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
    ) -> Quote:
        return replace(
            super().quote(pool, snapshot, mint_in, amount_in),
            mint_out=self._pays,  # for SOL, too
            compute_units=self._units,
            price_impact_bps=self._impact_bps,
        )


def seen(
    cheap: int, dear: int, *, sol: int = 0, token_account: bool = True
) -> Snapshot:
    """Pools that pay so much; `sol` is what PRICED_LAMPORTS bring."""
    pools = ((CHEAP, cheap), (DEAR, dear), (SOL_POOL, sol))
    accounts: dict[Pubkey, Account | None] = {
        pool[1]: Account(TOKEN_PROGRAM, 1, page(payout)) for pool, payout in pools
    }
    accounts[ACCOUNT_OUT] = Account(TOKEN_PROGRAM, 1, b"") if token_account else None
    return Snapshot(100, Clock(100, 4, 1_700_000_000), accounts)


def route(
    snapshot: Snapshot,
    *,
    mint_out: Pubkey = MINT_OUT,
    impacts_bps: tuple[int, int] = (0, 0),
    pending: PendingSwaps | None = None,
    **terms: object,
) -> Route:
    venues = {
        "cheap": CostlyVenue("cheap", 39_413, impacts_bps[0], mint_out),
        "dear": CostlyVenue("dear", 399_413, impacts_bps[1], mint_out),
    }
    wanted = Wanted(
        swap=Swap(MINT_IN, mint_out, 1_000),
        pools=[CHEAP, DEAR],
        max_price_impact=NO_LIMIT,
        sol_pools=[SOL_POOL],
        unit_price=100_000,  # 4,800 lamports for the cheap swap, 48,000 for the dear one
        account_out=ACCOUNT_OUT,
    )
    return choose_route(replace(wanted, **terms), snapshot, venues, pending)  # type: ignore[arg-type]


def test_the_costs_decide_when_they_weigh_more_than_the_difference_in_output():
    # A lamport is worth a tenth of a unit: 980 units of costs against 5,300.
    found = route(seen(1_000_000, 1_004_000, sol=PRICED_LAMPORTS // 10))

    first, second = found.answers
    assert (first.venue, first.net_amount_out) == ("cheap", 999_020)
    assert (second.venue, second.net_amount_out) == ("dear", 998_700)
    assert first.costs is not None
    assert first.costs.fee_lamports == 5_000 + 4_800
    assert second.code == "lower_output"
    assert second.reason == "Pays 0.03 % less than cheap after network costs."


def test_the_output_decides_when_the_difference_is_more_than_the_costs():
    found = route(seen(1_000_000, 1_010_000, sol=PRICED_LAMPORTS // 10))

    assert [answer.venue for answer in found.answers] == ["dear", "cheap"]
    assert found.answers[1].reason == "Pays 0.99 % less than dear."


def test_without_a_price_of_sol_the_output_decides_and_then_the_lower_cost():
    by_output = route(seen(1_000_000, 1_000_001))
    by_cost = route(seen(1_000_000, 1_000_000))

    assert by_output.best.venue == "dear"
    assert by_output.answers[0].net_amount_out is None
    assert by_cost.best.venue == "cheap"
    assert by_cost.answers[1].code == "equal_output"


def test_into_sol_the_costs_are_what_they_are():
    found = route(seen(100_000, 120_000), mint_out=WRAPPED_SOL_MINT, sol_pools=())

    assert [(a.venue, a.net_amount_out) for a in found.answers] == [
        ("cheap", 100_000 - 9_800),
        ("dear", 120_000 - 53_000),
    ]


def test_a_part_of_a_unit_of_costs_counts_as_one():
    found = route(seen(1_000_000, 1, sol=1))

    assert found.answers[0].net_amount_out == 999_999


@pytest.mark.parametrize(
    ("mint", "rent"),
    [
        (Token(MINT_OUT), 2_039_280),
        (Token(MINT_OUT, extensions=[(18, bytes(64))]), 2_074_080),
        (Token(MINT_OUT, fees=TransferFees(100)), 2_157_600),
    ],
)
def test_a_new_token_account_costs_the_rent_of_its_size(mint, rent):
    snapshot = seen(1_000_000, 1, sol=PRICED_LAMPORTS, token_account=False)
    accounts = {**snapshot.accounts, MINT_OUT: mint.account()}

    found = route(replace(snapshot, accounts=accounts))

    costs = found.answers[0].costs
    assert costs is not None
    assert costs.rent_lamports == rent
    # The account is created by the same transaction: 10,000 units more, and a fifth.
    assert costs.fee_lamports == 5_000 + 4_800 + 1_200
    assert found.answers[0].net_amount_out == 1_000_000 - rent - 11_000


def test_an_existing_account_costs_no_rent_and_an_unknown_wallet_says_nothing():
    existing = route(seen(1_000_000, 1))
    unknown = route(seen(1_000_000, 1), account_out=None)

    for found, rent in ((existing, 0), (unknown, None)):
        assert found.answers[0].costs is not None
        assert found.answers[0].costs.rent_lamports == rent


def test_a_price_impact_at_the_limit_is_taken_and_one_basis_point_above_is_not():
    limit = ImpactLimit(250, "the order's limit (maxPriceImpact)")

    found = route(seen(100, 200), impacts_bps=(250, 251), max_price_impact=limit)

    first, second = found.answers
    assert (first.venue, first.code) == ("cheap", "")
    assert (second.venue, second.code) == ("dear", "price_impact_too_high")
    assert second.reason == (
        "The price impact is 2.51 %, above the order's limit (maxPriceImpact) of 2.5 %. "
        "Use a smaller amount."
    )
    assert second.quote is not None
    assert second.quote.price_impact_bps == 251


def test_when_every_quote_moves_the_price_too_far_that_is_the_error():
    with pytest.raises(PriceImpactTooHigh) as caught:
        route(
            seen(100, 0),
            impacts_bps=(300, 300),
            max_price_impact=ImpactLimit(299, "this installation's limit"),
        )

    assert not caught.value.retryable
    assert [(a.venue, a.code) for a in caught.value.answers] == [
        ("cheap", "price_impact_too_high"),
        ("dear", "no_liquidity"),
    ]
    assert str(caught.value) == (
        "No pool makes this swap within the limit. cheap: The price impact is 3 %, above "
        "this installation's limit of 2.99 %. Use a smaller amount. dear: The pool is "
        "empty."
    )


def test_a_limit_does_not_end_an_order_while_another_pool_may_quote_a_moment_later():
    class Paused(CostlyVenue):
        def quote(
            self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
        ) -> Quote:
            raise QuoteRefused("pool_disabled", "The pool is switched off.")

    venues = {"cheap": CostlyVenue("cheap", 1, 300), "dear": Paused("dear", 1)}
    limit = ImpactLimit(299, "limit")
    wanted = Wanted(Swap(MINT_IN, MINT_OUT, 1_000), [CHEAP, DEAR], limit)

    with pytest.raises(NoRoute) as caught:
        choose_route(wanted, seen(100, 100), venues, None)

    assert (caught.value.code, caught.value.retryable) == ("no_route", True)


def test_a_limit_that_only_swaps_under_way_break_does_not_end_an_order():
    class Thinning(CostlyVenue):
        """Moves its price by a basis point less for each unit it still pays."""

        def quote(
            self, pool: Pubkey, snapshot: Snapshot, mint_in: Pubkey, amount_in: int
        ) -> Quote:
            quote = super().quote(pool, snapshot, mint_in, amount_in)
            return replace(quote, price_impact_bps=100 - quote.amount_out)

    venues = {"cheap": Thinning("cheap", 1)}
    wanted = Wanted(Swap(MINT_IN, MINT_OUT, 1_000), [CHEAP], ImpactLimit(50, "limit"))
    pending, snapshot = PendingSwaps(venues), seen(50, 0)
    pending.reserve(choose_route(wanted, snapshot, venues, pending).best)

    with pytest.raises(NoRoute) as caught:
        choose_route(wanted, snapshot, venues, pending)

    assert caught.value.answers[0].code == "price_impact_too_high"
    assert (caught.value.code, caught.value.retryable) == ("no_route", True)


def test_a_refusal_that_swaps_under_way_cause_says_so():
    venues = {"cheap": CostlyVenue("cheap", 1), "dear": CostlyVenue("dear", 1)}
    pending, snapshot = PendingSwaps(venues), seen(2, 0)
    for _ in range(2):
        found = route(snapshot, pending=pending)
        pending.reserve(found.best)

    with pytest.raises(NoRoute) as caught:
        route(snapshot, pending=pending)

    assert found.best.amount_out == 1
    assert found.raw.amount_out == 2
    assert found.answers[0].pending_swaps == 1
    assert caught.value.answers[0].reason == (
        "Once 2 swaps under way have landed: The pool is empty."
    )
