"""Every recorded swap and event of the data set, which lies outside this repository."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Account
from dex.venues.dlmm_bitmaps import bitmap_extension_address
from dex.venues.dlmm_layout import bin_offset, decode_bin, decode_pair
from dex.venues.meteora import MeteoraDlmm
from dex.venues.meteora import apply_swap as apply_dlmm_swap
from dex.venues.meteora import swap_exact_in as dlmm_swap
from dex.venues.raydium import apply_swap as apply_cpmm_swap
from dex.venues.raydium import swap_exact_in, swap_exact_out

from .builders import CpmmPool, Token, TransferFees, key, snapshot

DATA = Path(settings.BASE_DIR).parent / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the recorded swaps are not here"
)

PAIR_FIELDS = {
    "base_factor": ("H", 8),
    "filter_period": ("H", 10),
    "decay_period": ("H", 12),
    "reduction_factor": ("H", 14),
    "variable_fee_control": ("I", 16),
    "max_volatility_accumulator": ("I", 20),
    "protocol_share": ("H", 32),
    "base_fee_power_factor": ("B", 34),
    "function_type": ("B", 35),
    "collect_fee_mode": ("B", 36),
    "volatility_accumulator": ("I", 40),
    "volatility_reference": ("I", 44),
    "index_reference": ("i", 48),
    "last_update_timestamp": ("q", 56),
    "active_id": ("i", 76),
    "activation_point": ("Q", 816),
}


def load(name: str) -> Any:
    return json.loads((DATA / name).read_text())


def test_every_recorded_cpmm_swap_is_exact_in_quote_and_state():
    swaps = load("cpmm_swaps.json")["swaps"]
    wrong = [
        swap for swap in swaps if cpmm_outcome(swap) != recorded_cpmm_outcome(swap)
    ]
    assert (len(swaps), wrong) == (240, [])


def cpmm_outcome(swap):
    pool = recorded_pool(swap)
    compute = swap_exact_in if swap["exact"] == "in" else swap_exact_out
    mint_in = pool.tokens[0 if swap["zero_for_one"] else 1].address
    try:
        done = compute(pool.address, snapshot(pool.accounts()), mint_in, swap["amount"])
    except QuoteRefused:
        return None
    state = apply_cpmm_swap(pool.pool_data(), done)
    into, out_of = done.curve.amount_in, -done.curve.amount_out
    moved = (into, out_of) if swap["zero_for_one"] else (out_of, into)
    return {
        "paid": done.amount_in,
        "received": done.amount_out,
        "after": {
            "vault0": swap["vault0"] + moved[0],
            "vault1": swap["vault1"] + moved[1],
            "protocol_fees": list(struct.unpack_from("<2Q", state, 341)),
            "fund_fees": list(struct.unpack_from("<2Q", state, 357)),
        },
    }


def recorded_pool(swap):
    return CpmmPool(
        (swap["vault0"], swap["vault1"]),
        tuple(swap["protocol_fees"]),
        tuple(swap["fund_fees"]),
        trade_fee_rate=swap["trade_fee_rate"],
        protocol_fee_rate=swap["protocol_fee_rate"],
        fund_fee_rate=swap["fund_fee_rate"],
        tokens=(
            recorded_token("token 0", swap["transfer_fee0"]),
            recorded_token("token 1", swap["transfer_fee1"]),
        ),
    )


def recorded_token(name, fee):
    return Token(key(name), TransferFees(*fee) if fee else None)


def recorded_cpmm_outcome(swap):
    if swap.get("refused"):
        return None
    return {name: swap[name] for name in ("paid", "received", "after")}


def test_every_recorded_mainnet_event_is_exact():
    events = load("cpmm_swap_events.json")["events"]
    assert len(events) == 8
    for event in events:
        for trade, creator in event["matches_trade_creator_rate"]:
            check_event(event, trade, creator)


def check_event(event, trade, creator):
    on_input = event.get("creator_fee_on_input", True)
    pool = CpmmPool(
        (event["input_vault_before"], event["output_vault_before"]),
        trade_fee_rate=trade,
        creator_fee_rate=creator,
        creator_fee_enabled=creator > 0,
        creator_fee_on=0 if on_input else 2,
    )
    at, mint_in = snapshot(pool.accounts()), key("token 0")
    # The event's input is what arrived in the vault, its output what left it.
    if event["base_input"]:
        done = swap_exact_in(pool.address, at, mint_in, event["input_amount"])
    else:
        done = swap_exact_out(pool.address, at, mint_in, event["output_amount"])
    assert done.curve.amount_in == event["input_amount"]
    assert done.curve.amount_out == event["output_amount"]
    if "trade_fee" in event:
        assert done.curve.trade_fee == event["trade_fee"]
        assert done.curve.creator_fee == event["creator_fee"]


def test_every_recorded_dlmm_swap_is_exact_in_quote_and_state():
    pools = load("meteora_dlmm_pools.json")["pools"]
    swaps = load("dlmm_swaps.json")["swaps"]
    filled_orders = [
        check_dlmm_swap(swap, pools[swap["pool"]]["accounts"]) for swap in swaps
    ]
    assert (len(swaps), sum(filled_orders)) == (360, 9)


def check_dlmm_swap(swap, dump):
    """Compare one swap with its record; return whether it filled limit orders."""
    pool = Pubkey.from_string(swap["pool"])
    at = snapshot(
        dlmm_accounts(swap, pool, dump), unix_timestamp=swap["unix_timestamp"]
    )
    pair_account = at.accounts[pool]
    assert pair_account is not None
    mint_in = decode_pair(pair_account.data).mints[0 if swap["swap_for_y"] else 1]
    if swap.get("refused"):
        with pytest.raises(QuoteRefused):
            MeteoraDlmm().quote(pool, at, mint_in, swap["amount_in"])
        return False
    quote = MeteoraDlmm().quote(pool, at, mint_in, swap["amount_in"])
    assert (quote.amount_in, quote.amount_out) == (swap["paid"], swap["received"])
    # An estimate: which branches the program takes moves it by some thousand units.
    assert abs(quote.compute_units - swap["compute_units"]) < 8_000
    done = dlmm_swap(pool, at, mint_in, swap["amount_in"]).inner
    arrays = {
        address: account.data
        for address, account in at.accounts.items()
        if account is not None and len(account.data) == 10_136
    }
    data, after = apply_dlmm_swap(pair_account.data, arrays, done, at.clock)
    state = {
        name: struct.unpack_from(
            "<" + PAIR_FIELDS[name][0], data, PAIR_FIELDS[name][1]
        )[0]
        for name in swap["after"]
    }
    assert state == swap["after"]
    assert changed_bins(arrays, after) == swap["bins_after"]
    return any(fill.orders_in for fill in done.fills)


def dlmm_accounts(swap, pool, dump):
    accounts: dict[Pubkey, Account | None] = {
        Pubkey.from_string(address): Account(
            Pubkey.from_string(account["owner"]), 1, base64.b64decode(account["data"])
        )
        for address, account in dump.items()
    }
    pair = accounts[pool]
    assert pair is not None
    data = bytearray(pair.data)
    for name, value in swap["changed"].items():
        layout, offset = PAIR_FIELDS[name]
        struct.pack_into("<" + layout, data, offset, value)
    accounts[pool] = Account(pair.owner, 1, bytes(data))
    accounts[bitmap_extension_address(pool)] = None
    return accounts


def bin_values(data, bin_id):
    index = bin_id // 70
    bin = decode_bin(data, bin_offset(index, bin_id))
    orders = [bin.open_orders, bin.processing_orders, bin.remaining_orders]
    return [bin.amount_x, bin.amount_y, *orders]


def changed_bins(before, after):
    changed = {}
    for address, data in after.items():
        first = 70 * int.from_bytes(data[8:16], "little", signed=True)
        for bin_id in range(first, first + 70):
            values = bin_values(data, bin_id)
            if values != bin_values(before[address], bin_id):
                changed[str(bin_id)] = values
    return changed
