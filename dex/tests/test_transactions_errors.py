from __future__ import annotations

from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0

from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.solana.program_errors import decode_error
from dex.venues.meteora import MeteoraDlmm
from dex.venues.raydium import RaydiumCpmm

from .builders import key

RAYDIUM, METEORA = RaydiumCpmm.program_id, MeteoraDlmm.program_id
VENUES = {RAYDIUM: "raydium", METEORA: "meteora"}
PROGRAMS = (
    MEMO_PROGRAM,
    RAYDIUM,
    METEORA,
    TOKEN_PROGRAM,
    TOKEN_2022_PROGRAM,
    ASSOCIATED_TOKEN_PROGRAM,
)
MESSAGE = MessageV0.try_compile(
    key("wallet"), [Instruction(p, b"", []) for p in PROGRAMS], [], Hash.default()
)


def custom(program: Any, number: int) -> Any:
    return {"InstructionError": [PROGRAMS.index(program), {"Custom": number}]}


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (custom(RAYDIUM, 6005), "slippage_exceeded", True),
        (custom(METEORA, 6003), "slippage_exceeded", True),
        (custom(RAYDIUM, 6000), "pool_disabled", True),
        (custom(METEORA, 6042), "pool_disabled", True),
        (custom(METEORA, 6012), "no_liquidity", True),
        (custom(RAYDIUM, 6006), "zero_output", False),
        (custom(RAYDIUM, 2505), "zero_output", False),
        (custom(METEORA, 6039), "zero_output", False),
        (custom(METEORA, 3005), "pool_moved", True),
        (custom(METEORA, 6027), "pool_moved", True),
        (custom(RAYDIUM, 3012), "account_missing", False),
        (custom(ASSOCIATED_TOKEN_PROGRAM, 1), "insufficient_sol", False),
        (custom(TOKEN_2022_PROGRAM, 67), "token_unsafe", False),
        ("WouldExceedMaxBlockCostLimit", "chain_busy", True),
        # The token program's own numbers surface through the venue that called it.
        (custom(RAYDIUM, 1), "insufficient_funds", False),
        (custom(METEORA, 1), "insufficient_funds", False),
        (custom(TOKEN_PROGRAM, 1), "insufficient_funds", False),
        (custom(TOKEN_2022_PROGRAM, 17), "token_unsafe", False),
        ("BlockhashNotFound", "blockhash_not_found", True),
        ("InsufficientFundsForFee", "insufficient_sol", False),
        ("AccountNotFound", "insufficient_sol", False),
        ({"InsufficientFundsForRent": {"account_index": 2}}, "insufficient_sol", False),
        (
            {"InstructionError": [1, "ComputationalBudgetExceeded"]},
            "compute_exceeded",
            True,
        ),
        # The same number of another program means something else.
        (custom(METEORA, 6005), "transaction_failed", False),
        (custom(RAYDIUM, 6003), "transaction_failed", False),
        (custom(MEMO_PROGRAM, 6005), "transaction_failed", False),
        (custom(TOKEN_PROGRAM, 6005), "transaction_failed", False),
    ],
)
def test_an_error_has_a_stable_code_by_the_program_it_came_from(
    error: Any, code: str, retryable: bool
):
    decoded = decode_error(error, MESSAGE, VENUES)

    assert (decoded.code, decoded.retryable) == (code, retryable)
    assert decoded.message


@pytest.mark.parametrize(
    "error",
    [
        "SomethingNew",
        {"InstructionError": [99, {"Custom": 6005}]},
        {"InstructionError": [-1, {"Custom": 6005}]},
        {"InstructionError": [1]},
        {"InstructionError": [1, {"Custom": "6005"}]},
        {"InstructionError": [1, {"BorshIoError": "x"}]},
        {"a": 1, "b": 2},
        {},
        [],
        7,
        True,
    ],
)
def test_an_unknown_error_is_shown_and_not_retried(error: Any):
    decoded = decode_error(error, MESSAGE, VENUES)

    assert (decoded.code, decoded.retryable) == ("transaction_failed", False)
    assert "Nothing was swapped" in decoded.message


