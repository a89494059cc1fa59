"""Pools in odd states: refused with a stable code and a reason, and so on localnet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.types import Account, Quote
from dex.venues.base import Venue
from dex.venues.raydium import RaydiumCpmm

from .builders import CpmmPool, Token, TransferFees, key, snapshot
from .builders_dlmm import BinAmounts, DlmmPair
from .meteora_quotes import VENUE as METEORA
from .meteora_quotes import X, Y
from .swap_runs import USER, run_swap

RAYDIUM = RaydiumCpmm()
TOKEN_0, TOKEN_1 = key("token 0"), key("token 1")
FULL = {0: BinAmounts(y=10**6)}
DEEP = (10**6, 10**6)

# Extensions of Token-2022 that stop a transfer or change what it moves.
UNSAFE = {
    "confidential transfers": 4,
    "accounts frozen by default": 6,
    "non-transferable": 9,
    "permanent delegate": 12,
    "transfer hook": 14,
    "confidential transfer fee": 16,
    "confidential mint and burn": 24,
    "pausable": 26,
    "not yet known": 27,
}


def with_extension(kind: int, address: Pubkey) -> Token:
    return Token(address, extensions=[(18, bytes(64)), (kind, bytes(33))])


Odd = tuple[CpmmPool | DlmmPair, int, str, Any]
ODD: dict[str, Odd] = {
    "cpmm: swaps disabled": (CpmmPool(DEEP, status=4), 1_000, "pool_disabled", 6000),
    "cpmm: not yet open": (
        *(CpmmPool(DEEP, open_time=1_800_000_001), 1_000),
        *("pool_not_open", 6000),
    ),
    "cpmm: empty": (
        *(CpmmPool((10**6, 0)), 1_000),
        *("no_liquidity", "ProgramFailedToComplete"),
    ),
    "cpmm: owes more than it holds": (
        *(CpmmPool(DEEP, protocol_fees=(0, 10**6 + 1)), 1_000),
        *("no_liquidity", 6012),
    ),
    "cpmm: amount too small": (CpmmPool(DEEP), 1, "zero_output", 2505),
    "cpmm: vault frozen": (
        *(CpmmPool(DEEP, frozen=True), 1_000),
        *("vault_frozen", 17),
    ),
    "dlmm: vault frozen": (DlmmPair(FULL, frozen=True), 1_000, "vault_frozen", 17),
    "dlmm: disabled": (DlmmPair(FULL, status=1), 1_000, "pool_disabled", 6042),
    "dlmm: not yet open": (
        *(DlmmPair(FULL, pair_type=1, activation_point=1_001), 1_000),
        *("pool_not_open", 6042),
    ),
    "dlmm: empty": (DlmmPair({0: BinAmounts(x=5)}), 1_000, "no_liquidity", 6036),
    "dlmm: amount beyond its bins": (DlmmPair(FULL), 10**7, "no_liquidity", 6036),
    "dlmm: amount too small": (
        *(DlmmPair({0: BinAmounts(y=10**6, price=1 << 60)}), 1),
        *("zero_output", 6039),
    ),
    "dlmm: more than 200 bins": (
        DlmmPair({-i: BinAmounts(y=10) for i in range(260)}),
        2_001,
        "too_many_bins",
        "ProgramFailedToComplete",
    ),
}
for name, kind in UNSAFE.items():
    ODD[f"cpmm: {name}"] = (
        CpmmPool(DEEP, tokens=(Token(TOKEN_0), with_extension(kind, TOKEN_1))),
        1_000,
        "token_unsafe",
        "InvalidArgument",
    )
    ODD[f"dlmm: {name}"] = (
        DlmmPair(FULL, tokens=(with_extension(kind, X), Token(Y))),
        1_000,
        "token_unsafe",
        "InvalidArgument",
    )


@pytest.mark.parametrize("name", ODD)
def test_an_odd_pool_is_refused_with_its_reason_and_fails_on_localnet(name):
    pool, amount, code, error = ODD[name]
    venue, mint_in = venue_of(pool)
    at = snapshot(pool.accounts())

    with pytest.raises(QuoteRefused) as refused:
        venue.quote(pool.address, at, mint_in, amount)
    with pytest.raises(QuoteRefused) as without_state:
        venue.after_swap(replace(sound_quote(pool), amount_in=amount), at)

    assert refused.value.code == without_state.value.code == code
    assert refused.value.reason.endswith(".")
    token_in, token_out = pool.tokens
    quote = replace(
        sound_quote(pool),
        amount_in=amount,
        token_program_in=token_in.program,
        token_program_out=token_out.program,
    )
    swap = venue.swap_instruction(quote, at, user=USER.pubkey(), min_amount_out=1)
    expected = {"Custom": error} if isinstance(error, int) else error
    assert run_swap(swap, at, quote).outcome.error == {
        "InstructionError": [0, expected]
    }


def venue_of(pool: CpmmPool | DlmmPair) -> tuple[Venue, Pubkey]:
    return (RAYDIUM, TOKEN_0) if isinstance(pool, CpmmPool) else (METEORA, X)


def sound_quote(pool: CpmmPool | DlmmPair) -> Quote:
    """Quote the pool as it would be without what is odd."""
    sound = CpmmPool(DEEP) if isinstance(pool, CpmmPool) else DlmmPair(FULL)
    venue, mint_in = venue_of(pool)
    quote = venue.quote(sound.address, snapshot(sound.accounts()), mint_in, 1_000)
    if isinstance(pool, CpmmPool):
        return quote
    arrays = tuple(pool.array_address(index) for index in pool.array_indices())
    return replace(quote, route_accounts=arrays)


@pytest.mark.parametrize("kind", [5, 8, 11, 13, 15])
def test_a_vault_with_an_extension_that_could_stop_it_is_refused(kind):
    fees = (Token(X, TransferFees(50)), Token(Y))
    pair = DlmmPair(FULL, tokens=fees)
    accounts = pair.accounts()
    vault = accounts[key("reserve x")]
    assert vault is not None
    tail = kind.to_bytes(2, "little") + b"\x01\x00\x01"
    accounts[key("reserve x")] = Account(vault.owner, 1, vault.data + tail)
    with pytest.raises(QuoteRefused) as refused:
        METEORA.quote(pair.address, snapshot(accounts), X, 1_000)
    assert refused.value.code == "token_unsafe"
