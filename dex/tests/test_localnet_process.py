"""The real localnet process: what it has answered survives its death."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

ROOT = Path(__file__).resolve().parents[2]
WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9


class Process:
    """`manage.py localnet` as a child, ready when its line is out."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "localnet", "--no-market"),
                *("--port", str(port), "--ledger", str(folder)),
                *("--fund", str(WALLET.pubkey())),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline().startswith("localnet ready")

    def call(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(self.url, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["result"]

    def send_payment(self) -> str:
        latest = self.call("getLatestBlockhash", {"commitment": "confirmed"})
        payment = transfer(
            TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=OTHER, lamports=SOL)
        )
        message = MessageV0.try_compile(
            WALLET.pubkey(),
            [payment],
            [],
            Hash.from_string(latest["value"]["blockhash"]),
        )
        raw = bytes(VersionedTransaction(message, [WALLET]))
        options = {"encoding": "base64", "skipPreflight": True}
        signature: str = self.call(
            "sendTransaction", base64.b64encode(raw).decode(), options
        )
        return signature

    def end(self, number: signal.Signals) -> int:
        self.child.send_signal(number)
        code = self.child.wait(10)
        assert self.child.stdout is not None
        self.child.stdout.close()
        return code


@pytest.fixture
def port() -> int:
    """A port that is free, and whose next two are most likely free as well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return min(found, 65_000)


def test_what_was_answered_survives_sigkill(tmp_path, port):
    process = Process(tmp_path, port)
    genesis_hash = process.call("getGenesisHash")
    signatures = []
    for _ in range(3):
        signatures.append(process.send_payment())
        slot = process.call("getSlot", {"commitment": "processed"})
        process.end(signal.SIGKILL)
        process = Process(tmp_path, port)

        statuses = process.call(
            "getSignatureStatuses", signatures, {"searchTransactionHistory": True}
        )

        assert [status["err"] for status in statuses["value"]] == [None] * len(
            signatures
        )
        assert process.call("getSlot", {"commitment": "processed"}) >= slot
    balance = process.call("getBalance", str(OTHER), {"commitment": "confirmed"})
    assert balance["value"] == 3 * SOL
    assert process.call("getGenesisHash") == genesis_hash
    process.end(signal.SIGKILL)


def test_sigterm_ends_it_cleanly(tmp_path, port):
    process = Process(tmp_path, port)
    process.send_payment()

    assert process.end(signal.SIGTERM) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]
