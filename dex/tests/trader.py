"""A wallet with a cluster on a localnet, for the whole way of a swap."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.localnet.testing import RunningLocalnet, running_localnet
from dex.quoting import Swap, Wanted
from dex.ranking import ImpactLimit
from dex.router import find_route, load_venues
from dex.solana.addresses import associated_token_address
from dex.solana.cluster import Cluster
from dex.solana.rpc import RpcClient
from dex.solana.subscriptions import socket_urls
from dex.solana.transactions import compose_swap
from dex.solana.wallet import Wallet, create_wallet
from dex.types import (
    Fill,
    Quote,
    SignedTransaction,
    Snapshot,
)
from dex.venues.base import Venue


@dataclass
class Trader:
    """A wallet with a cluster on a localnet."""

    localnet: RunningLocalnet
    cluster: Cluster
    wallet: Wallet
    venues: dict[str, Venue]
    mints: dict[str, Pubkey]

    async def quote(
        self, token_in: str, token_out: str, amount_in: int, venue: str = ""
    ) -> tuple[Quote, Snapshot]:
        genesis = self.localnet.control("localnet_genesis")
        pair = {str(self.mints[token_in]), str(self.mints[token_out])}
        pools = [
            (pool["venue"], Pubkey.from_string(pool["address"]))
            for pool in genesis["pools"]
            if {pool["tokenA"], pool["tokenB"]} == pair and venue in ("", pool["venue"])
        ]
        wanted = Wanted(
            swap=Swap(self.mints[token_in], self.mints[token_out], amount_in),
            pools=pools,
            max_price_impact=ImpactLimit(10_000, "no limit"),
            account_out=associated_token_address(
                self.wallet.address, self.mints[token_out]
            ),
        )
        route, snapshot = await find_route(
            wanted, market=self.cluster.market, venues=self.venues, timeout_s=5
        )
        return route.best, snapshot

    async def compose(
        self,
        quote: Quote,
        snapshot: Snapshot,
        *,
        memo: str = "order:1",
        min_amount_out: int = 1,
    ) -> tuple[MessageV0, int]:
        blockhash = await self.cluster.latest_blockhash()
        message = compose_swap(
            self.venues[quote.venue],
            quote,
            snapshot,
            wallet=self.wallet.address,
            memo=memo,
            min_amount_out=min_amount_out,
            blockhash=blockhash.blockhash,
            unit_limit=1_400_000,
            unit_price=1000,
        )
        return message, blockhash.last_valid_block_height

    async def sign(
        self, quote: Quote, snapshot: Snapshot, **how: object
    ) -> SignedTransaction:
        message, height = await self.compose(quote, snapshot, **how)  # type: ignore[arg-type]
        return await asyncio.to_thread(_sign, self.wallet, message, height)

    async def fill(self, quote: Quote, signature: str) -> Fill:
        return await self.cluster.fill(
            signature,
            vault_in=quote.vault_in,
            vault_out=quote.vault_out,
            wallet=self.wallet.address,
            mint_in=quote.mint_in,
            mint_out=quote.mint_out,
        )


def _sign(wallet: Wallet, message: MessageV0, height: int) -> SignedTransaction:
    try:
        return wallet.sign(message, height)
    finally:
        connection.close()


@contextlib.asynccontextmanager
async def trading(
    folder: Path, *, sockets: bool = False, **network: Any
) -> AsyncIterator[Trader]:
    """Run a localnet with these options, and a cluster over it, `sockets` included."""
    wallet = create_wallet(folder / "wallet.json")
    async with running_localnet(fund=[wallet.address], **network) as localnet:
        rpc = RpcClient(
            localnet.urls, timeout_s=5, batch_size=25, expected_genesis=None
        )
        venues = load_venues()
        async with Cluster(
            rpc,
            venues,
            slot_time_s=0.02,
            resend_interval_s=0.02,
            expiry_interval_s=0.01,
            socket_urls=socket_urls(localnet.urls, None) if sockets else None,
        ) as cluster:
            genesis = localnet.control("localnet_genesis")
            mints = {
                token["symbol"]: Pubkey.from_string(token["mint"])
                for token in genesis["tokens"]
            }
            yield Trader(localnet, cluster, wallet, venues, mints)
