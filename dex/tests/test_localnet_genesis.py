"""Localnet begins with accounts that the real programs would have made."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis, genesis_raydium
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.solana.addresses import TOKEN_PROGRAM, program_address
from dex.venues.dlmm_price import bin_price

DUMPS = Path(__file__).resolve().parents[3] / "shared/data/meteora_dlmm_pools.json"


@pytest.fixture
def network(tmp_path):
    network = Network.open(tmp_path, slot_time_s=3600)
    yield network
    network.ledger.close()


def test_shared_addresses_are_those_of_mainnet():
    assert str(genesis_raydium.CONFIG) == "D4FPEruKEHrG5TenZ2mpDGEfu1iUvTiqBxvpU8HLBvC2"
    assert (
        str(genesis_raydium.AUTHORITY) == "GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL"
    )


def test_every_account_holds_its_rent():
    for address, account in genesis.accounts():
        assert account.lamports >= rent_exempt_minimum(len(account.data)), address


def test_bins_hold_what_the_reserves_hold():
    for pool in genesis.pools():
        if pool.venue != "meteora":
            continue
        in_bins = [0, 0]
        for _, account in pool.accounts:
            if len(account.data) != 10_136:
                continue
            for start in range(56, 10_136, 144):
                for side in (0, 1):
                    at = start + 8 * side
                    in_bins[side] += int.from_bytes(account.data[at : at + 8], "little")
        assert in_bins == [pool.base_depth, pool.quote_depth]


def test_bin_arrays_are_where_the_program_looks_for_them():
    pool = next(pool for pool in genesis.pools() if pool.venue == "meteora")
    arrays = [(a, acc.data) for a, acc in pool.accounts if len(acc.data) == 10_136]
    program = VENUES["meteora"].program_id
    for address, data in arrays:
        assert address == program_address(
            program, b"bin_array", bytes(pool.address), data[8:16]
        )
        assert Pubkey(data[24:56]) == pool.address


def test_supplies_count_every_token(network):
    ledger = network.ledger
    network.fund(genesis.FAUCET.pubkey())
    held: dict[Pubkey, int] = {}
    for _, account in ledger.bank.owned_by(TOKEN_PROGRAM, ledger.clock.slot()):
        if layout.is_token_account(account.data):
            mint = layout.mint_of(account.data)
            held[mint] = held.get(mint, 0) + layout.amount_of(account.data)
    for token in genesis.TOKENS.values():
        account = ledger.account(token.mint)
        assert account is not None
        supply = int.from_bytes(account.data[36:44], "little")
        assert supply == (0 if token.symbol == "SOL" else held[token.mint])


def test_every_pair_has_another_best_venue_in_each_direction(network):
    pools = genesis.pools()
    for raydium, meteora in zip(pools[::2], pools[1::2], strict=True):
        best = []
        for token in (raydium.base, raydium.quote):
            outputs = {}
            for pool in (raydium, meteora):
                venue = VENUES[pool.venue]
                snapshot = read_snapshot(network.ledger, venue, pool.address)
                quote = venue.quote(
                    pool.address, snapshot, token.mint, token.units(100)
                )
                outputs[pool.venue] = quote.amount_out
            low, high = sorted(outputs.values())
            assert 1.005 < high / low < 1.04
            best.append(max(outputs, key=outputs.__getitem__))
        assert sorted(best) == ["meteora", "raydium"]


@pytest.mark.skipif(not DUMPS.exists(), reason="needs the dumps beside the project")
def test_bin_prices_are_those_of_real_bin_arrays():
    compared = 0
    for pool in json.loads(DUMPS.read_text())["pools"].values():
        for account in pool["accounts"].values():
            if account["role"] != "bin_array":
                continue
            data = base64.b64decode(account["data"])
            for position in range(70):
                start = 72 + 144 * position
                stored = int.from_bytes(data[start : start + 16], "little")
                if stored:
                    bin_id = account["index"] * 70 + position
                    assert bin_price(10, bin_id) == stored
                    compared += 1
    assert compared > 80


@pytest.mark.parametrize(
    ("bin_id", "price"), [(0, 18446744073709551616), (-30, 17901828741379573416)]
)
def test_bin_price_of_step_10_as_recorded_on_chain(bin_id, price):
    assert bin_price(10, bin_id) == price
