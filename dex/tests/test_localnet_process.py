"""The real localnet process: what it has answered survives its death."""

from __future__ import annotations

import base64
import signal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from .localnet_process import LocalnetProcess

WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9


def start(folder: Path) -> LocalnetProcess:
    return LocalnetProcess(folder, fund=WALLET.pubkey())


def send_payment(process: LocalnetProcess) -> str:
    """Pay one SOL and return the signature."""
    latest = process.call("getLatestBlockhash", {"commitment": "confirmed"})
    pay = TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=OTHER, lamports=SOL)
    blockhash = Hash.from_string(latest["value"]["blockhash"])
    message = MessageV0.try_compile(WALLET.pubkey(), [transfer(pay)], [], blockhash)
    raw = base64.b64encode(bytes(VersionedTransaction(message, [WALLET]))).decode()
    options = {"encoding": "base64", "skipPreflight": True}
    signature: str = process.call("sendTransaction", raw, options)
    return signature


def survive_kills(folder: Path, rounds: int) -> None:
    """Kill localnet right after each answer, and look for everything it answered."""
    signatures: list[str] = []
    slot, chains = 0, set()
    for _ in range(rounds):
        with start(folder) as process:
            slot = check(process, signatures, slot)
            chains.add(process.call("getGenesisHash"))
            signatures.append(send_payment(process))
            assert process.end(signal.SIGKILL) == -signal.SIGKILL
    with start(folder) as process:
        check(process, signatures, slot)
    assert len(chains) == 1


def check(process: LocalnetProcess, signatures: list[str], slot: int) -> int:
    """Look for every payment that was answered; return the slot, which never goes back."""
    for start in range(0, len(signatures), 256):
        asked = signatures[start : start + 256]
        found = process.call(
            "getSignatureStatuses", asked, {"searchTransactionHistory": True}
        )
        assert [status["err"] for status in found["value"]] == [None] * len(asked)
    processed = {"commitment": "processed"}
    balance = process.call("getBalance", str(OTHER), processed)
    assert balance["value"] == len(signatures) * SOL
    now: int = process.call("getSlot", processed)
    assert now >= slot
    return now


def test_what_was_answered_survives_sigkill(tmp_path):
    survive_kills(tmp_path, 3)


@pytest.mark.prove
@pytest.mark.timeout(1_200)
def test_what_was_answered_survives_sigkill_200_times(tmp_path):
    survive_kills(tmp_path, 200)


def test_sigterm_ends_it_cleanly(tmp_path):
    with start(tmp_path) as process:
        send_payment(process)

        assert process.end(signal.SIGTERM) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_bad_fault_ends_it_at_once_with_the_reason(tmp_path, capsys):
    options = ["--ledger", str(tmp_path), "--fault"]

    with pytest.raises(CommandError, match="node is 2; there are 2 nodes"):
        call_command("localnet", *options, "hide,node=2")
    with pytest.raises(CommandError, match="'probability' in the fault"):
        call_command("localnet", *options, "hide,probability")
