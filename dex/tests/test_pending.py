"""Swaps under way are counted from the choice of their route until the accounts hold them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.pending import LAG_SLOTS, PendingSwaps
from dex.solana.addresses import TOKEN_PROGRAM
from dex.types import Account, Clock, Quote, Snapshot

from .builders import key
from .paper_venue import MINT_IN, PaperVenue, page

POOL, OTHER = ("first", key("pool")), ("second", key("other pool"))


class CountingVenue(PaperVenue):
    """Counts what it is asked; refuses to say what swaps of certain amounts leave."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked = 0
        self.refusals: dict[int, str] = {}

    def after_swap(self, quote: Quote, snapshot: Snapshot) -> dict[Pubkey, Account]:
        self.asked += 1
        code = self.refusals.get(quote.amount_in)
        if code == "bug":
            raise ValueError("this venue is broken")
        if code:
            raise QuoteRefused(code, "no")
        return super().after_swap(quote, snapshot)


@pytest.fixture
def venue() -> CountingVenue:
    return CountingVenue("first")


@pytest.fixture
def pending(venue: CountingVenue) -> PendingSwaps:
    return PendingSwaps({"first": venue, "second": CountingVenue("second")})


def seen(slot: int = 100) -> Snapshot:
    """Both pools as a node showed them: they pay 1,000."""
    accounts = {
        pool: Account(TOKEN_PROGRAM, 1, page(1_000)) for _, pool in (POOL, OTHER)
    }
    return Snapshot(slot, Clock(slot, 4, 1_700_000_000), accounts)


def quote_of(pool: tuple[str, Pubkey], snapshot: Snapshot, amount_in: int = 7) -> Quote:
    return PaperVenue(pool[0]).quote(pool[1], snapshot, MINT_IN, amount_in)


def paid(pending: PendingSwaps, snapshot: Snapshot, pool=POOL) -> int:
    """What the pool pays the next order; each swap applied takes one unit of it."""
    return quote_of(pool, pending.applied_to(snapshot, [pool])).amount_out


def test_without_pending_swaps_the_snapshot_stays_what_it_is(pending: PendingSwaps):
    snapshot = seen()

    assert pending.applied_to(snapshot, [POOL, OTHER]) is snapshot


def test_a_swap_counts_as_soon_as_it_is_reserved_in_its_own_pool(pending: PendingSwaps):
    snapshot = seen()
    for expected in (1_000, 999, 998):
        assert paid(pending, snapshot) == expected
        pending.reserve(quote_of(POOL, snapshot))

    assert pending.applied_to(snapshot, [POOL]).slot == 100
    assert pending.applied_in(POOL) == 3
    assert paid(pending, snapshot, OTHER) == 1_000
    assert snapshot == seen()


def test_one_more_swap_costs_one_step_and_a_new_reading_starts_anew(
    pending: PendingSwaps, venue: CountingVenue
):
    snapshot = seen()
    for _ in range(50):
        pending.reserve(quote_of(POOL, snapshot))
        pending.applied_to(snapshot, [POOL])
    assert venue.asked == 50

    for _ in range(3):
        assert paid(pending, newer := seen(101)) == 950
        assert paid(pending, newer) == 950
    assert venue.asked == 50 * 4


def test_a_landed_swap_counts_only_on_accounts_older_than_its_slot(
    pending: PendingSwaps,
):
    first, second = (pending.reserve(quote_of(POOL, seen())) for _ in range(2))
    pending.landed(first, 101)
    pending.landed(second, 102)

    assert [paid(pending, seen(slot)) for slot in (100, 101, 102)] == [998, 999, 1_000]
    # A node that lags shows the pool as it was before both.
    assert paid(pending, seen(100)) == 998


def test_accounts_of_the_slot_of_a_landing_hold_it_once_they_were_read_after_the_news(
    pending: PendingSwaps,
):
    reservation = pending.reserve(quote_of(POOL, seen()))
    pending.landed(reservation, 101, at=20.0)

    read_at = [(101, 19.9), (101, 20.0), (102, 19.9)]
    readings = [replace(seen(slot), read_at=at) for slot, at in read_at]

    # The slot went on when the first was read; the swap may have landed later in it.
    assert [paid(pending, reading) for reading in readings] == [999, 1_000, 1_000]


