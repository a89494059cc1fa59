"""An address that only a lookup table names counts like any other of a transaction."""

from __future__ import annotations

import base64

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.message import MessageV0
from solders.transaction import VersionedTransaction

from dex.localnet.lookup import Table
from dex.solana.addresses import LOOKUP_TABLE_PROGRAM
from dex.types import Account

from .builders import key
from .ledger_client import OTHER, SOL, WALLET, pay
from .socket_client import connected

TABLE = key("lookup table")
PROCESSED = {"commitment": "processed"}


@pytest.fixture
def localnet(localnet):
    """The one of all tests, with a lookup table."""
    table = Table(WALLET.pubkey(), (OTHER,))
    account = Account(LOOKUP_TABLE_PROGRAM, SOL, table.encode())
    localnet.ledger.put([(TABLE, account)])
    localnet.ledger.commit()
    return localnet


def payment_by_table(localnet) -> str:
    clock = localnet.ledger.clock
    message = MessageV0.try_compile(
        WALLET.pubkey(),
        [pay(SOL)],
        [AddressLookupTableAccount(TABLE, [OTHER])],
        clock.blockhash(clock.slot()),
    )
    assert OTHER not in message.account_keys
    return base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()


async def test_looked_up_address_is_paid_listed_and_told(localnet):
    options = {"encoding": "base64", "preflightCommitment": "processed"}
    async with connected(localnet) as socket:
        mentions = {"mentions": [str(OTHER)]}
        logs = await socket.call("logsSubscribe", mentions, PROCESSED)

        signature = localnet.control(
            "sendTransaction", payment_by_table(localnet), options
        )
        told = await socket.notification(logs)
    localnet.control("localnet_advance", {"slots": 2})

    wanted = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    found = localnet.control("getTransaction", signature, wanted)
    confirmed = {"commitment": "confirmed"}
    listed = localnet.control("getSignaturesForAddress", str(OTHER), confirmed)
    assert told["value"]["signature"] == signature
    assert found["meta"]["loadedAddresses"] == {
        "writable": [str(OTHER)],
        "readonly": [],
    }
    assert found["meta"]["postBalances"][2] == SOL
    assert [entry["signature"] for entry in listed] == [signature]


async def test_simulation_counts_what_a_table_gives(localnet):
    options = {"encoding": "base64", "innerInstructions": True, **PROCESSED}

    answer = localnet.control(
        "simulateTransaction", payment_by_table(localnet), options
    )["value"]

    assert answer["err"] is None
    assert answer["loadedAddresses"] == {"writable": [str(OTHER)], "readonly": []}
    assert answer["preBalances"][2] == 0
    assert answer["postBalances"][2] == SOL
