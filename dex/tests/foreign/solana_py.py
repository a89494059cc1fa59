"""The `solana` package of PyPI: accounts, tokens, a swap, subscriptions, errors.

Reads the task from stdin and prints a report. Runs without the project's packages.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.core import RPCException
from solana.rpc.models import TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solana_py_session import NOW, Session, instruction
from solana_py_tokens import move_tokens, wrap
from solders.keypair import Keypair
from solders.message import MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

SOL = 10**9
UNCHECKED = TxOpts(skip_preflight=True)


async def main(task: dict[str, Any]) -> dict[str, Any]:
    async with AsyncClient(task["url"], Confirmed) as client:
        session = Session(task, client)
        return {
            "connected": await client.is_connected(),
            "swaps": [
                await swap_by_message(session),
                await swap_by_instructions(session),
            ],
            "payments": await pay(session),
            "tokens": await move_tokens(session),
            "wrapped": await wrap(session),
            "subscriptions": await subscribe(session),
            "errors": await fail(session),
        }


async def swap_by_message(session: Session) -> dict[str, Any]:
    described = session.task["swaps"][0]
    message = from_bytes_versioned(base64.b64decode(described["message"]))
    signature = session.wallet.sign_message(to_bytes_versioned(message))
    signed = VersionedTransaction.populate(message, [signature])

    async def send() -> Signature:
        sent = await session.client.send_raw_transaction(bytes(signed))
        latest = (await session.client.get_latest_blockhash()).value
        await session.confirm(sent.value, latest.last_valid_block_height)
        return sent.value

    return await paid_by(session, described, send)


async def swap_by_instructions(session: Session) -> dict[str, Any]:
    described = session.task["swaps"][1]
    parts = [instruction(part) for part in described["instructions"]]
    return await paid_by(session, described, lambda: session.send(*parts))


async def paid_by(
    session: Session,
    described: dict[str, Any],
    send: Callable[[], Awaitable[Signature]],
) -> dict[str, Any]:
    """Report what a swap paid, and what its parsed transaction says."""
    client, account_out = session.client, Pubkey.from_string(described["accountOut"])
    before = (await client.get_token_account_balance(account_out)).value
    signature = await send()
    after = (await client.get_token_account_balance(account_out)).value
    parsed = await client.get_transaction(signature, "jsonParsed", Confirmed, 0)
    meta = parsed.value.transaction.meta
    inner = [each for group in meta.inner_instructions for each in group.instructions]
    kinds = [json.loads(each.to_json()).get("parsed", {}).get("type") for each in inner]
    return {
        "received": int(after.amount) - int(before.amount),
        "error": meta.err,
        "innerTransfers": kinds.count("transferChecked"),
    }


async def pay(session: Session) -> dict[str, Any]:
    client, other = session.client, Keypair().pubkey()
    drop = await client.request_airdrop(other, 2 * SOL)
    height = (await client.get_latest_blockhash()).value.last_valid_block_height
    status = await session.confirm(drop.value, height)
    payment = transfer(
        TransferParams(from_pubkey=session.me, to_pubkey=other, lamports=SOL)
    )
    signature = await session.send(payment, instruction(session.task["memo"]))
    listed = (await client.get_signatures_for_address(other)).value
    found = (await client.get_transaction(signature, "json", Confirmed, 0)).value
    latest = (await client.get_latest_blockhash()).value.blockhash
    message = MessageV0.try_compile(session.me, [payment], [], latest)
    return {
        "airdropError": status.err,
        "balance": (await client.get_balance(other)).value / SOL,
        "newestFirst": [entry.signature == signature for entry in listed],
        "memo": listed[0].memo,
        "fee": found.transaction.meta.fee,
        "feeForMessage": (await client.get_fee_for_message(message)).value,
        "rent": (await client.get_minimum_balance_for_rent_exemption(165)).value,
        "version": found.transaction.version,
    }


async def subscribe(session: Session) -> dict[str, Any]:
    target = Keypair().pubkey()
    told: dict[str, Any] = {}
    async with SolanaWsClient(session.task["socketUrl"]) as socket:
        mentions = RpcTransactionLogsFilterMentions(target)
        wanted = [
            await socket.account_subscribe(
                pubkey=target, commitment=Confirmed, encoding="base64"
            ),
            await socket.logs_subscribe(filter_=mentions, commitment=Confirmed),
            await socket.slot_subscribe(),
            await socket.root_subscribe(),
        ]
        dropped = await session.client.request_airdrop(target, SOL)
        wanted.append(
            await socket.signature_subscribe(
                signature=dropped.value, commitment=Confirmed
            )
        )
        while len(told) < len(wanted):
            notification = await socket.recv()
            told[type(notification).__name__] = notification
        for subscription in wanted[:-1]:
            await socket.unsubscribe(subscription)
    return {
        "kinds": sorted(told),
        "lamports": told["AccountNotification"].result.value.lamports,
        "logged": told["LogsNotification"].result.value.signature == dropped.value,
        "error": told["SignatureNotification"].result.value.err,
    }


async def fail(session: Session) -> dict[str, Any]:
    client = session.client
    too_much = transfer(
        TransferParams(
            from_pubkey=session.me, to_pubkey=Keypair().pubkey(), lamports=10**15
        )
    )
    latest = (await client.get_latest_blockhash()).value
    signed = session.sign((too_much,), latest.blockhash)
    try:
        await client.send_transaction(signed, NOW)
    except RPCException as error:
        refusal = error.args[0]
    sent = await client.send_transaction(signed, UNCHECKED)
    status = await session.confirm(sent.value, latest.last_valid_block_height)
    simulated = (await client.simulate_transaction(signed)).value
    return {
        "refusal": refusal.message,
        "refusalError": str(refusal.data.err),
        "lastLog": refusal.data.logs[-1],
        "landedWith": str(status.err),
        "simulated": str(simulated.err),
    }


if __name__ == "__main__":
    json.dump(asyncio.run(main(json.load(sys.stdin))), sys.stdout)
