"""Localnet's swap programs against every recorded swap of the real ones.

The records lie outside this repository; where they are absent these tests are skipped.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.genesis_raydium import AUTHORITY
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account, Accounts, Quote
from dex.venues.meteora import MeteoraDlmm
from dex.venues.raydium import RaydiumCpmm

from .builders import key, snapshot
from .swap_runs import RICH, USER, run_swap
from .test_venue_vectors import (
    PAIR_FIELDS,
    changed_bins,
    dlmm_accounts,
    pytestmark,
    recorded_cpmm_outcome,
    recorded_pool,
)
from .test_venue_vectors import load as load_data

__all__ = ["pytestmark"]


def test_every_recorded_cpmm_swap_leaves_the_recorded_state():
    swaps = load_data("cpmm_swaps.json")["swaps"]
    wrong = [swap for swap in swaps if run_cpmm(swap) != recorded_cpmm_outcome(swap)]
    assert (len(swaps), wrong) == (240, [])


def test_every_recorded_dlmm_swap_leaves_the_recorded_state():
    pools = load_data("meteora_dlmm_pools.json")["pools"]
    swaps = load_data("dlmm_swaps.json")["swaps"]
    wrong = [
        swap
        for swap in swaps
        if run_dlmm(swap, pools[swap["pool"]]["accounts"])
        != recorded_dlmm_outcome(swap)
    ]
    assert (len(swaps), wrong) == (360, [])


def recorded_dlmm_outcome(swap):
    if swap.get("refused"):
        return None
    return {name: swap[name] for name in ("paid", "received", "after", "bins_after")}


def run_cpmm(swap):
    pool = recorded_pool(swap)
    accounts = pool.accounts()
    vaults = (key("vault 0"), key("vault 1"))
    for vault in vaults:
        accounts[vault] = with_owner(accounts[vault], AUTHORITY)
    accounts[key("observation")] = Account(RaydiumCpmm.program_id, 1, b"")
    sides = (0, 1) if swap["zero_for_one"] else (1, 0)
    quote = made_up_quote(
        pool.address,
        [pool.tokens[side].address for side in sides],
        [vaults[side] for side in sides],
        accounts,
        swap["amount"],
    )
    at, venue = snapshot(accounts), RaydiumCpmm()
    if swap["exact"] == "in":
        instruction = venue.swap_instruction(
            quote, at, user=USER.pubkey(), min_amount_out=0
        )
    else:
        wanted = replace(quote, amount_out=swap["amount"])
        instruction = venue.swap_exact_out_instruction(
            wanted, at, user=USER.pubkey(), max_amount_in=2**64 - 1
        )
    run = run_swap(instruction, at, quote)
    if run.outcome.error is not None:
        return None
    state = run.data_after(pool.address)
    return {
        "paid": run.paid,
        "received": run.received,
        "after": {
            "vault0": layout.amount_of(run.data_after(vaults[0])),
            "vault1": layout.amount_of(run.data_after(vaults[1])),
            "protocol_fees": list(struct.unpack_from("<2Q", state, 341)),
            "fund_fees": list(struct.unpack_from("<2Q", state, 357)),
        },
    }


def run_dlmm(swap, dump):
    pool = Pubkey.from_string(swap["pool"])
    accounts = {
        address: None if account is None else replace(account, lamports=RICH)
        for address, account in dlmm_accounts(swap, pool, dump).items()
    }
    wrapped_sol = layout.new_mint(decimals=9, supply=0, authority=None)
    accounts[WRAPPED_SOL_MINT] = Account(TOKEN_PROGRAM, 10**7, wrapped_sol)
    pair = accounts[pool]
    assert pair is not None
    mints = [Pubkey(pair.data[at : at + 32]) for at in (88, 120)]
    reserves = [Pubkey(pair.data[at : at + 32]) for at in (152, 184)]
    arrays = {
        address: account.data
        for address, account in accounts.items()
        if account is not None and len(account.data) == 10_136
    }
    sides = (0, 1) if swap["swap_for_y"] else (1, 0)
    quote = made_up_quote(
        pool,
        [mints[side] for side in sides],
        [reserves[side] for side in sides],
        accounts,
        swap["amount_in"],
    )
    quote = replace(quote, route_accounts=tuple(arrays))
    at = snapshot(accounts, unix_timestamp=swap["unix_timestamp"])
    instruction = MeteoraDlmm().swap_instruction(
        quote, at, user=USER.pubkey(), min_amount_out=0
    )
    run = run_swap(instruction, at, quote)
    if run.outcome.error is not None:
        return None
    state = run.data_after(pool)
    after = {address: run.data_after(address) for address in arrays}
    return {
        "paid": run.paid,
        "received": run.received,
        "after": {
            name: struct.unpack_from(
                "<" + PAIR_FIELDS[name][0], state, PAIR_FIELDS[name][1]
            )[0]
            for name in swap.get("after", ())
        },
        "bins_after": changed_bins(arrays, after),
    }


def made_up_quote(pool, mints, vaults, accounts: Accounts, amount_in) -> Quote:
    """Return what an instruction is built from, without asking the quoter."""
    programs = [account.owner for mint in mints if (account := accounts[mint])]
    return Quote(
        venue="",
        pool=pool,
        mint_in=mints[0],
        mint_out=mints[1],
        token_program_in=programs[0],
        token_program_out=programs[1],
        vault_in=vaults[0],
        vault_out=vaults[1],
        amount_in=amount_in,
        amount_out=0,
        vault_in_delta=0,
        vault_out_delta=0,
        fee_amount=0,
        fee_mint=mints[0],
        fee_bps=0,
        price_impact_bps=0,
        slot=0,
    )


def with_owner(account: Account | None, owner: Pubkey) -> Account:
    assert account is not None
    data = account.data[:32] + bytes(owner) + account.data[64:]
    return replace(account, data=data)
