"""Clients that nobody here wrote use localnet as they use a real cluster.

Each script beside this file drives one of them and reports what it saw.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair

from dex.localnet.testing import running_localnet

from . import clients
from .tasks import Task, make_task

WALLET = Keypair.from_seed(bytes([9]) * 32)
TOO_MUCH = "Error processing Instruction 0: custom program error: 0x1"
FAILED_TRANSFER = {"InstructionError": [0, {"Custom": 1}]}
# The same, as `solders` writes it.
FAILED_TRANSFER_TEXT = (
    "TransactionErrorInstructionError((0, Tagged(InstructionErrorCustom(1))))"
)
SYSTEM_FAILED = (
    "Program 11111111111111111111111111111111 failed: custom program error: 0x1"
)

pytestmark = [
    pytest.mark.timeout(600),  # the first run installs the clients
    pytest.mark.early,
]


@pytest.fixture(scope="module")
def installed():
    return clients.install()


@pytest.fixture
async def run(installed):
    """Return a function that runs a script on a localnet of its own."""
    async with running_localnet(
        nodes=1, slot_time_s=0.2, slots_to_confirm=1, fund=[WALLET.pubkey()]
    ) as localnet:

        async def run_script(script: str) -> tuple[dict[str, Any], Task]:
            task = make_task(localnet, WALLET)
            return await clients.run(installed, script, task.body), task

        yield run_script


def test_aborted_installation_is_not_taken_for_a_complete_one(tmp_path):
    def fill(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        (folder / "half").touch()
        if not (tmp_path / "may succeed").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clients.filled_once(tmp_path, "clients", fill)
    (tmp_path / "may succeed").touch()
    folders = [clients.filled_once(tmp_path, "clients", fill) for _ in range(2)]

    assert folders == [tmp_path / "clients"] * 2
    assert (folders[0] / "half").exists()


async def test_web3_js_swaps_pays_subscribes_and_reads_errors(run):
    report, task = await run("web3.cjs")

    swap = {"error": None, "fee": 5_000, "innerTransfers": 2}
    paid = [{"received": str(out), "receivedInMeta": str(out)} for out in task.quoted]
    assert report == {
        "swaps": [
            {**swap, **paid[0], "version": 0},
            {**swap, **paid[1], "version": "legacy"},
        ],
        "chain": {
            "core": "3.0.0",
            "hasGenesis": True,
            "knowsBlockhash": True,
            "heightBehindSlot": 500,
            "rent": 2_039_280,
            "fee": 5_000,
            "priorityFees": True,
            "finalIsBehind": True,
        },
        "payments": {
            "balance": 3,
            "newestFirst": [True, False],
            "memo": "[18] sent by a stranger",
            "airdropIsConfirmed": True,
            "error": None,
            "parsed": ["transfer", "sent by a stranger"],
            "lamports": 10**9,
            "blockTimeIsNow": True,
            "tokens": 6,
            "tokensByFilter": 6,
            "batch": [None, None],
            "isInBlock": True,
        },
        "subscriptions": {
            "parent": 1,
            "account": 3,
            "program": 3,
            "logs": True,
            "signature": None,
            "rootIsBehind": True,
            "stepIsTimed": True,
        },
        "errors": {
            "refused": "SendTransactionError",
            "refusal": f"Transaction simulation failed: {TOO_MUCH}",
            "lastLog": SYSTEM_FAILED,
            "landedWith": FAILED_TRANSFER,
            "chargedFee": 5_000,
            "unknownBlockhash": "Transaction simulation failed: Blockhash not found",
            "expired": "TransactionExpiredBlockheightExceededError",
            "simulated": FAILED_TRANSFER,
        },
        "lookupTable": {
            "addresses": [True],
            "paid": 1,
            "loaded": [True],
            "lookups": [[True, [0]]],
        },
    }


async def test_spl_token_mints_moves_wraps_and_closes(run):
    report, task = await run("spl_token.cjs")

    assert report == {
        "swap": str(task.quoted[1]),
        "accounts": {
            "isAssociated": True,
            "isFoundAgain": True,
            "handMadeIsOwned": True,
            "handMadeIsEmpty": "0",
        },
        "moves": {
            "supply": "5000000",
            "associated": "4000000",
            "byHand": "1",
            "seen": "1500000",
            "program": "spl-token",
            "type": "transfer",
            "amount": "1500000",
            "balances": ["1.5", "3.5"],
            "ofOwner": [True],
        },
        "wrapped": {
            "isNative": True,
            "before": "1000000000",
            "after": "1500000000",
            "unwrapped": 3 * 10**9 - 4 * 5_000,
        },
        "errors": {
            "tooMuch": f"Transaction simulation failed: {TOO_MUCH}",
            "tooMuchLog": ["Program log: Error: insufficient funds"],
            "wrongDecimals": f"Transaction simulation failed: {TOO_MUCH}2",
            "nobody": "TokenAccountNotFoundError",
            "landedWith": {"InstructionError": [0, {"Custom": 11}]},
        },
        "closed": {"refunded": True, "isGone": True},
    }


async def test_solana_of_pypi_swaps_pays_moves_tokens_and_subscribes(run):
    report, task = await run("solana_py.py")

    assert report == {
        "connected": True,
        "swaps": [
            {"received": out, "error": None, "innerTransfers": 2} for out in task.quoted
        ],
        "payments": {
            "airdropError": None,
            "balance": 3,
            "newestFirst": [True, False],
            "memo": "[18] sent by a stranger",
            "fee": 5_000,
            "feeForMessage": 5_000,
            "rent": 2_039_280,
            "version": 0,
        },
        "tokens": {
            "isByHand": True,
            "amount": "1.5",
            "bytes": 165,
            "supply": "5000000",
            "back": "5000000",
            "isClosed": True,
        },
        "wrapped": {"before": "1000000000", "after": "1500000000"},
        "subscriptions": {
            "kinds": [
                "AccountNotification",
                "LogsNotification",
                "RootNotification",
                "SignatureNotification",
                "SlotNotification",
            ],
            "lamports": 10**9,
            "logged": True,
            "error": None,
        },
        "errors": {
            "refusal": f"Transaction simulation failed: {TOO_MUCH}",
            "refusalError": FAILED_TRANSFER_TEXT,
            "lastLog": SYSTEM_FAILED,
            "landedWith": FAILED_TRANSFER_TEXT,
            "simulated": "TransactionErrorFieldless.AlreadyProcessed",
        },
    }
