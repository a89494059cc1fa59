"""Localnet's JSON-RPC over HTTP: shapes, errors, two nodes over one ledger."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import aiohttp
import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from dex.localnet import base58, genesis
from dex.localnet.market import sign_transaction
from dex.localnet.testing import running_localnet
from dex.solana.addresses import (
    CLOCK_SYSVAR,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)

WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9
CONFIRMED = {"commitment": "confirmed"}
BASE64 = {"encoding": "base64", "preflightCommitment": "processed"}


class Client:
    """Posts bodies to the nodes of one localnet."""

    def __init__(self, localnet, session: aiohttp.ClientSession) -> None:
        self.localnet = localnet
        self.session = session

    async def post(self, body: Any, node: int = 0) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        async with self.session.post(self.localnet.urls[node], data=data) as answer:
            text = await answer.text()
            return json.loads(text) if text else None

    async def call(self, method: str, *params: Any, node: int = 0) -> Any:
        body = {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}
        answer = await self.post(body, node)
        assert answer["id"] == 0
        return answer.get("result", answer.get("error"))

    def signed(self, lamports: int = SOL, memo: str = "") -> str:
        payment = transfer(
            TransferParams(
                from_pubkey=WALLET.pubkey(), to_pubkey=OTHER, lamports=lamports
            )
        )
        return self.encoded(payment, memo=memo)

    def encoded(self, *instructions: Instruction, memo: str = "") -> str:
        ledger = self.localnet.ledger
        raw = sign_transaction(ledger, WALLET, instructions, memo)
        return base64.b64encode(raw).decode()


@pytest.fixture
async def client():
    async with contextlib.AsyncExitStack() as stack:
        localnet = await stack.enter_async_context(
            running_localnet(slot_time_s=3600, fund=[WALLET.pubkey()])
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Client(localnet, session)


@pytest.mark.parametrize("identity", [0, 7, "uuid-1", None])
async def test_any_id_is_echoed(client, identity):
    body = {"jsonrpc": "2.0", "id": identity, "method": "getHealth"}

    answer = await client.post(body)

    assert answer == {"jsonrpc": "2.0", "result": "ok", "id": identity}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        ([], -32600),
        (3, -32600),
        ({"id": 1, "method": "getHealth"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "getNothing"}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "getBalance"}, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": {}}, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": [1]}, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": ["?"]}, -32602),
    ],
)
async def test_bad_body_is_answered_with_its_code(client, body, code):
    assert (await client.post(body))["error"]["code"] == code


async def test_batch_is_answered_in_order_with_errors_beside_results(client):
    calls = [
        {"jsonrpc": "2.0", "id": "a", "method": "getHealth"},
        {"jsonrpc": "2.0", "method": "getHealth"},  # a notification
        {"jsonrpc": "2.0", "id": 2, "method": "nothing"},
        4,
    ]

    answers = await client.post(calls)

    assert [answer["id"] for answer in answers] == ["a", 2, None]
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        *(None, -32601, -32600),
    ]


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

    async def is_valid(commitment: str) -> bool:
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
    assert client.localnet.ledger.store.count() == 0


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

    async def listed(**options: Any) -> list[Any]:
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
    folder_ledger = client.localnet.ledger
    folder_ledger._statuses.clear()  # as after 300 slots and a restart

    recent = await client.call("getSignatureStatuses", [signature])
    searched = await client.call(
        "getSignatureStatuses", [signature], {"searchTransactionHistory": True}
    )

    assert recent["value"] == [None]
    assert searched["value"][0]["status"] == {"Ok": None}


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
    raw = base64.b64decode(client.signed())
    message = base64.b64encode(raw[65:]).decode()

    answer = await client.call("getFeeForMessage", message, CONFIRMED)

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


async def test_fund_gives_to_a_wallet_at_once(client):
    await client.call("localnet_fund", str(OTHER))

    balance = await client.call("getBalance", str(OTHER))  # finalized

    assert balance["value"] == 10_000 * SOL


async def test_unknown_account_is_null(client):
    nobody = str(Pubkey(bytes(31) + b"\x09"))

    assert (await client.call("getAccountInfo", nobody))["value"] is None
