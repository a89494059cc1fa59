from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.errors import FillUnreadable, RpcUnavailable
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.solana.fills import Sides, read_fill, wait_for_fill
from dex.solana.rpc import RpcClient
from dex.types import Fill

from .builders import key
from .paper_venue import MINT_IN, MINT_OUT
from .scripted_node import NodeError, ScriptedNode, scripted_node

WALLET = key("wallet")
SIDES = Sides(key("vault in"), key("vault out"), WALLET, MINT_IN, MINT_OUT)
POOL_OWNER = key("pool authority")

Balance = tuple[str, Pubkey, Pubkey, int, int]  # account, owner, mint, before, after


def landed(
    *balances: Balance, program: Pubkey = TOKEN_PROGRAM, **meta: Any
) -> dict[str, Any]:
    """Return a landed transaction; a balance of -1 means: not listed."""

    def side(amounts: list[int]) -> list[Any]:
        return [
            {
                "accountIndex": index + 1,
                "mint": str(balance[2]),
                "owner": str(balance[1]),
                "programId": str(program),
                "uiTokenAmount": {
                    "amount": str(amount),
                    "decimals": 6,
                    "uiAmount": 1.5,
                    "uiAmountString": "1.5",
                },
            }
            for index, (balance, amount) in enumerate(
                zip(balances, amounts, strict=True)
            )
            if amount >= 0
        ]

    keys = [str(WALLET), *(str(key(balance[0])) for balance in balances)]
    return {
        "slot": 321,
        "blockTime": 1,
        "version": 0,
        "transaction": {"signatures": ["sig"], "message": {"accountKeys": keys}},
        "meta": {
            "err": None,
            "fee": 5_000,
            "computeUnitsConsumed": 42_000,
            "preTokenBalances": side([balance[3] for balance in balances]),
            "postTokenBalances": side([balance[4] for balance in balances]),
            "loadedAddresses": {"writable": [], "readonly": []},
        }
        | meta,
    }


VAULT_IN: Balance = ("vault in", POOL_OWNER, MINT_IN, 10_000, 11_000)
VAULT_OUT: Balance = ("vault out", POOL_OWNER, MINT_OUT, 50_000, 48_000)
PAID: Balance = ("account in", WALLET, MINT_IN, 7_000, 6_000)
RECEIVED: Balance = ("account out", WALLET, MINT_OUT, 0, 2_000)


def test_the_vaults_tell_the_fill():
    fill = read_fill(landed(VAULT_IN, VAULT_OUT, PAID, RECEIVED), "sig", SIDES)

    assert fill == Fill("sig", 321, 1_000, 2_000, 5_000, 42_000)


def test_an_output_account_created_on_the_way_counts_from_zero():
    created: Balance = ("account out", WALLET, MINT_OUT, -1, 2_000)

    fill = read_fill(landed(VAULT_IN, VAULT_OUT, PAID, created), "sig", SIDES)

    assert fill.amount_out == 2_000


def test_a_wallet_whose_accounts_are_not_shown_takes_the_vaults_figures():
    fill = read_fill(landed(VAULT_IN, VAULT_OUT), "sig", SIDES)

    assert (fill.amount_in, fill.amount_out) == (1_000, 2_000)


def test_accounts_loaded_from_a_table_are_found():
    shown = landed(VAULT_IN, VAULT_OUT)
    keys = shown["transaction"]["message"]["accountKeys"]
    shown["meta"]["loadedAddresses"] = {"writable": [keys[1]], "readonly": [keys[2]]}
    shown["transaction"]["message"]["accountKeys"] = keys[:1]

    assert read_fill(shown, "sig", SIDES).amount_out == 2_000


def test_under_a_transfer_fee_the_wallets_own_accounts_tell(
    caplog: pytest.LogCaptureFixture,
):
    paid: Balance = ("account in", WALLET, MINT_IN, 7_000, 5_990)  # vault got 10 less
    received: Balance = ("account out", WALLET, MINT_OUT, 0, 1_980)  # 20 withheld
    shown = landed(VAULT_IN, VAULT_OUT, paid, received, program=TOKEN_2022_PROGRAM)

    fill = read_fill(shown, "sig", SIDES)

    assert (fill.amount_in, fill.amount_out) == (1_010, 1_980)
    assert caplog.text == ""


@pytest.mark.parametrize("program", [TOKEN_PROGRAM, TOKEN_2022_PROGRAM])
def test_a_wallet_that_got_more_than_the_vault_gave_is_an_error_and_the_vault_counts(
    program: Pubkey, caplog: pytest.LogCaptureFixture
):
    received: Balance = ("account out", WALLET, MINT_OUT, 0, 2_001)
    shown = landed(VAULT_IN, VAULT_OUT, PAID, received, program=program)

    fill = read_fill(shown, "sig", SIDES)

    assert fill.amount_out == 2_000
    assert "the vault counts" in caplog.text
    assert caplog.records[0].levelname == "ERROR"