def test_an_unknown_error_names_the_instruction_and_its_program():
    decoded = decode_error(custom(METEORA, 6999), MESSAGE, VENUES)

    assert "6999" in decoded.message
    assert f"instruction 2 of program {METEORA}" in decoded.message


@pytest.mark.parametrize(
    ("error", "program", "name"),
    [
        (custom(RAYDIUM, 6005), "raydium", "ExceededSlippage"),
        (custom(METEORA, 6003), "meteora", "ExceededAmountSlippageTolerance"),
        (custom(METEORA, 6110), "meteora", "InvalidCollectFeeMode"),
        (custom(METEORA, 3005), "meteora", "AccountNotEnoughKeys"),
        (custom(METEORA, 9999), "meteora", ""),
        (custom(TOKEN_PROGRAM, 19), "token", "NonNativeNotSupported"),
        (custom(TOKEN_PROGRAM, 20), "token", ""),
        (custom(TOKEN_2022_PROGRAM, 67), "token_2022", "MintPaused"),
        (custom(ASSOCIATED_TOKEN_PROGRAM, 0), "associated_token", "InvalidOwner"),
        (custom(ASSOCIATED_TOKEN_PROGRAM, 1), "system", "ResultWithNegativeLamports"),
        (custom(MEMO_PROGRAM, 1), "memo", ""),
        # Both token programs are in the message, and both call it so.
        (custom(RAYDIUM, 1), "", "InsufficientFunds"),
        # Only the newer one has this number.
        (custom(RAYDIUM, 36), "token_2022", "NoMemo"),
        (
            {"InstructionError": [2, "InvalidAccountData"]},
            "meteora",
            "InvalidAccountData",
        ),
        ({"InstructionError": [99, {"Custom": 1}]}, "", ""),
        ("BlockhashNotFound", "", "BlockhashNotFound"),
        ({"DuplicateInstruction": 3}, "", "DuplicateInstruction"),
    ],
)
def test_an_error_names_the_program_and_what_that_calls_it(
    error: Any, program: str, name: str
):
    decoded = decode_error(error, MESSAGE, VENUES)

    assert (decoded.program, decoded.name) == (program, name)


def test_logs_tell_which_program_failed_inside_another():
    logs = [
        f"Program {RAYDIUM} invoke [1]",
        f"Program log: Program {METEORA} failed: custom program error: 0x1773",
        f"Program {TOKEN_2022_PROGRAM} invoke [2]",
        f"Program {TOKEN_2022_PROGRAM} failed: custom program error: 0x1",
        f"Program {RAYDIUM} failed: custom program error: 0x1",
    ]
    decoded = decode_error(custom(RAYDIUM, 1), MESSAGE, VENUES, logs)

    assert (decoded.program, decoded.name) == ("token_2022", "InsufficientFunds")
    assert decoded.code == "insufficient_funds"


def test_a_program_that_nobody_knows_is_named_by_its_address():
    stranger = key("stranger")
    logs = [f"Program {stranger} failed: custom program error: 0x1"]
    decoded = decode_error(custom(RAYDIUM, 1), MESSAGE, VENUES, logs)

    # Its number 1 is not the token program's.
    assert (decoded.program, decoded.name) == (str(stranger), "")
    assert decoded.code == "transaction_failed"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("a\x00b", ""),
        ("\ud800", ""),
        ("New Error", ""),
        ("É", ""),
        ("N" * 101, ""),
        ("N" * 100, "N" * 100),
        ({"InstructionError": [1, "a\x00b"]}, ""),
        ({"InstructionError": [1, {"\ud800": "\x00"}]}, ""),
        ({"InstructionError": [1, {"BorshIoError": "\x00" * 600}]}, "BorshIoError"),
    ],
)
def test_whatever_a_node_calls_an_error_can_be_stored(error: Any, name: str):
    decoded = decode_error(error, MESSAGE, VENUES)

    assert (decoded.code, decoded.name) == ("transaction_failed", name)
    assert decoded.message.isascii()
    assert decoded.message.isprintable()
    assert len(decoded.message) < 800
