"""A node's faults and a fork show in its subscriptions as they do over HTTP."""

from __future__ import annotations

from dex.localnet.runtime import load
from dex.localnet.testing import RunningLocalnet

from .ledger_client import OTHER, SOL, land_raw, pay, signed
from .socket_client import Socket, connected

PROCESSED = {"commitment": "processed"}
CONFIRMED = {"commitment": "confirmed"}


def airdrop(localnet: RunningLocalnet) -> str:
    signature: str = localnet.control("requestAirdrop", str(OTHER), SOL)
    return signature


def advance(localnet: RunningLocalnet, slots: int) -> int:
    answer = localnet.control("localnet_advance", {"slots": slots})
    slot: int = answer["slot"]
    return slot


async def test_silent_socket_loses_notifications_and_answers_pings(localnet):
    async with connected(localnet, 0) as heard, connected(localnet, 1) as unheard:
        for socket in (heard, unheard):
            assert await socket.call("accountSubscribe", str(OTHER), PROCESSED) == 1

        localnet.network.faults.add({"kind": "silentSocket", "node": 1})
        airdrop(localnet)
        assert (await heard.notification(1))["value"]["lamports"] == SOL
        await (await unheard.connection.ping())
        localnet.network.faults.clear()
        airdrop(localnet)

        assert (await unheard.notification(1))["value"]["lamports"] == 2 * SOL


async def test_lagging_node_tells_when_it_gets_there(localnet):
    localnet.network.faults.add({"kind": "lag", "node": 1, "slots": 2})
    async with connected(localnet, 0) as prompt, connected(localnet, 1) as late:
        for socket in (prompt, late):
            await socket.call("accountSubscribe", str(OTHER), PROCESSED)
            await socket.call("slotSubscribe")

        airdrop(localnet)
        first = await prompt.notification(1)
        landed = first["context"]["slot"]
        advance(localnet, 1)
        assert (await late.notification(2))["slot"] == landed - 1
        advance(localnet, 1)

        assert await late.notification(1) == first
        assert (await late.notification(2))["slot"] == landed


async def test_node_that_begins_to_lag_takes_nothing_back(localnet):
    async with connected(localnet) as socket:
        await socket.call("accountSubscribe", str(OTHER), PROCESSED)
        await socket.call("slotSubscribe")
        slot = advance(localnet, 1)
        assert (await socket.notification(2))["slot"] == slot
        airdrop(localnet)
        assert (await socket.notification(1))["value"]["lamports"] == SOL

        localnet.network.faults.add({"kind": "lag", "node": 0, "slots": 5})
        advance(localnet, 1)
        localnet.network.faults.clear()
        advance(localnet, 1)

        # Neither the old account nor an old slot was told in between.
        assert (await socket.notification(2))["slot"] == slot + 1
        assert (await socket.notification(2))["slot"] == slot + 2


async def test_hidden_transaction_is_told_once_the_node_shows_it(localnet):
    localnet.network.faults.add({"kind": "hide", "node": 0})
    signature = airdrop(localnet)
    async with connected(localnet) as socket:
        await socket.call("signatureSubscribe", signature, PROCESSED)
        await socket.call("slotSubscribe")

        slot = advance(localnet, 1)
        assert (await socket.notification(2))["slot"] == slot
        localnet.network.faults.clear()
        advance(localnet, 1)

        assert (await socket.notification(1))["value"] == {"err": None}


async def test_forked_transaction_is_confirmed_only_after_it_lands_again(localnet):
    rule = {"kind": "fork", "slots": 1, "delayS": 3 * 3600, "count": 1}
    localnet.network.faults.add(rule)
    raw = signed(localnet.network, pay(SOL))
    signature = load(raw).signature
    async with connected(localnet) as socket:
        account = await socket.call("accountSubscribe", str(OTHER), PROCESSED)
        logs = await socket.call("logsSubscribe", "all", CONFIRMED)
        confirmed = await socket.call("signatureSubscribe", signature, CONFIRMED)
        slots = await socket.call("slotSubscribe")

        land_raw(localnet.network, raw)
        localnet.ledger.commit()
        assert await _lamports(socket, account) == SOL
        assert await _lamports(socket, account) == 0  # the fork
        advance(localnet, 2)
        for _ in range(2):
            await socket.notification(slots)  # and no confirmation before them
        landed = advance(localnet, 1)
        await socket.notification(slots)
        assert await _lamports(socket, account) == SOL
        advance(localnet, 2)

        told = await socket.notification(logs)
        assert told["context"]["slot"] == landed
        assert told["value"]["signature"] == signature
        assert (await socket.notification(confirmed))["value"] == {"err": None}


async def _lamports(socket: Socket, subscription: int) -> int:
    told = await socket.notification(subscription)
    lamports: int = told["value"]["lamports"]
    return lamports