def test_a_difference_without_a_fee_is_an_error_and_the_vault_counts(
    caplog: pytest.LogCaptureFixture,
):
    received: Balance = ("account out", WALLET, MINT_OUT, 0, 1_999)

    fill = read_fill(landed(VAULT_IN, VAULT_OUT, PAID, received), "sig", SIDES)

    assert fill.amount_out == 2_000
    assert "the vault counts" in caplog.text


@pytest.mark.parametrize("left_out", ["preTokenBalances", "postTokenBalances"])
def test_a_transaction_that_does_not_show_the_vaults_is_unreadable(left_out: str):
    shown = landed(VAULT_IN, VAULT_OUT)
    shown["meta"][left_out] = None

    with pytest.raises(FillUnreadable, match="sig"):
        read_fill(shown, "sig", SIDES)


def test_another_pools_transaction_is_unreadable():
    with pytest.raises(FillUnreadable):
        read_fill(landed(VAULT_IN), "sig", SIDES)


@contextlib.asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[RpcClient, list[ScriptedNode]]]:
    async with scripted_node() as first, scripted_node() as second:
        urls = [first.url, second.url]
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        try:
            yield rpc, [first, second]
        finally:
            await rpc.close()


async def test_not_found_means_not_yet():
    answers = iter([None, None, landed(VAULT_IN, VAULT_OUT)])
    async with two_nodes() as (rpc, (first, second)):
        first.answers["getTransaction"] = lambda *_: next(answers)
        second.answers["getTransaction"] = None

        fill = await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)

    assert fill.amount_out == 2_000
    options = {
        "encoding": "json",
        "commitment": "confirmed",
        "maxSupportedTransactionVersion": 1,
    }
    assert first.calls[-1] == ("getTransaction", ["sig", options])


async def test_the_endpoint_that_shows_it_is_believed():
    def refuse(*_: Any) -> None:
        raise NodeError(-32603, "internal error")

    async with two_nodes() as (rpc, (first, second)):
        first.answers["getTransaction"] = refuse
        second.answers["getTransaction"] = landed(VAULT_IN, VAULT_OUT)

        assert (await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)).slot == 321


async def test_an_endpoint_that_shows_a_landed_swap_as_failed_is_not_believed():
    async with two_nodes() as (rpc, (first, second)):
        first.answers["getTransaction"] = landed(VAULT_IN, VAULT_OUT, err="Odd")
        second.answers["getTransaction"] = landed(VAULT_IN, VAULT_OUT)

        fill = await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)

    assert fill.amount_in == 1_000


async def test_when_no_endpoint_shows_the_vaults_the_fill_is_unreadable():
    async with two_nodes() as (rpc, (first, second)):
        first.answers["getTransaction"] = landed(VAULT_IN)
        second.answers["getTransaction"] = None
        with pytest.raises(FillUnreadable):
            await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)

        second.answers["getTransaction"] = landed(VAULT_IN, VAULT_OUT)
        fill = await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)
    assert fill.amount_out == 2_000


@pytest.mark.parametrize("odd", ["text", 7, [], {"meta": None}, {"slot": 1}])
async def test_an_odd_answer_means_not_yet(odd: Any):
    answers = iter([odd, landed(VAULT_IN, VAULT_OUT)])
    async with two_nodes() as (rpc, (first, second)):
        first.answers["getTransaction"] = lambda *_: next(answers)
        second.answers["getTransaction"] = None

        assert (await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)).slot == 321


@pytest.mark.parametrize("code", [-32011, -32019, -32601, -32000])
async def test_an_endpoint_without_history_does_not_hide_the_others(code: int):
    def refuse(*_: Any) -> None:
        raise NodeError(code, "Transaction history is not available from this node")

    async with two_nodes() as (rpc, (first, second)), asyncio.timeout(5):
        first.answers["getTransaction"] = refuse
        second.answers["getTransaction"] = landed(VAULT_IN, VAULT_OUT)

        assert (await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001)).slot == 321


async def test_a_landing_that_nobody_shows_for_long_is_looked_up_again():
    async with two_nodes() as (rpc, (first, second)), asyncio.timeout(5):
        first.answers["getTransaction"] = second.answers["getTransaction"] = None

        with pytest.raises(RpcUnavailable, match="does not show it yet"):
            await wait_for_fill(rpc, "sig", SIDES, interval_s=0.001, patience_s=0.01)
