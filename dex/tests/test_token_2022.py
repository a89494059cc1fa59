"""Mints and vaults: what a transfer withholds, and which tokens are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dex.errors import QuoteRefused
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account
from dex.venues.token_2022 import (
    NO_TRANSFER_FEE,
    TransferFee,
    read_mint,
)
from dex.venues.vaults import read_vault_amount

from .builders import U64_MAX, Token, TransferFees, key, token_account

MINT = key("mint")


@pytest.mark.parametrize(
    ("basis_points", "maximum", "amount", "fee"),
    [
        (0, U64_MAX, 10_000, 0),
        (50, U64_MAX, 0, 0),
        (50, U64_MAX, 1, 1),
        (50, U64_MAX, 10_000, 50),
        (50, U64_MAX, 10_001, 51),
        (50, 10, 10_000, 10),
        (10_000, U64_MAX, 77, 77),
        (10_000, 5, 77, 5),
        (50, 0, 10_000, 0),
    ],
)
def test_a_transfer_withholds_its_fee_rounded_up_and_capped(
    basis_points, maximum, amount, fee
):
    assert TransferFee(basis_points, maximum).of(amount) == fee


@pytest.mark.parametrize(
    ("basis_points", "maximum", "received", "on_top"),
    [
        (0, U64_MAX, 500, 0),
        (50, U64_MAX, 0, 0),
        (50, U64_MAX, 9_950, 50),
        (6_746, 1, 1_194, 1),
        (9_999, U64_MAX, 3, 29_997),
        (10_000, 5, 77, 5),
    ],
)
def test_the_fee_on_top_lets_the_asked_amount_arrive(
    basis_points, maximum, received, on_top
):
    assert TransferFee(basis_points, maximum).on_top_of(received) == on_top


def test_a_fee_on_top_that_exceeds_a_u64_is_refused():
    with pytest.raises(QuoteRefused) as refused:
        TransferFee(9_999, U64_MAX).on_top_of(10**16)
    assert refused.value.code == "math_overflow"


@settings(derandomize=True, max_examples=200)
@given(
    basis_points=st.integers(0, 9_999),
    maximum=st.integers(0, 10**9),
    received=st.integers(1, 10**12),
)
def test_with_the_fee_on_top_at_least_the_asked_amount_arrives(
    basis_points, maximum, received
):
    fee = TransferFee(basis_points, maximum)
    sent = received + fee.on_top_of(received)
    assert sent - fee.of(sent) >= received


@pytest.mark.parametrize(
    ("epoch", "expected"), [(99, (50, 7)), (100, (75, 9)), (101, (75, 9))]
)
def test_the_newer_transfer_fee_holds_from_its_epoch_on(epoch, expected):
    token = Token(MINT, TransferFees(50, 7, 100, 75, 9))
    mint = read_mint({MINT: token.account()}, MINT, epoch)
    assert mint.token_program == TOKEN_2022_PROGRAM
    assert mint.transfer_fee == TransferFee(*expected)


def test_a_classic_mint_withholds_nothing():
    mint = read_mint({MINT: Token(MINT).account()}, MINT, 0)
    assert (mint.token_program, mint.transfer_fee) == (TOKEN_PROGRAM, NO_TRANSFER_FEE)


def test_wrapped_sol_needs_no_reading():
    assert read_mint({}, WRAPPED_SOL_MINT, 0).token_program == TOKEN_PROGRAM


@pytest.mark.parametrize("kind", [3, 10, 18, 19, 20, 21, 22, 23, 25])
def test_extensions_that_leave_transfers_alone_are_accepted(kind):
    token = Token(MINT, TransferFees(50), extensions=[(kind, bytes(40))])
    assert read_mint({MINT: token.account()}, MINT, 0).transfer_fee.basis_points == 50


@pytest.mark.parametrize("kind", [4, 6, 9, 12, 14, 16, 24, 26, 27, 9_999])
def test_extensions_that_could_change_a_transfer_are_refused(kind):
    token = Token(MINT, extensions=[(18, bytes(64)), (kind, bytes(33))])
    with pytest.raises(QuoteRefused) as refused:
        read_mint({MINT: token.account()}, MINT, 0)
    assert refused.value.code == "token_unsafe"


@pytest.mark.parametrize(
    "account",
    [
        None,
        Account(key("a stranger"), 1, Token(MINT).account().data),
        Account(TOKEN_PROGRAM, 1, bytes(82)),  # not initialized
        Account(TOKEN_PROGRAM, 1, Token(MINT).account().data[:81]),
        token_account(Token(MINT), 5),
        token_account(Token(MINT, TransferFees(1)), 5),
    ],
)
def test_what_is_no_mint_is_refused(account):
    with pytest.raises(QuoteRefused) as refused:
        read_mint({MINT: account}, MINT, 0)
    assert refused.value.code == "pool_unreadable"


def test_an_extension_that_is_cut_off_is_refused():
    whole = Token(MINT, extensions=[(19, bytes(100))]).account()
    with pytest.raises(QuoteRefused) as refused:
        read_mint({MINT: Account(whole.owner, 1, whole.data[:-1])}, MINT, 0)
    assert refused.value.code == "pool_unreadable"


@pytest.mark.parametrize("token", [Token(MINT), Token(MINT, TransferFees(50))])
def test_a_vault_tells_what_it_holds(token):
    accounts = {key("vault"): token_account(token, 123_456)}
    assert read_vault_amount(accounts, key("vault"), MINT, token.program) == 123_456


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ({}, "accounts_missing"),
        ({key("vault"): None}, "pool_unreadable"),
        ({key("vault"): token_account(Token(key("other")), 5)}, "pool_unreadable"),
        ({key("vault"): Token(MINT).account()}, "pool_unreadable"),
        ({key("vault"): token_account(Token(MINT), 5, frozen=True)}, "vault_frozen"),
    ],
)
def test_a_vault_that_cannot_pay_is_refused(accounts, code):
    with pytest.raises(QuoteRefused) as refused:
        read_vault_amount(accounts, key("vault"), MINT, TOKEN_PROGRAM)
    assert refused.value.code == code
