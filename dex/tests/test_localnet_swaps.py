"""Swaps on localnet pay what the venues quote, and fail as the programs do."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.errors import QuoteRefused
from dex.localnet import genesis
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.testing import land
from dex.solana.addresses import associated_token_address
from dex.types import Quote

WALLET = Keypair.from_seed(bytes([7]) * 32)
RAYDIUM, METEORA = genesis.pools()[:2]
EACH_POOL = pytest.mark.parametrize(
    "pool", genesis.pools(), ids=lambda p: f"{p.venue}-{p.base.symbol}-{p.quote.symbol}"
)
EACH_VENUE = pytest.mark.parametrize(
    "pool", [RAYDIUM, METEORA], ids=lambda pool: pool.venue
)


@pytest.fixture
def network(tmp_path):
    network = Network.open(tmp_path, slot_time_s=3600, fund=[WALLET.pubkey()])
    yield network
    network.ledger.close()


def balance(network: Network, mint: Pubkey) -> int:
    account = network.ledger.account(associated_token_address(WALLET.pubkey(), mint))
    assert account is not None
    return layout.amount_of(account.data)


def quote_of(network: Network, pool, mint_in: Pubkey, amount: int) -> Quote:
    snapshot = read_snapshot(network.ledger, VENUES[pool.venue], pool.address)
    return VENUES[pool.venue].quote(pool.address, snapshot, mint_in, amount)


def instruction_of(network, pool, quote, *, min_amount_out=1) -> Instruction:
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(network.ledger, venue, pool.address)
    return venue.swap_instruction(
        quote, snapshot, user=WALLET.pubkey(), min_amount_out=min_amount_out
    )


def error_of(network, *instructions, wallet=WALLET):
    record = land(network.ledger, wallet, *instructions)
    assert record is not None
    return record.error


def with_account(instruction: Instruction, position: int, address: Pubkey):
    accounts = list(instruction.accounts)
    old = accounts[position]
    accounts[position] = AccountMeta(address, old.is_signer, old.is_writable)
    return Instruction(instruction.program_id, bytes(instruction.data), accounts)


@EACH_POOL
def test_swap_pays_exactly_its_quote_in_both_directions(network, pool):
    for mint_in, depth in (
        (pool.base.mint, pool.base_depth),
        (pool.quote.mint, pool.quote_depth),
    ):
        quote = quote_of(network, pool, mint_in, depth // 50 + 7)
        before = balance(network, quote.mint_in), balance(network, quote.mint_out)
        swap = instruction_of(network, pool, quote, min_amount_out=quote.amount_out)

        assert error_of(network, swap) is None

        assert balance(network, quote.mint_in) == before[0] - quote.amount_in
        assert balance(network, quote.mint_out) == before[1] + quote.amount_out


@EACH_VENUE
def test_fill_can_be_read_from_the_vaults_of_the_landed_transaction(network, pool):
    quote = quote_of(network, pool, pool.base.mint, 10**9)

    record = land(network.ledger, WALLET, instruction_of(network, pool, quote))

    assert record is not None
    keys = [str(key) for key in _keys(record.raw)]
    moved: dict[str, int] = {}
    for side, sign in (("preTokenBalances", -1), ("postTokenBalances", 1)):
        for entry in record.meta[side]:
            key = keys[entry["accountIndex"]]
            amount = int(entry["uiTokenAmount"]["amount"])
            moved[key] = moved.get(key, 0) + sign * amount
    assert moved[str(quote.vault_in)] == quote.vault_in_delta
    assert moved[str(quote.vault_out)] == -quote.vault_out_delta
    calls = record.meta["innerInstructions"][0]["instructions"]
    programs = [keys[call["programIdIndex"]] for call in calls]
    events = [str(VENUES["meteora"].program_id)] if pool.venue == "meteora" else []
    transfers = [str(quote.token_program_in), str(quote.token_program_out)]
    assert programs == [*events, *transfers, *events]


@EACH_VENUE
def test_output_below_the_minimum_fails_with_the_venues_own_code(network, pool):
    quote = quote_of(network, pool, pool.base.mint, 10**9)
    swap = instruction_of(network, pool, quote, min_amount_out=quote.amount_out + 1)

    code = {"raydium": 6005, "meteora": 6003}[pool.venue]
    assert error_of(network, swap) == {"InstructionError": [0, {"Custom": code}]}


@EACH_VENUE
def test_swap_of_more_than_the_wallet_holds_is_token_error_1(network, pool):
    quote = quote_of(network, pool, pool.base.mint, 10**9)
    pauper = Keypair.from_seed(bytes([8]) * 32)
    network.fund(pauper.pubkey())
    source = associated_token_address(pauper.pubkey(), pool.base.mint)
    poor = genesis.token_account(pool.base.mint, pauper.pubkey(), 10**9 - 1)
    network.ledger.put([(source, poor)])
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(network.ledger, venue, pool.address)
    swap = venue.swap_instruction(
        quote, snapshot, user=pauper.pubkey(), min_amount_out=1
    )

    error = error_of(network, swap, wallet=pauper)

    assert error == {"InstructionError": [0, {"Custom": 1}]}


@EACH_VENUE
def test_paused_venue_refuses_quotes_and_swaps_until_it_is_opened(network, pool):
    quote = quote_of(network, pool, pool.base.mint, 10**9)
    swap = instruction_of(network, pool, quote)

    network.pause([pool.venue])

    with pytest.raises(QuoteRefused) as refused:
        quote_of(network, pool, pool.base.mint, 10**9)
    assert refused.value.code == "pool_disabled"
    code = {"raydium": 6000, "meteora": 6042}[pool.venue]
    assert error_of(network, swap) == {"InstructionError": [0, {"Custom": code}]}
    network.pause([])
    network.ledger.clock.advance(slots=1)
    assert error_of(network, swap) is None


@EACH_VENUE
def test_nobody_spends_from_an_account_of_somebody_else(network, pool):
    thief = Keypair.from_seed(bytes([9]) * 32)
    network.fund(thief.pubkey())
    quote = quote_of(network, pool, pool.base.mint, 10**9)
    venue = VENUES[pool.venue]
    snapshot = read_snapshot(network.ledger, venue, pool.address)
    swap = venue.swap_instruction(
        quote, snapshot, user=thief.pubkey(), min_amount_out=1
    )
    victim = associated_token_address(WALLET.pubkey(), pool.base.mint)

    error = error_of(network, with_account(swap, 4, victim), wallet=thief)

    assert error == {"InstructionError": [0, {"Custom": 4}]}


@EACH_VENUE
def test_swap_into_an_account_that_does_not_exist_fails(network, pool):
    quote = quote_of(network, pool, pool.base.mint, 10**9)
    nowhere = Keypair.from_seed(bytes([3]) * 32).pubkey()
    swap = with_account(instruction_of(network, pool, quote), 5, nowhere)

    assert error_of(network, swap) == {"InstructionError": [0, {"Custom": 3012}]}


def test_cpmm_refuses_vaults_of_another_pool(network):
    other = genesis.pools()[2]
    quote = quote_of(network, RAYDIUM, RAYDIUM.base.mint, 10**9)
    foreign = quote_of(network, other, other.base.mint, 10**9).vault_in
    swap = instruction_of(network, RAYDIUM, quote)

    error = error_of(network, with_account(swap, 6, foreign))

    assert error == {"InstructionError": [0, {"Custom": 2003}]}


def test_cpmm_logs_its_swap_event(network):
    quote = quote_of(network, RAYDIUM, RAYDIUM.base.mint, 10**9)

    record = land(network.ledger, WALLET, instruction_of(network, RAYDIUM, quote))

    assert record is not None
    (line,) = (log for log in record.meta["logMessages"] if "Program data: " in log)
    event = base64.b64decode(line.removeprefix("Program data: "))
    assert event[8:40] == bytes(RAYDIUM.address)
    reserves = (RAYDIUM.base_depth, RAYDIUM.quote_depth)
    assert struct.unpack_from("<QQQQQQ?", event, 40) == (
        *reserves,
        quote.amount_in,
        quote.amount_out,
        *(0, 0, True),
    )


def test_dlmm_without_its_bin_arrays_fails_with_3005(network):
    quote = quote_of(network, METEORA, METEORA.base.mint, 10**9)
    swap = instruction_of(network, METEORA, replace(quote, route_accounts=()))

    assert error_of(network, swap) == {"InstructionError": [0, {"Custom": 3005}]}


def test_compute_limit_that_is_too_low_stops_the_swap(network):
    quote = quote_of(network, METEORA, METEORA.base.mint, 10**9)
    budget = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
    limit = Instruction(budget, struct.pack("<BI", 2, 20_000), [])

    error = error_of(network, limit, instruction_of(network, METEORA, quote))

    assert error == {"InstructionError": [1, "ProgramFailedToComplete"]}


def test_equal_swaps_land_twice_when_their_memos_differ(network):
    quote = quote_of(network, RAYDIUM, RAYDIUM.base.mint, 10**9)
    swap = instruction_of(network, RAYDIUM, quote)
    before = balance(network, RAYDIUM.base.mint)

    for memo in ("order:1", "order:2", "order:2"):
        land(network.ledger, WALLET, swap, memo=memo)

    assert balance(network, RAYDIUM.base.mint) == before - 2 * 10**9


def _keys(raw: bytes) -> list[Pubkey]:
    return VersionedTransaction.from_bytes(raw).message.account_keys
