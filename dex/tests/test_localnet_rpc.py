"""Localnet's JSON-RPC over HTTP: slots, accounts, control."""

from __future__ import annotations

import asyncio
import base64

import pytest
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)

from .localnet_client import BASE64, CONFIRMED, OTHER, SOL, WALLET, client

__all__ = ["client"]


async def test_localnet_says_that_it_is_one(client):
    assert (await client.call("getVersion"))["localnet"] is True


async def test_nulls_count_as_absent(client):
    options = {"commitment": None, "minContextSlot": None, "encoding": "base64"}

    answer = await client.call("getAccountInfo", str(WALLET.pubkey()), options)

    assert answer["value"]["data"] == ["", "base64"]


async def test_commitments_are_slots_of_one_history(client):
    slots = {
        name: await client.call("getSlot", {"commitment": name})
        for name in ("processed", "confirmed", "finalized")
    }
    info = await client.call("getEpochInfo", {"commitment": "finalized"})
    latest = await client.call("getLatestBlockhash", CONFIRMED)

    assert slots["processed"] == slots["confirmed"] == slots["finalized"] + 32
    assert info["absoluteSlot"] == slots["finalized"]
    assert latest["context"]["slot"] == slots["confirmed"]
    height = await client.call("getBlockHeight", CONFIRMED)
    assert latest["value"]["lastValidBlockHeight"] == height + 150


@pytest.mark.parametrize(
    ("method", "first"),
    [
        ("getSlot", []),
        ("getEpochInfo", []),
        ("getLatestBlockhash", []),
        ("getBalance", [str(OTHER)]),
        ("getAccountInfo", [str(OTHER)]),
        ("getMultipleAccounts", [[str(OTHER)]]),
    ],
)
async def test_node_behind_min_context_slot_says_so(client, method, first):
    slot = await client.call("getSlot", CONFIRMED)

    answer = await client.call(method, *first, {**CONFIRMED, "minContextSlot": slot})
    refusal = await client.call(
        method, *first, {**CONFIRMED, "minContextSlot": slot + 1}
    )

    assert "code" not in (answer if isinstance(answer, dict) else {})
    assert refusal["code"] == -32016
    assert refusal["data"] == {"contextSlot": slot}


async def test_blockhash_is_valid_until_it_is_too_old(client):
    latest = (await client.call("getLatestBlockhash", CONFIRMED))["value"]

    async def is_valid(commitment):
        options = {"commitment": commitment}
        answer = await client.call("isBlockhashValid", latest["blockhash"], options)
        return answer["value"]

    assert await is_valid("confirmed")
    assert not await is_valid("finalized")  # not that far yet
    client.localnet.control("localnet_advance", {"slots": 150})
    assert await is_valid("confirmed")
    client.localnet.control("localnet_advance", {"slots": 1})
    assert not await is_valid("confirmed")
    assert await is_valid("finalized")


async def test_limits_on_lists_are_those_of_real_nodes(client):
    accounts = await client.call("getMultipleAccounts", [str(OTHER)] * 101)
    statuses = await client.call("getSignatureStatuses", ["1" * 64] * 257)

    assert accounts["code"] == -32602
    assert statuses["code"] == -32602


async def test_accounts_are_read_in_one_slot_with_gaps_as_null(client):
    addresses = [str(WALLET.pubkey()), str(OTHER), str(CLOCK_SYSVAR)]

    answer = await client.call("getMultipleAccounts", addresses, CONFIRMED)

    wallet, nobody, clock = answer["value"]
    assert wallet["lamports"] == 10_000 * SOL
    assert nobody is None
    data = base64.b64decode(clock["data"][0])
    assert int.from_bytes(data[:8], "little") == answer["context"]["slot"]


async def test_funded_wallet_holds_wrapped_sol_and_every_token(client):
    answer = await client.call(
        "getTokenAccountsByOwner",
        str(WALLET.pubkey()),
        {"programId": str(TOKEN_PROGRAM)},
        {"encoding": "jsonParsed", **CONFIRMED},
    )

    infos = [entry["account"]["data"]["parsed"]["info"] for entry in answer["value"]]
    assert {info["mint"] for info in infos} == {
        str(token.mint) for token in genesis.TOKENS.values()
    }
    assert all(int(info["tokenAmount"]["amount"]) > 0 for info in infos)
    wrapped = associated_token_address(WALLET.pubkey(), WRAPPED_SOL_MINT)
    balance = await client.call("getTokenAccountBalance", str(wrapped), CONFIRMED)
    assert balance["value"]["uiAmountString"] == "1000000"


