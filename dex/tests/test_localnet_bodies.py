"""Localnet's JSON-RPC over HTTP: bodies, ids, batches, and how long they may be."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from dex.localnet.methods import bodies
from dex.localnet.methods.arity import ARITY
from dex.localnet.server import METHODS
from dex.solana.sender import OPTIONS

from .localnet_client import BASE64, CONFIRMED, OTHER, SOL, client
from .rpc_client import client as rpc_client

__all__ = ["client"]
HEALTH = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}


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


@pytest.mark.parametrize("identity", [-1, 2**64, 1.5, True, ["a"], {"a": 1}])
async def test_id_that_real_nodes_cannot_read_spoils_the_whole_body(client, identity):
    call = {"jsonrpc": "2.0", "id": identity, "method": "getHealth"}
    refusal = {
        "jsonrpc": "2.0",
        "error": {"code": -32700, "message": "Parse error"},
        "id": None,
    }

    assert await client.post(call) == refusal
    assert await client.post([{**call, "id": 1}, call]) == refusal


async def test_batch_of_notifications_has_no_answer(client):
    assert await client.post([{"jsonrpc": "2.0", "method": "getHealth"}]) is None


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


async def test_body_may_be_as_long_as_on_real_nodes_and_no_longer(client):
    body = json.dumps(HEALTH)
    statuses = []
    for length in (50 * 1024, 50 * 1024 + 1):
        async with client.session.post(
            client.localnet.urls[0], data=body.ljust(length)
        ) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 413]


async def test_a_full_batch_of_the_longest_transactions_fits(client):
    sendings = [longest(client, number) for number in range(25)]
    async with rpc_client(client.localnet.urls[0], expected_genesis=None) as rpc:
        endpoint = rpc.endpoints[0]
        await endpoint.call("getHealth")
        endpoint._last_id = 10**9  # as after years

        signatures = await asyncio.gather(
            *(endpoint.call("sendTransaction", [raw, OPTIONS]) for raw in sendings)
        )

    assert len(set(signatures)) == 25
    balance = await client.call("getBalance", str(OTHER), CONFIRMED)
    assert balance["value"] == 25 * SOL


def longest(client, number: int) -> str:
    """Return a signed payment of 1,232 bytes, the most that a node takes."""
    memo = f"{number}:"
    missing = 1_232 - len(base64.b64decode(client.signed(memo=memo.ljust(900))))
    raw: str = client.signed(memo=memo.ljust(900 + missing, "x"))
    assert len(base64.b64decode(raw)) == 1_232
    return raw


async def test_long_answers_end_a_batch_before_they_fill_the_memory(client):
    schedule = {"jsonrpc": "2.0", "id": 1, "method": "getLeaderSchedule"}
    raw = [client.signed(), BASE64]
    sending = {"jsonrpc": "2.0", "method": "sendTransaction", "params": raw}

    async with client.session.post(
        client.localnet.urls[0],
        json=[schedule] * 60 + [{**sending, "id": "last"}, sending],
    ) as answer:
        text = await answer.text()

    answers = json.loads(text)
    shown = [each for each in answers if "result" in each]
    assert len(text) < 2 * bodies.MAX_ANSWER_BYTES
    assert len(shown) == 6
    assert answers[:6] == shown
    assert answers[-1] == {
        "jsonrpc": "2.0",
        "error": {
            "code": -32600,
            "message": "Not done: the answers before are longer than 16 MiB; "
            "ask for less at once",
        },
        "id": "last",
    }
    assert len(answers) == 61
    assert (await client.call("getBalance", str(OTHER), CONFIRMED))["value"] == 0


async def test_an_answer_that_is_too_long_is_refused_alone(client, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_ANSWER_BYTES", 2**20)
    calls = [{**HEALTH, "id": 1, "method": "getLeaderSchedule"}, {**HEALTH, "id": 2}]

    refused, answered = await client.post(calls)

    assert refused == {
        "jsonrpc": "2.0",
        "error": {
            "code": -32600,
            "message": "This answer is longer than 1 MiB; ask for less at once",
        },
        "id": 1,
    }
    assert answered["result"] == "ok"


def test_every_method_says_how_many_parameters_it_takes():
    assert METHODS.keys() <= ARITY.keys()


@pytest.mark.parametrize(
    ("method", "given", "error"),
    [
        (
            "getHealth",
            [{}],
            {"message": "Invalid parameters: No parameters were expected"},
        ),
        (
            *("getSlot", [{}, 1, 2, 3]),
            {
                "message": "Invalid parameters: Expected from 0 to 1 parameters.",
                "data": '"Got: 4"',
            },
        ),
        (
            *("getTokenAccountsByOwner", [1, 2, 3, 4]),
            {
                "message": "Invalid parameters: Expected from 2 to 3 parameters.",
                "data": '"Got: 4"',
            },
        ),
        (
            *("requestAirdrop", []),
            {"message": "`params` should have at least 2 argument(s)"},
        ),
        (
            *("getSlotLeaders", [1, 2, 3]),
            {
                "message": "Invalid params: invalid length 3, "
                "expected fewer elements in array."
            },
        ),
        (
            *("getSlotLeaders", [1]),
            {
                "message": "Invalid params: invalid length 1, "
                "expected a tuple of size 2."
            },
        ),
    ],
)
async def test_another_number_of_parameters_is_refused_in_the_words_of_real_nodes(
    client, method, given, error
):
    answer = await client.call(method, *given)

    assert answer == {"code": -32602, **error}
