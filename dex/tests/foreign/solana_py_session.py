"""A wallet with a client of the `solana` package, for the scripts beside this file."""

from __future__ import annotations

import base64
from typing import Any

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.models import TxOpts
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

NOW = TxOpts(preflight_commitment=Processed)


class Session:
    """What the task describes, and the client to do it with."""

    def __init__(self, task: dict[str, Any], client: AsyncClient) -> None:
        self.task = task
        self.client = client
        self.wallet = Keypair.from_bytes(bytes(task["wallet"]))
        self.me = self.wallet.pubkey()

    async def send(self, *parts: Instruction, signers: tuple[Keypair, ...] = ()) -> Any:
        """Send with the newest blockhash, wait until confirmed, return the signature."""
        latest = (await self.client.get_latest_blockhash()).value
        raw = bytes(self.sign(parts, latest.blockhash, signers))
        sent = await self.client.send_raw_transaction(raw, NOW)
        await self.confirm(sent.value, latest.last_valid_block_height)
        return sent.value

    def sign(
        self,
        parts: tuple[Instruction, ...],
        blockhash: Hash,
        signers: tuple[Keypair, ...] = (),
    ) -> VersionedTransaction:
        message = MessageV0.try_compile(self.me, list(parts), [], blockhash)
        return VersionedTransaction(message, [self.wallet, *signers])

    async def confirm(self, signature: Signature, last_valid_height: int) -> Any:
        statuses = await self.client.confirm_transaction(
            signature, Confirmed, 0.02, last_valid_block_height=last_valid_height
        )
        return statuses.value[0]


def instruction(described: dict[str, Any]) -> Instruction:
    keys = [
        AccountMeta(
            Pubkey.from_string(key["pubkey"]), key["isSigner"], key["isWritable"]
        )
        for key in described["keys"]
    ]
    program = Pubkey.from_string(described["programId"])
    return Instruction(program, base64.b64decode(described["data"]), keys)
