"""What localnet's subscriptions say of accounts, and when."""

from __future__ import annotations

from solders.keypair import Keypair

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import SYSTEM_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from .localnet_client import OTHER, SOL
from .test_localnet_subscriptions import airdrop, put

PROCESSED = {"commitment": "processed"}
CONFIRMED = {"commitment": "confirmed"}
FINALIZED = {"commitment": "finalized"}


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
