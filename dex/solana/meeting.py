"""Meeting the chain: which one the endpoints serve, and whether it may be traded on."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.db import connection

from dex.chain import meet_chain
from dex.errors import ChainRefused, RpcError, RpcUnavailable
from dex.models import Chain

from .decoding import is_count
from .endpoint import Endpoint
from .rpc import RpcClient


async def meet(rpc: RpcClient, wallet_address: str) -> Chain:
    """Bind the database to the chain of the endpoints, or check that it is that one.

    Raises RpcUnavailable, WrongChain, and ChainRefused for a chain with real funds
    while the settings do not allow it.
    """
    genesis_hash = await rpc.call("getGenesisHash")
    is_localnet = _is_localnet(await rpc.call("getVersion"))
    check_allowed(is_localnet=is_localnet, endpoints=len(rpc.endpoints))
    newest_slot, newest_signature = await _newest(rpc, wallet_address)

    def meet_in_thread() -> Chain:
        try:
            return meet_chain(
                genesis_hash=genesis_hash,
                is_localnet=is_localnet,
                wallet=wallet_address,
                newest_signature=newest_signature,
                newest_slot=newest_slot,
            )
        finally:
            connection.close()  # the thread's own

    return await asyncio.to_thread(meet_in_thread)


def check_allowed(*, is_localnet: bool, endpoints: int) -> None:
    """Raise ChainRefused for a chain with real funds that the settings do not allow."""
    if is_localnet:
        return
    if endpoints < 2 and not settings.ALLOW_SINGLE_RPC:
        raise ChainRefused(
            "One endpoint alone could hide a landed transaction. Name two of different "
            "operators in SOLANA_RPC_URLS, or accept the risk with ALLOW_SINGLE_RPC=1."
        )


def _is_localnet(version: Any) -> bool:
    """Whatever does not say that it is a localnet is treated as real."""
    return isinstance(version, dict) and version.get("localnet") is True


async def _newest(rpc: RpcClient, wallet_address: str) -> tuple[int, str]:
    """Ask every endpoint for the wallet's newest signature and its slot; 0 and "" for none."""
    answers = await asyncio.gather(
        *(_newest_known_to(endpoint, wallet_address) for endpoint in rpc.endpoints),
        return_exceptions=True,
    )
    known = []
    for answer in answers:
        if isinstance(answer, RpcError):
            continue  # an endpoint that does not answer stops nobody
        if isinstance(answer, BaseException):
            raise answer
        known.append(answer)
    if not known:
        raise RpcUnavailable("No endpoint lists the wallet's signatures.")
    return max(known)


async def _newest_known_to(endpoint: Endpoint, wallet_address: str) -> tuple[int, str]:
    options = {"limit": 1, "commitment": "confirmed"}
    page = await endpoint.call("getSignaturesForAddress", [wallet_address, options])
    match page:
        case []:
            return (0, "")
        case [{"slot": slot, "signature": str(signature)}, *_] if is_count(slot):
            return (slot, signature)
    raise RpcUnavailable(f"{endpoint.name}: the list of signatures is unreadable")
