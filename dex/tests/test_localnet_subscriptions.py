"""What localnet's subscriptions say, and when."""

from __future__ import annotations

import base64

from solders.pubkey import Pubkey

from dex.localnet.runtime import load
from dex.localnet.testing import RunningLocalnet
from dex.solana.addresses import MEMO_PROGRAM
from dex.types import Account

from .ledger_client import pay, signed
from .localnet_client import OTHER, SOL, WALLET

PROCESSED = {"commitment": "processed"}
CONFIRMED = {"commitment": "confirmed"}


def airdrop(localnet: RunningLocalnet, lamports: int = SOL, to: Pubkey = OTHER) -> str:
    signature: str = localnet.control("requestAirdrop", str(to), lamports)
    return signature


def send(localnet: RunningLocalnet, raw: bytes) -> str:
    text = base64.b64encode(raw).decode()
    options = {"encoding": "base64", "skipPreflight": True}
    signature: str = localnet.control("sendTransaction", text, options)
    return signature


def put(localnet: RunningLocalnet, address: Pubkey, account: Account | None) -> None:
    localnet.ledger.put([(address, account)])
    localnet.ledger.commit()


async def test_landed_signature_is_told_at_once_and_only_once(localnet, socket):
    signature = airdrop(localnet)

    identity = await socket.call("signatureSubscribe", signature, PROCESSED)
    told = await socket.notification(identity)
    end = await socket.call("signatureUnsubscribe", identity)

    slot = localnet.ledger.clock.slot()
    assert told == {"context": {"slot": slot}, "value": {"err": None}}
    assert end["message"] == "Invalid subscription id."


async def test_signature_is_told_when_it_lands(localnet, socket):
    raw = signed(localnet.network, pay(SOL))
    signature = load(raw).signature
    identity = await socket.call("signatureSubscribe", signature, PROCESSED)

    send(localnet, raw)

    assert (await socket.notification(identity))["value"] == {"err": None}


async def test_commitments_are_told_as_the_slots_move_on(localnet, socket):
    raw = signed(localnet.network, pay(SOL))
    signature = load(raw).signature
    subscribed = {
        name: await socket.call("signatureSubscribe", signature, {"commitment": name})
        for name in ("processed", "confirmed", "finalized")
    }
    landed = localnet.ledger.clock.slot()

    send(localnet, raw)
    told = [await socket.notification(subscribed["processed"])]
    localnet.control("localnet_advance", {"slots": 2})
    told.append(await socket.notification(subscribed["confirmed"]))
    localnet.control("localnet_advance", {"slots": 30})
    told.append(await socket.notification(subscribed["finalized"]))

    # Each is told from the newest slot that has the commitment.
    assert [one["context"]["slot"] for one in told] == [landed] * 3


async def test_failed_transaction_is_told_with_its_error(localnet, socket):
    signature = send(localnet, signed(localnet.network, pay(10**15)))
    identity = await socket.call("signatureSubscribe", signature, PROCESSED)

    told = await socket.notification(identity)

    assert told["value"] == {"err": {"InstructionError": [0, {"Custom": 1}]}}


async def test_received_is_told_before_the_commitment_where_it_is_asked_for(
    localnet, socket
):
    signature = airdrop(localnet)
    wanted = {"enableReceivedNotification": True, "commitment": "finalized"}
    identity = await socket.call("signatureSubscribe", signature, wanted)

    received = await socket.notification(identity)
    localnet.control("localnet_advance", {"slots": 32})
    final = await socket.notification(identity)

    assert received["value"] == "receivedSignature"
    assert final["value"] == {"err": None}


async def test_logs_are_told_to_those_who_asked_for_the_address(localnet, socket):
    everything = await socket.call("logsSubscribe", "all", PROCESSED)
    await socket.call("logsSubscribe", {"mentions": [str(WALLET.pubkey())]}, PROCESSED)
    memo = await socket.call(
        "logsSubscribe", {"mentions": [str(MEMO_PROGRAM)]}, PROCESSED
    )

    signature = airdrop(localnet)

    record = localnet.ledger.store.history.transaction(signature)
    expected = {
        "context": {"slot": record.slot},
        "value": {
            "signature": signature,
            "err": None,
            "logs": record.meta["logMessages"],
        },
    }
    assert await socket.notification(everything) == expected
    assert await socket.notification(memo) == expected


async def test_logs_wait_for_their_commitment(localnet, socket):
    later = await socket.call("logsSubscribe", "all", CONFIRMED)
    now = await socket.call("logsSubscribe", "all", PROCESSED)

    signature = airdrop(localnet)
    first = await socket.notification(now)
    localnet.control("localnet_advance", {"slots": 2})

    assert first == await socket.notification(later)
    assert first["value"]["signature"] == signature


async def test_slots_and_roots_are_told_one_by_one(localnet, socket):
    roots = await socket.call("rootSubscribe")
    slots = await socket.call("slotSubscribe")
    slot = localnet.ledger.clock.slot()

    localnet.control("localnet_advance", {"slots": 2})

    assert [await socket.notification(roots) for _ in range(2)] == [
        slot - 31,
        slot - 30,
    ]
    assert [await socket.notification(slots) for _ in range(2)] == [
        {"parent": slot, "root": slot - 31, "slot": slot + 1},
        {"parent": slot + 1, "root": slot - 30, "slot": slot + 2},
    ]


async def test_after_a_jump_only_the_newest_slots_are_told(localnet, socket):
    identity = await socket.call("slotSubscribe")
    slot = localnet.ledger.clock.slot()

    localnet.control("localnet_advance", {"slots": 1_000})

    assert (await socket.notification(identity))["slot"] == slot + 1_000 - 31


async def test_steps_of_a_slot_are_told_with_their_time(localnet, socket):
    identity = await socket.call("slotsUpdatesSubscribe")
    slot = localnet.ledger.clock.slot()

    localnet.control("localnet_advance", {"slots": 1})

    steps = [await socket.notification(identity) for _ in range(4)]
    assert all(isinstance(step.pop("timestamp"), int) for step in steps)
    assert steps == [
        {"type": "completed", "slot": slot},
        {"type": "createdBank", "slot": slot + 1, "parent": slot},
        {"type": "optimisticConfirmation", "slot": slot - 1},
        {"type": "root", "slot": slot - 31},
    ]
