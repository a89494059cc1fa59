"""Whatever a client sends, a node answers it in order and names what is wrong."""

from __future__ import annotations

import base64
import random

import pytest
from solders.system_program import TransferParams, transfer

from dex.localnet.market import sign_transaction
from dex.localnet.methods.bodies import answer_call
from dex.localnet.methods.rpc import INTERNAL_ERROR
from dex.localnet.server import METHODS
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT

from .localnet_methods import OTHER, WALLET, methods

__all__ = ["methods"]

# Those that only localnet has change how the chain runs.
NAMES = sorted(name for name in METHODS if not name.startswith("localnet_"))
VALUES: list[object] = [
    *(None, True, False, 0, 1, -1, 10_000, 10_001, 2**64, 1.5, float("nan")),
    *("", "1", "x" * 50, "\ud800", "é", "base64", "base58", "jsonParsed", "finalized"),
    *(str(WALLET.pubkey()), str(WRAPPED_SOL_MINT), str(TOKEN_PROGRAM), "1" * 64),
    *([], [None], [[]], {}, [str(WALLET.pubkey())], ["1" * 64]),
    {"mint": str(WRAPPED_SOL_MINT)},
    {"programId": str(TOKEN_PROGRAM)},
]
MEMBERS = [
    *("commitment", "encoding", "minContextSlot", "dataSlice", "filters", "limit"),
    *("before", "until", "maxSupportedTransactionVersion", "transactionDetails"),
    *("rewards", "accounts", "sigVerify", "skipPreflight", "preflightCommitment"),
    *("identity", "range", "filter", "searchTransactionHistory", "withContext"),
]


def junk(rng: random.Random, depth: int = 0) -> object:
    """Draw a value, or a map of options with such values."""
    if depth < 2 and rng.random() < 0.4:
        chosen = rng.sample(MEMBERS, rng.randint(0, 4))
        return {name: junk(rng, depth + 1) for name in chosen}
    return rng.choice(VALUES)


@pytest.mark.parametrize("name", NAMES)
def test_junk_is_never_an_internal_error(methods, name):
    rng = random.Random(name)
    node = methods.network.nodes[0]
    for _ in range(40):
        params = [junk(rng) for _ in range(rng.randint(0, 3))]
        call = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}

        answer = answer_call(METHODS, node, call)

        assert answer.get("error", {}).get("code") != INTERNAL_ERROR, params


def test_transaction_with_flipped_bytes_is_never_an_internal_error(methods):
    rng = random.Random(5)
    node = methods.network.nodes[0]
    payment = transfer(
        TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=OTHER, lamports=5)
    )
    valid = sign_transaction(methods.network.ledger, WALLET, [payment], "memo")
    for _ in range(300):
        raw = bytearray(valid)
        for _ in range(rng.randint(1, 3)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        options = {"encoding": "base64", "skipPreflight": rng.random() < 0.5}
        for method, shown in (
            ("sendTransaction", raw),
            ("simulateTransaction", raw),
            ("getFeeForMessage", raw[65:]),
        ):
            text = base64.b64encode(shown).decode()
            call = {"jsonrpc": "2.0", "id": 1, "method": method}

            answer = answer_call(METHODS, node, {**call, "params": [text, options]})

            assert answer.get("error", {}).get("code") != INTERNAL_ERROR, text
