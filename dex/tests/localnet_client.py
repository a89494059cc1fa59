"""A plain client of localnet for its own tests: posts bodies, returns what came back."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.system_program import TransferParams, transfer

from dex.localnet.market import sign_transaction
from dex.localnet.testing import RunningLocalnet, running_localnet

WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9
CONFIRMED = {"commitment": "confirmed"}
BASE64 = {"encoding": "base64", "preflightCommitment": "processed"}


class Client:
    """Posts bodies to the nodes of one localnet."""

    def __init__(
        self, localnet: RunningLocalnet, session: aiohttp.ClientSession
    ) -> None:
        self.localnet = localnet
        self.session = session

    async def post(self, body: Any, node: int = 0) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        async with self.session.post(self.localnet.urls[node], data=data) as answer:
            text = await answer.text()
            return json.loads(text) if text else None

    async def call(self, method: str, *params: Any, node: int = 0) -> Any:
        body = {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}
        answer = await self.post(body, node)
        assert answer["id"] == 0
        return answer.get("result", answer.get("error"))

    def signed(self, lamports: int = SOL, memo: str = "") -> str:
        payment = transfer(
            TransferParams(
                from_pubkey=WALLET.pubkey(), to_pubkey=OTHER, lamports=lamports
            )
        )
        return self.encoded(payment, memo=memo)

    def message(self) -> str:
        """Return the message of a payment alone, without its signature."""
        return base64.b64encode(base64.b64decode(self.signed())[65:]).decode()

    def encoded(self, *instructions: Instruction, memo: str = "") -> str:
        ledger = self.localnet.ledger
        raw = sign_transaction(ledger, WALLET, instructions, memo)
        return base64.b64encode(raw).decode()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as stack:
        localnet = await stack.enter_async_context(
            running_localnet(slot_time_s=3600, fund=[WALLET.pubkey()])
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Client(localnet, session)
