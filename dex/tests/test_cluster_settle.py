"""What settles a transaction, and what proves nothing: nodes that lag, lie and fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.transaction import VersionedTransaction

from dex.errors import WrongChain
from dex.solana.cluster import Cluster
from dex.solana.rpc import RpcClient
from dex.types import Expired, Landed, LandedWithError, SignedTransaction
from dex.venues.raydium import RaydiumCpmm

from .scripted_node import NodeError, ScriptedNode, scripted_node

LAST_VALID = 1_000
WALLET = Keypair.from_seed(bytes(32))
SLIPPAGE = {"InstructionError": [0, {"Custom": 6005}]}


class ChainNode:
    """One node's view of the chain, for a test to set."""

    def __init__(self, node: ScriptedNode) -> None:
        self.node = node
        self.slot = 5_000
        self.height = LAST_VALID - 100
        self.blockhash_is_valid = True
        self.statuses: dict[str, Any] = {}
        self.history: dict[str, Any] = {}
        self.status_slot: int | None = None
        node.answers |= {
            "getBlockHeight": lambda options: self.height,
            "getEpochInfo": self._epoch_info,
            "isBlockhashValid": self._is_blockhash_valid,
            "getSignatureStatuses": self._statuses,
            "sendTransaction": lambda raw, options: "sent",
        }

    def expire(self) -> None:
        """Show every transaction of these tests as too old to land."""
        self.slot, self.height = 6_000, LAST_VALID + 1
        self.blockhash_is_valid = False

    def _epoch_info(self, options: dict[str, Any]) -> Any:
        assert options == {"commitment": "finalized"}
        return {"absoluteSlot": self.slot, "blockHeight": self.height, "epoch": 0}

    def _is_blockhash_valid(self, blockhash: str, options: dict[str, Any]) -> Any:
        assert options == {"commitment": "finalized", "minContextSlot": self.slot}
        return _with_context(self.slot, self.blockhash_is_valid)

    def _statuses(self, signatures: list[str], options: dict[str, Any]) -> Any:
        known = dict(self.statuses)
        if options["searchTransactionHistory"]:
            known |= self.history
        slot = self.slot if self.status_slot is None else self.status_slot
        return _with_context(slot, [known.get(signature) for signature in signatures])

    async def rounds(self, method: str, count: int) -> None:
        """Wait until the node was asked `count` more times."""
        wanted = self.node.asked(method) + count
        await until(lambda: self.node.asked(method) >= wanted)


def _with_context(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}


def status(level: str = "confirmed", err: Any = None, slot: int = 5_001) -> Any:
    return {"slot": slot, "confirmations": 1, "err": err, "confirmationStatus": level}


def transaction(memo: str = "order:1") -> SignedTransaction:
    instruction = Instruction(RaydiumCpmm.program_id, memo.encode(), [])
    message = MessageV0.try_compile(WALLET.pubkey(), [instruction], [], Hash.default())
    signed = VersionedTransaction(message, [WALLET])
    return SignedTransaction(
        str(signed.signatures[0]), bytes(signed), str(Hash.default()), LAST_VALID
    )


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def stage(
    nodes: int = 2, *, down: int = 0, **options: Any
) -> AsyncIterator[tuple[Cluster, list[ChainNode]]]:
    """Run a cluster over `nodes` scripted nodes and `down` endpoints nobody serves."""
    async with contextlib.AsyncExitStack() as stack:
        chain = [
            ChainNode(await stack.enter_async_context(scripted_node()))
            for _ in range(nodes)
        ]
        urls = [entry.node.url for entry in chain]
        urls += [f"http://127.0.0.1:{port}" for port in range(9, 9 + down)]
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        settings = {
            "slot_time_s": 0.001,
            "status_interval_s": 0.001,
            "expiry_interval_s": 0.001,
            "resend_interval_s": 0.004,
        }
        cluster = Cluster(rpc, {"raydium": RaydiumCpmm()}, **settings | options)
        await stack.enter_async_context(cluster)
        yield cluster, chain


@contextlib.asynccontextmanager
async def settling(
    cluster: Cluster, tx: SignedTransaction
) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.create_task(cluster.settle(tx))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("level", ["confirmed", "finalized"])
async def test_success_at_confirmed_or_better_is_landed(level: str):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[1].statuses[tx.signature] = status(level)

        assert await outcome == Landed(5_001)


@pytest.mark.parametrize("err", [None, SLIPPAGE])
async def test_nothing_counts_at_processed(err: Any):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.statuses[tx.signature] = status("processed", err)
        await chain[0].rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        for node in chain:
            node.statuses[tx.signature] = status("confirmed")
        assert await outcome == Landed(5_001)


async def test_an_error_at_confirmed_is_landed_with_error():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)

        landed = await outcome

    assert isinstance(landed, LandedWithError)
    assert (landed.slot, landed.error_code) == (5_001, "slippage_exceeded")
    assert landed.retryable


async def test_an_error_counts_although_the_other_endpoint_is_down():
    tx = transaction()
    async with stage(1, down=1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)

        assert isinstance(await outcome, LandedWithError)


