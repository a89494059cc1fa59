"""The client of the endpoints that the settings name."""

from __future__ import annotations

from django.conf import settings

from .rpc import RpcClient


def configured_client(expected_genesis: str | None) -> RpcClient:
    """Open a client of SOLANA_RPC_URLS; whoever opens it closes it.

    `expected_genesis` None means: whichever chain answers first.
    """
    return RpcClient(
        settings.SOLANA_RPC_URLS,
        timeout_s=settings.RPC_TIMEOUT_S,
        batch_size=settings.RPC_BATCH_SIZE,
        slot_time_s=settings.SLOT_TIME_S,
        expected_genesis=expected_genesis,
    )
