"""Faults of what one node knows: it lags, hides, or has not heard of a blockhash."""

from __future__ import annotations

import base64

import pytest
from solders.hash import Hash

from dex.localnet.testing import land

from .ledger_client import OTHER, SOL, WALLET, open_network, pay
from .localnet_client import BASE64, CONFIRMED, client

__all__ = ["client"]
HISTORY = {"searchTransactionHistory": True}


def test_a_lagging_node_shows_the_state_of_its_own_slot(tmp_path):
    network = open_network(tmp_path, slots_to_confirm=2)
    honest, lagging = network.nodes
    network.faults.add({"kind": "lag", "node": 1, "slots": 5})
    record = land(network.ledger, WALLET, pay(SOL))
    assert record is not None

    def sees(node) -> tuple[str | None, bool]:
        status = node.status(record.signature, search_history=True)
        account = node.account(OTHER, node.current_slot("processed"))
        settled = None if status is None else node.commitment_of(status.slot)
        return settled, account is not None

    assert (sees(honest), sees(lagging)) == (("processed", True), (None, False))
    network.advance(5, None)
    assert (sees(honest), sees(lagging)) == (("confirmed", True), ("processed", True))
    network.advance(32, None)
    assert (sees(honest), sees(lagging)) == (("finalized", True), ("finalized", True))
    assert lagging.current_slot("confirmed") == honest.current_slot("confirmed") - 5
    network.ledger.close()


@pytest.mark.parametrize("node", [0, 1])
async def test_a_lagging_node_is_behind_everywhere_and_says_so(client, node):
    await client.call("localnet_fault", {"kind": "lag", "node": 1, "slots": 40})
    behind = 40 * node
    slot = client.localnet.ledger.clock.slot() - behind

    latest = await client.call("getLatestBlockhash", CONFIRMED, node=node)
    info = await client.call("getEpochInfo", CONFIRMED, node=node)
    ahead = await client.call(
        "getSlot", {**CONFIRMED, "minContextSlot": slot + 1}, node=node
    )

    assert info["absoluteSlot"] == latest["context"]["slot"] == slot
    blockhash = Hash.from_string(latest["value"]["blockhash"])
    assert client.localnet.ledger.clock.blockhash_slot(blockhash) == slot
    assert ahead["code"] == -32016


async def test_a_hiding_node_hides_everywhere_and_the_other_tells_the_truth(client):
    rule = {"kind": "hide", "node": 1, "probability": 0.5, "seed": 2}
    await client.call("localnet_fault", rule)
    signatures = [
        await client.call(
            "sendTransaction", client.signed(memo=str(n)), BASE64, node=n % 2
        )
        for n in range(30)
    ]

    async def seen(node: int) -> list[str]:
        answer = await client.call(
            "getSignatureStatuses", signatures, HISTORY, node=node
        )
        known = [
            s for s, status in zip(signatures, answer["value"], strict=True) if status
        ]
        listed = await client.call(
            "getSignaturesForAddress",
            str(OTHER),
            {**CONFIRMED, "limit": len(known)},
            node=node,
        )
        assert [entry["signature"] for entry in listed] == known[::-1]
        for signature in signatures:
            options = {**CONFIRMED, "maxSupportedTransactionVersion": 0}
            found = await client.call("getTransaction", signature, options, node=node)
            assert (found is not None) == (signature in known)
        return known

    assert await seen(0) == signatures
    hidden = set(signatures) - set(await seen(1))
    assert 5 < len(hidden) < 25
    await client.call("localnet_clearFaults")
    assert await seen(1) == signatures


async def test_a_node_that_does_not_know_the_blockhash_refuses_to_simulate(client):
    await client.call(
        "localnet_fault", {"kind": "unknownBlockhash", "node": 1, "slots": 3}
    )
    raw = client.signed()

    refused = await client.call("sendTransaction", raw, BASE64, node=1)
    simulated = await client.call(
        "simulateTransaction", raw, {"encoding": "base64", **CONFIRMED}, node=1
    )

    assert refused["code"] == -32002
    assert refused["data"]["err"] == "BlockhashNotFound"
    assert simulated["value"]["err"] == "BlockhashNotFound"
    client.localnet.control("localnet_advance", {"slots": 3})
    assert isinstance(await client.call("sendTransaction", raw, BASE64, node=1), str)


async def test_what_an_ignorant_node_takes_without_preflight_lands(client):
    await client.call(
        "localnet_fault", {"kind": "unknownBlockhash", "node": 1, "slots": 3}
    )
    options = {"encoding": "base64", "skipPreflight": True}

    signature = await client.call("sendTransaction", client.signed(), options, node=1)

    status = (await client.call("getSignatureStatuses", [signature], node=1))["value"][
        0
    ]
    assert status["err"] is None


async def test_an_ignorant_node_hands_out_the_newest_blockhash_it_knows(client):
    await client.call(
        "localnet_fault", {"kind": "unknownBlockhash", "node": 1, "slots": 3}
    )

    latest = await client.call("getLatestBlockhash", CONFIRMED, node=1)
    newest = await client.call("getLatestBlockhash", CONFIRMED, node=0)

    async def is_valid(answer, node):
        blockhash = answer["value"]["blockhash"]
        found = await client.call("isBlockhashValid", blockhash, CONFIRMED, node=node)
        return found["value"]

    heights = [each["value"]["lastValidBlockHeight"] for each in (latest, newest)]
    assert heights[1] - heights[0] == 3
    assert [await is_valid(latest, 0), await is_valid(latest, 1)] == [True, True]
    assert [await is_valid(newest, 0), await is_valid(newest, 1)] == [True, False]


async def test_fee_of_a_message_with_an_unknown_blockhash_is_null(client):
    await client.call(
        "localnet_fault", {"kind": "unknownBlockhash", "node": 1, "slots": 3}
    )
    message = client.message()

    assert base64.b64decode(message)
    assert (await client.call("getFeeForMessage", message, CONFIRMED))["value"] == 5_000
    ignorant = await client.call("getFeeForMessage", message, CONFIRMED, node=1)
    assert ignorant["value"] is None


def test_the_socket_of_the_struck_node_alone_is_silent(network):
    network.faults.add({"kind": "silentSocket", "node": 1, "durationS": 60})

    assert [node.ws_silent() for node in network.nodes] == [False, True]
    network.advance(0, 60)
    assert [node.ws_silent() for node in network.nodes] == [False, False]
