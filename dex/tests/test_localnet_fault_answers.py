"""Faults of HTTP answers: late, refused, cut off, garbled, or lost after the work."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from .localnet_client import BASE64, CONFIRMED, OTHER, SOL, client

__all__ = ["client"]
HEALTH = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}


async def strike(client, kind: str, **members) -> None:
    await client.call("localnet_fault", {"kind": kind, "node": 0, **members})


async def post(client, body=HEALTH):
    async with client.session.post(client.localnet.urls[0], json=body) as answer:
        return answer.status, answer.headers, await answer.text()


async def balance(client) -> int:
    """Ask the other node, which no fault strikes."""
    answer = await client.call("getBalance", str(OTHER), CONFIRMED, node=1)
    lamports: int = answer["value"]
    return lamports


async def test_too_many_requests_says_when_to_come_back_and_does_nothing(client):
    await strike(client, "tooManyRequests", count=1)

    status, headers, text = await post(client, sending(client))

    assert (status, headers["Retry-After"]) == (429, "1")
    assert json.loads(text)["error"]["code"] == 429
    assert await balance(client) == 0
    assert (await post(client))[0] == 200


async def test_server_error_is_502_or_503_and_no_json(client):
    await strike(client, "serverError", seed=1)

    answers = [await post(client, sending(client)) for _ in range(8)]

    assert {status for status, _, _ in answers} == {502, 503}
    assert all(
        headers["Content-Type"].startswith("text/html") for _, headers, _ in answers
    )
    assert await balance(client) == 0


async def test_reset_breaks_before_the_work_or_after_it(client):
    await strike(client, "reset", seed=1)
    for number in range(12):
        with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
            await post(client, sending(client, str(number)))

    assert 0 < await balance(client) // SOL < 12


async def test_half_an_answer_ends_in_the_middle(client):
    await strike(client, "halfAnswer", count=1)

    with pytest.raises(aiohttp.ClientPayloadError):
        await post(client)
    assert (await post(client))[0] == 200


async def test_garbage_is_no_json_or_json_of_another_shape(client):
    await strike(client, "garbage", seed=1)

    texts = {(await post(client))[2] for _ in range(30)}

    assert texts == {
        "Service temporarily unavailable",
        '{"status": "ok"}',
        '{"jsonrpc": "2.0", "id": 1, "result": {"garbage": true}}',
        '{"jsonrpc":"2.0","r',
    }


async def test_garbage_in_a_batch_keeps_its_ids(client):
    await strike(client, "garbage", seed=1)

    texts = {
        (await post(client, [HEALTH, {**HEALTH, "id": "b"}]))[2] for _ in range(30)
    }

    shapes = [
        json.loads(text) for text in texts if text.startswith("[") and text[-1] == "]"
    ]
    assert [[call["id"] for call in shape] for shape in shapes] == [[1, "b"]]


async def test_a_slow_node_acts_at_once_and_answers_late(client):
    await strike(client, "slow", delayS=60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await post(client, sending(client))

    assert await balance(client) == SOL


async def test_the_answer_to_a_batch_is_lost_after_all_of_it_has_landed(client):
    await strike(client, "errorAfterLanding", seed=1)
    ways: set[object] = set()
    for number in range(12):
        batch = [sending(client, f"{number}:{part}") for part in ("a", "b")]
        try:
            status, _, text = await post(client, batch)
            error = json.loads(text)[0].get("error") if status == 200 else None
            ways.add((status, error and error["code"]))
        except aiohttp.ClientOSError:
            ways.add("reset")

    assert {"reset", (503, None), (200, -32603)} <= ways
    assert await balance(client) == 24 * SOL


def sending(client, memo: str = ""):
    params = [client.signed(memo=memo), BASE64]
    return {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": params}


@pytest.mark.parametrize(
    "kind", ["tooManyRequests", "serverError", "reset", "halfAnswer", "garbage"]
)
async def test_no_fault_locks_the_methods_that_lift_it(client, kind):
    await strike(client, kind)

    assert len(await client.call("localnet_faults")) == 1
    assert await client.call("localnet_clearFaults") == 1
    assert await client.call("getHealth") == "ok"


async def test_a_body_that_is_no_json_does_not_cost_the_next_one_its_answer(client):
    await strike(client, "reset", count=1, seed=1)  # this seed breaks after the work

    answer = await client.post(b"{")

    assert answer["error"]["code"] == -32700
    with pytest.raises(aiohttp.ClientOSError):
        await post(client, sending(client))
    assert (await post(client))[0] == 200
    assert await balance(client) == SOL
