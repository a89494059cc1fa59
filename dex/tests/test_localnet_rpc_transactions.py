"""Localnet's JSON-RPC over HTTP: send, simulate, statuses, landed transactions."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest
from solders.keypair import Keypair

from dex.localnet import base58
from dex.localnet.testing import running_localnet

from .localnet_client import BASE64, CONFIRMED, OTHER, SOL, WALLET, Client, client

__all__ = ["client"]


async def test_what_one_node_lands_the_other_knows(client):
    signature = await client.call("sendTransaction", client.signed(), BASE64, node=0)

    statuses = await client.call("getSignatureStatuses", [signature], node=1)

    (status,) = statuses["value"]
    assert status["confirmationStatus"] == "confirmed"
    assert (status["err"], status["status"]) == (None, {"Ok": None})
    balance = await client.call("getBalance", str(OTHER), CONFIRMED, node=1)
    assert balance["value"] == SOL


async def test_base58_is_the_default_encoding_of_sends(client):
    raw = base64.b64decode(client.signed())

    signature = await client.call(
        "sendTransaction", base58.encode(raw), {"preflightCommitment": "processed"}
    )

    assert (await client.call("getSignatureStatuses", [signature]))["value"][0]


async def test_preflight_refuses_what_would_fail_and_nothing_lands(client):
    refusal = await client.call(
        "sendTransaction", client.signed(lamports=10**9 * SOL), BASE64
    )

    assert refusal["code"] == -32002
    assert refusal["message"] == (
        "Transaction simulation failed: Error processing Instruction 0: "
        "custom program error: 0x1"
    )
    assert refusal["data"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert refusal["data"]["unitsConsumed"] == 150
    assert refusal["data"]["logs"][-1].endswith("custom program error: 0x1")
    assert client.localnet.ledger.store.history.count() == 0


async def test_without_preflight_the_failure_lands_and_pays(client):
    signature = await client.call(
        "sendTransaction",
        client.signed(lamports=10**9 * SOL),
        {"encoding": "base64", "skipPreflight": True, "maxRetries": 0},
    )

    (status,) = (await client.call("getSignatureStatuses", [signature]))["value"]
    assert status["err"] == {"InstructionError": [0, {"Custom": 1}]}


async def test_preflight_names_an_old_blockhash_a_repeat_and_a_bad_signature(client):
    encoded = client.signed()
    await client.call("sendTransaction", encoded, BASE64)
    repeat = await client.call("sendTransaction", encoded, BASE64)
    tampered = bytearray(base64.b64decode(client.signed(memo="x")))
    tampered[1] ^= 1
    forged = await client.call(
        "sendTransaction", base64.b64encode(tampered).decode(), BASE64
    )
    late = client.signed(memo="late")
    client.localnet.control("localnet_advance", {"slots": 151})
    expired = await client.call("sendTransaction", late, BASE64)

    assert repeat["data"]["err"] == "AlreadyProcessed"
    assert forged["code"] == -32003
    assert expired["data"]["err"] == "BlockhashNotFound"
    assert expired["message"].endswith(": Blockhash not found")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("not base58: 0", {}),
        ("AAAA", {"encoding": "base64"}),
        ("AAAA", {"encoding": "base32"}),
        (base64.b64encode(bytes(1_233)).decode(), {"encoding": "base64"}),
    ],
)
async def test_rubbish_is_no_transaction(client, text, options):
    assert (await client.call("sendTransaction", text, options))["code"] == -32602


async def test_simulation_shows_accounts_afterwards_and_changes_nothing(client):
    unsigned = bytearray(base64.b64decode(client.signed()))
    unsigned[1:65] = bytes(64)
    options = {
        "encoding": "base64",
        "commitment": "confirmed",
        "sigVerify": False,
        "accounts": {"encoding": "base64", "addresses": [str(OTHER)]},
    }

    answer = await client.call(
        "simulateTransaction", base64.b64encode(unsigned).decode(), options
    )

    value = answer["value"]
    assert (value["err"], value["unitsConsumed"]) == (None, 150)
    assert value["accounts"][0]["lamports"] == SOL
    assert client.localnet.ledger.account(OTHER) is None


async def test_simulation_can_verify_signatures_or_replace_the_blockhash(client):
    late = client.signed()
    client.localnet.control("localnet_advance", {"slots": 151})
    base = {"encoding": "base64", "commitment": "processed"}

    old = await client.call("simulateTransaction", late, base)
    replaced = await client.call(
        "simulateTransaction", late, {**base, "replaceRecentBlockhash": True}
    )
    both = {**base, "replaceRecentBlockhash": True, "sigVerify": True}
    refusal = await client.call("simulateTransaction", late, both)

    assert old["value"]["err"] == "BlockhashNotFound"
    assert replaced["value"]["err"] is None
    assert set(replaced["value"]["replacementBlockhash"]) == {
        "blockhash",
        "lastValidBlockHeight",
    }
    assert refusal["code"] == -32602


async def test_transaction_is_null_until_known_and_then_complete(client):
    encoded = client.signed(memo="hello")
    unknown = await client.call("getTransaction", "1" * 64, {**CONFIRMED})
    signature = await client.call("sendTransaction", encoded, BASE64)
    options = {**CONFIRMED, "maxSupportedTransactionVersion": 0}

    too_early = await client.call("getTransaction", signature)  # finalized
    plain = await client.call("getTransaction", signature, options)
    raw = await client.call(
        "getTransaction", signature, {**options, "encoding": "base64"}
    )
    no_version = await client.call("getTransaction", signature, CONFIRMED)

    assert unknown is None
    assert too_early is None
    assert plain["version"] == 0
    assert plain["transaction"]["signatures"] == [signature]
    assert plain["transaction"]["message"]["accountKeys"][0] == str(WALLET.pubkey())
    meta = plain["meta"]
    assert (meta["err"], meta["fee"]) == (None, 5_000)
    assert meta["preBalances"][0] - meta["postBalances"][0] == SOL + 5_000
    assert "Program log: Memo (len 5)" in meta["logMessages"]
    assert raw["transaction"] == [encoded, "base64"]
    assert no_version["code"] == -32015


async def test_signatures_of_an_address_come_newest_first_with_their_memos(client):
    sent = []
    for memo in ("first", "second", "third"):
        encoded = client.signed(memo=memo)
        sent.append(await client.call("sendTransaction", encoded, BASE64))

    async def listed(**options: Any) -> Any:
        return await client.call(
            "getSignaturesForAddress", str(OTHER), {**CONFIRMED, **options}
        )

    everything = await listed()
    assert [entry["signature"] for entry in everything] == sent[::-1]
    assert everything[0]["memo"] == "[5] third"
    assert everything[0]["confirmationStatus"] == "confirmed"
    assert everything[0]["err"] is None
    assert [e["signature"] for e in await listed(limit=1)] == sent[2:]
    assert [e["signature"] for e in await listed(before=sent[1])] == sent[:1]
    assert [e["signature"] for e in await listed(until=sent[1])] == sent[2:]
    assert await listed(before=str(Keypair().sign_message(b"unknown"))) == []


async def test_statuses_of_long_ago_need_a_search(client):
    signature = await client.call("sendTransaction", client.signed(), BASE64)
    client.localnet.control("localnet_advance", {"slots": 301})

    recent = await client.call("getSignatureStatuses", [signature])
    searched = await client.call(
        "getSignatureStatuses", [signature], {"searchTransactionHistory": True}
    )

    assert recent["value"] == [None]
    assert searched["value"][0]["status"] == {"Ok": None}


async def test_full_disk_answers_500_and_keeps_what_was_acknowledged(tmp_path):
    async with running_localnet(tmp_path, fund=[WALLET.pubkey()]) as localnet:
        async with aiohttp.ClientSession() as session:
            client = Client(localnet, session)
            first = await client.call("sendTransaction", client.signed(), BASE64)
            pages = "PRAGMA max_page_count=1"  # SQLite takes the pages in use instead
            localnet.ledger.store._db.execute(pages)
            statuses = []
            for number in range(100):
                encoded = client.signed(memo=f"{number} " + 400 * "x")
                params = [encoded, BASE64]
                body = {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction"}
                async with session.post(
                    localnet.urls[0], json={**body, "params": params}
                ) as answer:
                    statuses.append(answer.status)
                if answer.status != 200:
                    break
        assert statuses[-1] == 500
        assert localnet.network.broken.is_set()

    async with running_localnet(tmp_path) as again:
        balance = again.ledger.account(OTHER)
        assert balance is not None
        assert (
            balance.lamports == len(statuses) * SOL
        )  # the first, and all but the last
        assert again.ledger.status(first, search_history=True) is not None
