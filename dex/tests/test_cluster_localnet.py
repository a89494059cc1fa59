"""The whole way of a swap, over HTTP, on localnet: quote, simulate, sign, settle, fill."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from dex.localnet.genesis import token_account
from dex.solana.addresses import associated_token_address
from dex.types import (
    Expired,
    Landed,
    LandedWithError,
)

from .trader import Trader, trading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("venue", ["raydium", "meteora"])
@pytest.mark.parametrize("pair", [("A", "B"), ("B", "A"), ("SOL", "USDC")])
async def test_a_swap_is_simulated_and_filled_exactly_as_quoted(
    trader: Trader, venue: str, pair: tuple[str, str]
):
    quote, snapshot = await trader.quote(*pair, 1_000_000_000, venue)
    message, _ = await trader.compose(quote, snapshot)
    simulation = await trader.cluster.simulate(
        message, [quote.vault_in, quote.vault_out], min_context_slot=snapshot.slot
    )
    signed = await trader.sign(quote, snapshot)

    outcome = await trader.cluster.settle(signed)
    fill = await trader.fill(quote, signed.signature)

    def held(address: Pubkey) -> int:
        account = snapshot.accounts[address]
        assert account is not None
        return int.from_bytes(account.data[64:72], "little")

    assert simulation.error_code == ""
    assert simulation.token_amounts == {
        quote.vault_in: held(quote.vault_in) + quote.vault_in_delta,
        quote.vault_out: held(quote.vault_out) - quote.vault_out_delta,
    }
    assert 0 < simulation.units_consumed < 200_000
    assert isinstance(outcome, Landed)
    assert (fill.amount_in, fill.amount_out) == (1_000_000_000, quote.amount_out)
    assert fill.slot == outcome.slot
    # Base fee of one signature, and 1,000 micro-lamports for each of 1.4M units.
    assert fill.fee_lamports == 5_000 + 1_400


async def test_two_equal_orders_land_as_two_swaps(trader: Trader):
    quote, snapshot = await trader.quote("SOL", "USDC", 1_000_000_000, "raydium")
    first = await trader.sign(quote, snapshot, memo="one:1")
    second = await trader.sign(quote, snapshot, memo="two:1")

    outcomes = await asyncio.gather(
        trader.cluster.settle(first), trader.cluster.settle(second)
    )
    fills = [await trader.fill(quote, tx.signature) for tx in (first, second)]

    assert [type(outcome) for outcome in outcomes] == [Landed, Landed]
    assert first.blockhash == second.blockhash
    assert first.signature != second.signature
    assert sorted(fill.amount_out for fill in fills)[1] == quote.amount_out
    assert sorted(fill.amount_out for fill in fills)[0] < quote.amount_out


@pytest.mark.parametrize("venue", ["raydium", "meteora"])
async def test_a_floor_that_is_not_reached_lands_with_slippage_exceeded(
    trader: Trader, venue: str
):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000, venue)
    message, _ = await trader.compose(
        quote, snapshot, min_amount_out=quote.amount_out + 1
    )
    simulation = await trader.cluster.simulate(
        message, [quote.vault_in], min_context_slot=snapshot.slot
    )
    signed = await trader.sign(quote, snapshot, min_amount_out=quote.amount_out + 1)

    outcome = await trader.cluster.settle(signed)

    assert (simulation.error_code, simulation.retryable) == ("slippage_exceeded", True)
    assert isinstance(outcome, LandedWithError)
    assert (outcome.error_code, outcome.retryable) == ("slippage_exceeded", True)


@pytest.mark.parametrize("venue", ["raydium", "meteora"])
async def test_selling_more_than_the_wallet_holds_is_insufficient_funds(
    trader: Trader, venue: str
):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000, venue)
    poor = token_account(quote.mint_in, trader.wallet.address, 999_999_999)
    account_in = associated_token_address(trader.wallet.address, quote.mint_in)
    trader.localnet.ledger.put([(account_in, poor)])
    trader.localnet.ledger.commit()
    message, _ = await trader.compose(quote, snapshot)

    simulation = await trader.cluster.simulate(
        message, [quote.vault_in], min_context_slot=snapshot.slot
    )

    assert (simulation.error_code, simulation.retryable) == (
        "insufficient_funds",
        False,
    )


async def test_a_dropped_transaction_lands_when_it_is_sent_again(trader: Trader):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
    signed = await trader.sign(quote, snapshot)
    trader.localnet.control("localnet_set", {"dropNext": 2})  # one on each node

    outcome = await trader.cluster.settle(signed)

    assert isinstance(outcome, Landed)


async def test_a_transaction_that_never_lands_is_proved_expired(trader: Trader):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
    signed = await trader.sign(quote, snapshot)
    trader.localnet.control("localnet_set", {"dropRate": 1})
    settling = asyncio.create_task(trader.cluster.settle(signed))
    trader.localnet.control("localnet_advance", {"slots": 400})

    outcome = await settling

    assert isinstance(outcome, Expired)
    assert set(outcome.proof) == {
        url.removeprefix("http://") for url in trader.localnet.urls
    }


async def test_an_outcome_found_long_after_a_crash_is_landed(trader: Trader):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
    signed = await trader.sign(quote, snapshot)
    await trader.cluster.settle(signed)
    # Far beyond what nodes keep in their status cache, and beyond the blockhash's life.
    trader.localnet.control("localnet_advance", {"slots": 2_000})

    outcome = await trader.cluster.settle(signed, resend=False)

    assert isinstance(outcome, Landed)


async def test_watching_only_sends_nothing(trader: Trader):
    quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
    signed = await trader.sign(quote, snapshot)
    settling = asyncio.create_task(trader.cluster.settle(signed, resend=False))
    trader.localnet.control("localnet_advance", {"slots": 400})

    assert isinstance(await settling, Expired)


async def test_an_output_account_that_is_missing_is_created(tmp_path: Path):
    async with trading(tmp_path) as trader:
        quote, snapshot = await trader.quote("A", "B", 1_000_000_000)
        account_out = associated_token_address(trader.wallet.address, quote.mint_out)
        trader.localnet.ledger.put([(account_out, None)])
        trader.localnet.ledger.commit()
        fresh = await trader.cluster.market.snapshot(
            [(quote.venue, quote.pool)], extra=[account_out], after=snapshot
        )
        signed = await trader.sign(quote, fresh)

        outcome = await trader.cluster.settle(signed)
        fill = await trader.fill(quote, signed.signature)

    assert isinstance(outcome, Landed)
    assert fresh.accounts[account_out] is None
    assert fill.amount_out == quote.amount_out