def test_landings_in_the_slot_of_the_reading_do_not_make_anybody_count_anew(
    pending: PendingSwaps, venue: CountingVenue
):
    snapshot = replace(seen(), read_at=10.0)
    for number in range(50):
        assert paid(pending, snapshot) == 1_000 - number
        pending.landed(pending.reserve(quote_of(POOL, snapshot)), 100, at=11.0)

    assert paid(pending, snapshot) == 950
    assert venue.asked == 50


def test_a_swap_heard_of_late_is_taken_out_of_accounts_that_hold_it(
    pending: PendingSwaps,
):
    snapshot = seen(105)
    reservation = pending.reserve(quote_of(POOL, snapshot))
    assert paid(pending, snapshot) == 999

    pending.landed(reservation, 103)

    assert paid(pending, snapshot) == 1_000


def test_many_swaps_heard_of_late_are_taken_out_in_few_steps(
    pending: PendingSwaps, venue: CountingVenue
):
    snapshot = seen(105)
    reservations = [pending.reserve(quote_of(POOL, snapshot)) for _ in range(64)]
    assert paid(pending, snapshot) == 1_000 - 64

    counted = []
    for reservation in reservations:
        pending.landed(reservation, 103)
        counted.append(1_000 - paid(pending, snapshot))

    # Never fewer than are still under way, and at most a third more.
    left = range(63, -1, -1)
    assert all(n <= c <= n * 4 / 3 for n, c in zip(left, counted, strict=True))
    assert venue.asked < 64 * 5


def test_a_swap_that_will_not_land_counts_no_more(pending: PendingSwaps):
    snapshot = seen()
    reservations = [pending.reserve(quote_of(POOL, snapshot)) for _ in range(3)]
    assert paid(pending, snapshot) == 997

    pending.release(reservations[1])
    pending.release(reservations[1])

    assert paid(pending, snapshot) == 998
    assert len(pending) == 2


def test_what_is_remembered_is_bounded_by_what_is_under_way(pending: PendingSwaps):
    for slot in range(100, 400):
        reservation = pending.reserve(quote_of(POOL, seen(slot)))
        pending.applied_to(seen(slot), [POOL])
        pending.landed(reservation, slot + 1)
        assert len(pending) <= LAG_SLOTS + 1

    pending.applied_to(seen(400 + LAG_SLOTS), [OTHER])
    assert len(pending) == 0


@pytest.mark.parametrize("landing_slot", [0, 101, 200, 2**62])
def test_a_landed_swap_is_forgotten_whatever_slot_it_is_said_to_have_landed_at(
    pending: PendingSwaps, landing_slot: int
):
    reservation = pending.reserve(quote_of(POOL, seen()))
    pending.applied_to(seen(100), [POOL])
    pending.landed(reservation, landing_slot)
    pending.applied_to(seen(101), [POOL])  # the first reading after the news

    pending.applied_to(seen(101 + LAG_SLOTS), [POOL])

    assert len(pending) == 0


def test_a_swap_that_the_pool_would_refuse_changes_nothing_and_stops_nothing(
    pending: PendingSwaps, venue: CountingVenue
):
    venue.refusals = {13: "no_liquidity"}
    snapshot = seen()
    for amount_in in (7, 13, 7):
        pending.reserve(quote_of(POOL, snapshot, amount_in))

    assert paid(pending, snapshot) == 998


@pytest.mark.parametrize("code", ["unsupported", "bug"])
def test_where_the_state_is_not_known_the_pool_stays_as_it_was_before(
    pending: PendingSwaps, venue: CountingVenue, code: str
):
    venue.refusals = {13: code}
    snapshot = seen()
    for amount_in in (7, 13, 7):
        pending.reserve(quote_of(POOL, snapshot, amount_in))

    assert paid(pending, snapshot) == 999
    asked = venue.asked
    assert paid(pending, snapshot) == 999
    assert venue.asked == asked


def test_a_pool_that_was_not_read_is_left_alone(pending: PendingSwaps):
    pending.reserve(quote_of(POOL, seen()))
    elsewhere = replace(seen(), accounts={OTHER[1]: seen().accounts[OTHER[1]]})

    assert paid(pending, elsewhere, OTHER) == 1_000