async def test_an_endpoint_that_is_down_does_not_delay_a_confirmation():
    tx = transaction()
    async with stage(1, down=1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status()

        assert await outcome == Landed(5_001)


async def test_endpoints_that_contradict_each_other_leave_it_open(
    caplog: pytest.LogCaptureFixture,
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        gate = asyncio.Event()

        async def hold(signatures: list[str], options: Any) -> Any:
            await gate.wait()
            return chain[1]._statuses(signatures, options)

        chain[1].node.answers["getSignatureStatuses"] = hold
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        chain[1].statuses[tx.signature] = status()
        await chain[0].rounds("getSignatureStatuses", 3)
        gate.set()
        await chain[1].rounds("getSignatureStatuses", 3)

        assert not outcome.done()
        assert "contradict each other" in caplog.text

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_two_endpoints_that_show_it_dead_prove_it_expired():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].expire()
        chain[1].expire()
        chain[1].slot = 6_001

        expired = await outcome

    assert expired == Expired({chain[0].node.name: 6_000, chain[1].node.name: 6_001})


async def test_each_endpoint_shows_it_in_the_one_right_order():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.expire()
        await outcome

    for node in chain:
        proof = [
            method
            for method, params in node.node.calls
            if method in ("getEpochInfo", "isBlockhashValid")
            or (method, params[-1:]) == ("getSignatureStatuses", [HISTORY])
        ]
        assert "getEpochInfo isBlockhashValid getSignatureStatuses" in " ".join(proof)
        for body in node.node.bodies:
            assert not {"getEpochInfo", "isBlockhashValid"} <= set(body)


HISTORY = {"searchTransactionHistory": True}


def _height_is_not_beyond(node: ChainNode) -> None:
    node.height = LAST_VALID


def _blockhash_is_valid(node: ChainNode) -> None:
    node.blockhash_is_valid = True


def _statuses_are_older(node: ChainNode) -> None:
    node.status_slot = node.slot - 1


def _blockhash_answer_is_older(node: ChainNode) -> None:
    node.node.answers["isBlockhashValid"] = _with_context(node.slot - 1, False)


def _is_rate_limited(node: ChainNode) -> None:
    def refuse(*_: Any) -> None:
        raise NodeError(429, "slow down")

    node.node.answers["getSignatureStatuses"] = refuse


def _is_behind(node: ChainNode) -> None:
    def refuse(*_: Any) -> None:
        raise NodeError(-32016, "behind")

    node.node.answers["isBlockhashValid"] = refuse


def _answers_nonsense(node: ChainNode) -> None:
    node.node.answers["getSignatureStatuses"] = {
        "context": {"slot": 10**6},
        "value": [],
    }


def _says_null(node: ChainNode) -> None:
    node.node.answers["getEpochInfo"] = None


def _blockhash_says_null(node: ChainNode) -> None:
    node.node.answers["isBlockhashValid"] = _with_context(10**6, None)


@pytest.mark.parametrize(
    "shortfall",
    [
        _height_is_not_beyond,
        _blockhash_is_valid,
        _statuses_are_older,
        _blockhash_answer_is_older,
        _is_rate_limited,
        _is_behind,
        _answers_nonsense,
        _says_null,
        _blockhash_says_null,
    ],
)
async def test_one_endpoint_that_does_not_show_it_whole_keeps_it_open(
    shortfall: Callable[[ChainNode], None],
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.expire()
        shortfall(chain[1])
        await chain[0].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_the_death_proof_needs_two_endpoints_that_answer():
    tx = transaction()
    async with (
        stage(1, down=1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 3)
        chain[0].slot += 1_000
        await chain[0].rounds("getEpochInfo", 3)

        assert not outcome.done()


async def test_an_endpoint_that_knows_the_signature_wins_over_two_that_do_not():
    tx = transaction()
    async with stage(3) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[2].history[tx.signature] = status("processed")
        for node in chain:
            node.expire()
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[2].history[tx.signature] = status("finalized")
        assert await outcome == Landed(5_001)


async def test_an_endpoint_that_knew_the_signature_and_fell_silent_keeps_it_open():
    tx = transaction()
    async with stage(3) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[2].statuses[tx.signature] = status("processed")
        await chain[2].rounds("getSignatureStatuses", 3)
        _is_rate_limited(chain[2])
        for node in chain:
            node.expire()
        await chain[0].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_a_fork_that_was_dropped_expires_once_its_endpoint_shows_it_dead():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status("processed")
        await chain[0].rounds("getSignatureStatuses", 3)
        chain[0].statuses.clear()
        for node in chain:
            node.expire()

        assert isinstance(await outcome, Expired)


async def test_a_landing_found_in_history_alone_is_landed():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].history[tx.signature] = status("finalized")
        for node in chain:
            node.expire()

        assert await outcome == Landed(5_001)


async def test_a_single_endpoint_shows_it_twice_32_slots_apart():
    tx = transaction()
    async with (
        stage(1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].slot += 31
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[0].slot += 1
        expired = await outcome

    name = chain[0].node.name
    assert expired == Expired({name: 6_000, f"{name} again": 6_032})


async def test_a_single_endpoint_that_knew_it_in_between_begins_anew():
    tx = transaction()
    async with (
        stage(1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].history[tx.signature] = status("processed")
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].history.clear()
        chain[0].slot += 32
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[0].slot += 32
        name = chain[0].node.name
        assert await outcome == Expired({name: 6_032, f"{name} again": 6_064})


async def test_a_single_endpoint_proves_nothing_unless_allowed():
    tx = transaction()
    async with stage(1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 3)
        chain[0].slot += 1_000
        await chain[0].rounds("getEpochInfo", 3)

        assert not outcome.done()


@pytest.mark.parametrize("code", [-32002, -32003, -32602, -32603, 429])
async def test_no_send_error_decides_anything(code: int):
    def refuse(*_: Any) -> None:
        raise NodeError(code, "Blockhash not found")

    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.node.answers["sendTransaction"] = refuse
        await chain[0].rounds("sendTransaction", 3)
        assert not outcome.done()

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_the_same_bytes_go_to_every_endpoint_again_and_again():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx):
        for node in chain:
            await node.rounds("sendTransaction", 3)

        sends = [
            params
            for node in chain
            for method, params in node.node.calls
            if method == "sendTransaction"
        ]
    assert all(params == sends[0] for params in sends)
    assert sends[0][1] == {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}


async def test_watching_sends_nothing():
    tx = transaction()
    async with stage() as (cluster, chain):
        task = asyncio.create_task(cluster.settle(tx, resend=False))
        await chain[0].rounds("getSignatureStatuses", 10)
        chain[0].statuses[tx.signature] = status()

        assert await task == Landed(5_001)
        assert chain[0].node.asked("sendTransaction") == 0


async def test_nothing_is_sent_beyond_the_last_valid_height():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx):
        await chain[0].rounds("sendTransaction", 2)
        for node in chain:
            node.height = LAST_VALID + 1
        await chain[0].rounds("getBlockHeight", 2)
        sent = chain[0].node.asked("sendTransaction")
        await chain[0].rounds("getBlockHeight", 5)

        assert chain[0].node.asked("sendTransaction") == sent


async def test_a_height_that_one_answer_got_wrong_does_not_stop_the_sender_for_good():
    async with stage() as (cluster, chain), settling(cluster, transaction()):
        for node in chain:
            node.height = 10**15
        await chain[0].rounds("getBlockHeight", 2)

        for node in chain:
            node.height = LAST_VALID - 100
        async with asyncio.timeout(5):
            await chain[0].rounds("sendTransaction", 2)


async def test_one_poll_asks_for_all_transactions_of_the_process():
    transactions = [transaction(f"order:{n}") for n in range(300)]
    async with stage(1) as (cluster, chain):
        settled = [asyncio.create_task(cluster.settle(tx)) for tx in transactions]
        await chain[0].rounds("getSignatureStatuses", 4)
        for tx in transactions:
            chain[0].statuses[tx.signature] = status()
        outcomes = await asyncio.gather(*settled)

    asked = [
        len(params[0])
        for method, params in chain[0].node.calls
        if method == "getSignatureStatuses"
    ]
    assert outcomes == [Landed(5_001)] * 300
    assert 256 in asked
    assert max(asked) == 256


async def test_two_who_settle_the_same_transaction_get_the_same_outcome():
    tx = transaction()
    async with stage() as (cluster, chain):
        tasks = [asyncio.create_task(cluster.settle(tx)) for _ in range(2)]
        await chain[0].rounds("getSignatureStatuses", 2)
        tasks.pop().cancel()
        chain[0].statuses[tx.signature] = status()

        assert await tasks[0] == Landed(5_001)


async def test_another_chain_behind_an_endpoint_ends_every_wait():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        await chain[1].rounds("getSignatureStatuses", 2)
        chain[1].node.answers["getGenesisHash"] = "Other"
        cluster.rpc.endpoints[1].mark_slow()  # as a lost connection does

        with pytest.raises(WrongChain):
            await outcome
        with pytest.raises(WrongChain):
            await cluster.settle(tx)


@pytest.mark.parametrize("odd", ["nonsense", 7, [], {}, {"slot": "x"}, True])
async def test_an_odd_status_neither_settles_nor_stops_the_poller(odd: Any):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = odd
        await chain[0].rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_a_bug_in_one_step_is_logged_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.ERROR)
    broken = SignedTransaction("sig", b"not a transaction", "hash", LAST_VALID)
    async with stage(1) as (cluster, chain), settling(cluster, broken):
        chain[0].statuses["sig"] = status(err=SLIPPAGE)
        await chain[0].rounds("getSignatureStatuses", 3)
        tx = transaction()
        chain[0].statuses[tx.signature] = status()
        chain[0].statuses.pop("sig")

        assert await cluster.settle(tx) == Landed(5_001)
    assert "it goes on" in caplog.text
