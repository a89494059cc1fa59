"""What localnet's subscriptions say, and when."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.localnet.runtime import load
from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.solana.addresses import MEMO_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from .ledger_client import pay, signed
from .localnet_client import OTHER, SOL, WALLET
from .socket_client import Socket, connected

PROCESSED = {"commitment": "processed"}
CONFIRMED = {"commitment": "confirmed"}
FINALIZED = {"commitment": "finalized"}


@pytest.fixture
async def localnet() -> AsyncIterator[RunningLocalnet]:
    async with running_localnet(
        nodes=1, slot_time_s=3600, slots_to_confirm=2, fund=[WALLET.pubkey()]
    ) as found:
        yield found


@pytest.fixture
async def socket(localnet: RunningLocalnet) -> AsyncIterator[Socket]:
    async with connected(localnet) as opened:
        yield opened


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


async def test_account_is_told_after_each_change_in_the_encoding_asked_for(
    localnet, socket
):
    part = {"dataSlice": {"offset": 1, "length": 2}, "encoding": "base58", **PROCESSED}
    identity = await socket.call("accountSubscribe", str(OTHER), part)

    put(localnet, OTHER, Account(SYSTEM_PROGRAM, SOL, b"\0\0\1\7\7"))
    put(localnet, OTHER, Account(SYSTEM_PROGRAM, SOL, b"\0\0\1\7\7"))  # no change
    put(localnet, OTHER, None)

    slot = localnet.ledger.clock.slot()
    assert await socket.notification(identity) == {
        "context": {"slot": slot},
        "value": {
            "data": ["12", "base58"],
            "executable": False,
            "lamports": SOL,
            "owner": str(SYSTEM_PROGRAM),
            "rentEpoch": 2**64 - 1,
            "space": 5,
        },
    }
    assert (await socket.notification(identity))["value"]["lamports"] == 0


async def test_account_too_long_for_base58_is_told_without_its_data(localnet, socket):
    identity = await socket.call("accountSubscribe", str(OTHER), PROCESSED)

    put(localnet, OTHER, Account(SYSTEM_PROGRAM, SOL, bytes(200)))

    told = (await socket.notification(identity))["value"]
    assert told["data"] == "error: data too large for bs58 encoding"
    assert (told["lamports"], told["space"]) == (SOL, 200)


async def test_account_at_confirmed_is_told_once_its_slot_is(localnet, socket):
    now = await socket.call("accountSubscribe", str(OTHER), PROCESSED)
    later = await socket.call("accountSubscribe", str(OTHER), CONFIRMED)

    for lamports in (SOL, 2 * SOL):
        airdrop(localnet, lamports)
        await socket.notification(now)
    localnet.control("localnet_advance", {"slots": 2})

    told = await socket.notification(later)
    assert told["value"]["lamports"] == 3 * SOL


async def test_program_accounts_are_told_through_the_filters(localnet, socket):
    usdc = genesis.TOKENS["USDC"].mint
    owners = [Keypair.from_seed(bytes([n]) * 32).pubkey() for n in (1, 2)]
    by_owner = [
        {"dataSize": layout.ACCOUNT_SIZE},
        {"memcmp": {"offset": 32, "bytes": str(owners[0])}},
    ]
    identity = await socket.call(
        "programSubscribe",
        str(TOKEN_PROGRAM),
        {"filters": by_owner, "encoding": "jsonParsed", **PROCESSED},
    )

    for number, owner in enumerate(owners):
        put(localnet, owner, genesis.token_account(usdc, owner, 5 + number))
    put(localnet, owners[0], genesis.token_account(usdc, owners[0], 9))

    for amount in ("5", "9"):
        told = (await socket.notification(identity))["value"]
        info = told["account"]["data"]["parsed"]["info"]
        assert told["pubkey"] == str(owners[0])
        assert info["tokenAmount"]["amount"] == amount


async def test_busy_program_account_is_told_at_finalized_too(localnet, socket):
    """A change in every slot does not put off the ones before it."""
    identity = await socket.call(
        "programSubscribe", str(SYSTEM_PROGRAM), {"encoding": "base64", **FINALIZED}
    )

    for _ in range(33):
        airdrop(localnet)
        localnet.control("localnet_advance", {"slots": 1})

    told = [await socket.notification(identity) for _ in range(2)]
    shown = {each["value"]["pubkey"]: each["value"]["account"] for each in told}
    assert shown[str(OTHER)]["lamports"] >= SOL


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
