"""The errors that localnet's swap programs log, as the real ones do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.types import Quote
from dex.venues.raydium import RaydiumCpmm

from .builders import CPMM_AUTHORITY, CpmmPool, key, snapshot
from .builders_dlmm import BinAmounts, DlmmPair
from .meteora_quotes import VENUE, X
from .swap_runs import USER, SwapRun, run_swap
from .test_localnet_events import cpmm_swap

RAYDIUM = RaydiumCpmm()
DLMM, CPMM = VENUE.program_id, RAYDIUM.program_id


def failure(run: SwapRun) -> tuple[int, list[str]]:
    """Return the error's code and what the program itself logged of it."""
    error = run.outcome.error["InstructionError"][1]["Custom"]
    logs = [line.removeprefix("Program log: ") for line in run.outcome.logs]
    return error, logs[2:-2]


def test_errors_are_logged_as_anchor_logs_them():
    pool = CpmmPool((10**6, 10**6))
    at, quote, swap = cpmm_swap(pool, 1_000, min_amount_out=997)
    assert failure(run_swap(swap, at, quote)) == (
        6005,
        [
            "AnchorError occurred. Error Code: ExceededSlippage. Error Number: 6005. "
            "Error Message: Exceeds desired slippage limit.",
            "Left: 996",
            "Right: 997",
        ],
    )
    at, quote, swap = cpmm_swap(pool, 1)
    assert failure(run_swap(swap, at, quote)) == (
        2505,
        [
            "AnchorError occurred. Error Code: RequireGtViolated. Error Number: 2505. "
            "Error Message: A require_gt expression was violated."
        ],
    )


def test_arguments_that_are_cut_off_are_anchors_error_102():
    pool = CpmmPool((10**6, 10**6))
    at, quote, swap = cpmm_swap(pool, 1_000)
    pair = DlmmPair({0: BinAmounts(y=10**6)})
    pair_at = snapshot(pair.accounts())
    pair_quote = VENUE.quote(pair.address, pair_at, X, 1_000)
    pair_swap = VENUE.swap_instruction(
        pair_quote, pair_at, user=USER.pubkey(), min_amount_out=1
    )
    for whole, seen, asked in ((swap, at, quote), (pair_swap, pair_at, pair_quote)):
        cut = Instruction(
            whole.program_id, bytes(whole.data)[:-1], list(whole.accounts)
        )
        code, (line,) = failure(run_swap(cut, seen, asked))
        assert code == 102
        assert "Error Code: InstructionDidNotDeserialize." in line


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda pool: replace(pool, owner=DLMM), 3007),
        (lambda pool: replace(pool, data=bytes(8) + pool.data[8:]), 3002),
        (lambda pool: replace(pool, data=pool.data[:-1]), 3002),
        # A creator's fee of a kind that there is not.
        (
            lambda pool: replace(pool, data=pool.data[:389] + b"\3" + pool.data[390:]),
            6013,
        ),
    ],
)
def test_an_account_that_is_no_pool_is_an_error_of_the_program(change, code):
    pool = CpmmPool((10**6, 10**6))
    at, quote, swap = cpmm_swap(pool, 1_000)
    account = at.accounts[pool.address]
    assert account is not None
    broken = replace(at, accounts={**at.accounts, pool.address: change(account)})
    assert failure(run_swap(swap, broken, quote))[0] == code


def test_a_host_fee_is_refused_rather_than_ignored():
    pair = DlmmPair({0: BinAmounts(y=10**6)})
    at = snapshot(pair.accounts())
    quote = VENUE.quote(pair.address, at, X, 1_000)
    swap = VENUE.swap_instruction(quote, at, user=USER.pubkey(), min_amount_out=1)
    run = run_swap(with_account(swap, 9, key("host")), at, quote)
    assert run.outcome.error == {"InstructionError": [0, "InvalidArgument"]}
    assert "host fees" in run.outcome.logs[2]


def test_an_account_that_is_not_the_expected_one_is_named_with_both_addresses():
    at, quote, swap = cpmm_swap(CpmmPool((10**6, 10**6)), 1_000)
    stranger = USER.pubkey()
    run = run_swap(with_account(swap, 1, stranger), at, quote)
    assert failure(run) == (
        2006,
        [
            "AnchorError caused by account: authority. Error Code: ConstraintSeeds. "
            "Error Number: 2006. Error Message: A seeds constraint was violated.",
            *("Left:", str(stranger), "Right:", str(CPMM_AUTHORITY)),
        ],
    )
    pair = DlmmPair({0: BinAmounts(y=10**6)})
    at = snapshot(pair.accounts())
    dlmm_quote: Quote = VENUE.quote(pair.address, at, X, 1_000)
    swap = VENUE.swap_instruction(dlmm_quote, at, user=stranger, min_amount_out=1)
    run = run_swap(with_account(swap, 8, stranger), at, dlmm_quote)
    assert failure(run) == (
        2001,
        [
            "AnchorError caused by account: lb_pair. Error Code: ConstraintHasOne. "
            "Error Number: 2001. Error Message: A has one constraint was violated.",
            *("Left:", str(key("oracle")), "Right:", str(stranger)),
        ],
    )


def with_account(instruction: Instruction, position: int, address: Pubkey):
    accounts = list(instruction.accounts)
    old = accounts[position]
    accounts[position] = AccountMeta(address, old.is_signer, old.is_writable)
    return Instruction(instruction.program_id, bytes(instruction.data), accounts)