async def test_airdrop_is_a_transaction_like_any_other(client):
    signatures = [
        await client.call("requestAirdrop", str(OTHER), SOL) for _ in range(2)
    ]

    assert (await client.call("getBalance", str(OTHER), CONFIRMED))["value"] == 2 * SOL
    statuses = await client.call("getSignatureStatuses", signatures)
    assert [status["err"] for status in statuses["value"]] == [None, None]


async def test_fee_for_message_is_what_will_be_charged(client):
    answer = await client.call("getFeeForMessage", client.message(), CONFIRMED)

    assert answer["value"] == 5_000


async def test_genesis_lists_tokens_and_pools_without_control(client):
    client.localnet.network.control = False

    answer = await client.call("localnet_genesis")
    refusal = await client.call("localnet_advance", {"slots": 1})

    assert [token["symbol"] for token in answer["tokens"]] == [
        *("SOL", "USDC", "RAY", "MET", "A", "B"),
    ]
    assert {pool["venue"] for pool in answer["pools"]} == {"raydium", "meteora"}
    assert refusal["code"] == -32601


async def test_control_sets_what_it_is_told_and_leaves_the_rest(client):
    changed = await client.call(
        "localnet_set", {"dropRate": 0.5, "pausedVenues": ["meteora"]}
    )
    delayed = await client.call("localnet_set", {"delayMs": 1, "node": 1})
    wrong = await client.call("localnet_set", {"dropRat": 1})

    assert (changed["dropRate"], changed["pausedVenues"]) == (0.5, ["meteora"])
    assert (delayed["dropRate"], delayed["delayMs"]) == (0.5, [0, 1])
    assert wrong["code"] == -32602


@pytest.mark.parametrize(
    "moved",
    [
        {"seconds": 1e308},
        {"seconds": float("inf")},
        {"seconds": float("nan")},
        {"seconds": 10**400},
        {"seconds": 10**9 + 1},
        {"slots": 2**63, "seconds": 0},
        {"slots": 10**9 + 1, "seconds": 0},
        {"slots": 10**9},  # of an hour each here
    ],
)
async def test_clock_is_not_moved_out_of_reach(client, moved):
    before = await client.call("getEpochInfo", CONFIRMED)

    refusal = await client.call("localnet_advance", moved)

    assert refusal["code"] == -32602
    assert "1,000,000,000" in refusal["message"]
    assert await client.call("getEpochInfo", CONFIRMED) == before


@pytest.mark.parametrize("name", ["landingDelayS", "dropRate"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, -1])
async def test_settings_that_are_no_finite_numbers_are_refused(client, name, value):
    before = await client.call("localnet_set", {})

    refusal = await client.call("localnet_set", {name: value})

    assert refusal["code"] == -32602
    assert await client.call("localnet_set", {}) == before


async def test_fund_gives_to_a_wallet_at_once(client):
    await client.call("localnet_fund", str(OTHER))

    balance = await client.call("getBalance", str(OTHER))  # finalized

    assert balance["value"] == 10_000 * SOL


async def test_unknown_account_is_null(client):
    nobody = str(Pubkey(bytes(31) + b"\x09"))

    assert (await client.call("getAccountInfo", nobody))["value"] is None


async def test_node_far_behind_says_that_it_is_unhealthy(client):
    sent = client.signed(memo="preflight")
    client.localnet.control("localnet_fault", {"kind": "lag", "slots": 128, "node": 1})
    near = await client.call("getHealth", node=1)
    client.localnet.control("localnet_fault", {"kind": "lag", "slots": 130, "node": 1})

    health = await client.call("getHealth", node=1)
    preflight = await client.call("sendTransaction", sent, BASE64, node=1)

    assert near == "ok"
    assert health["code"] == preflight["code"] == -32005
    behind = health["data"]["numSlotsBehind"]
    assert behind == 130
    assert health["message"] == f"Node is behind by {behind} slots"
    assert await client.call("getHealth", node=0) == "ok"


async def test_slow_node_acts_at_once_and_answers_late(client):
    await client.call("localnet_set", {"delayMs": 60_000, "node": 1})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.call("sendTransaction", client.signed(), BASE64, node=1)

    balance = await client.call("getBalance", str(OTHER), CONFIRMED, node=0)
    assert balance["value"] == SOL
