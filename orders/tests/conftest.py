from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from dex import desk
from dex.allow_list import allow_genesis
from dex.chain import meet_chain
from dex.localnet.testing import running_localnet
from dex.models import Chain
from orders.threads import in_thread

from .helpers import make_address, make_owner, make_token


@pytest.fixture
def nobody_is_anonymous(settings, db):
    """Whoever has no key and no session trades with nobody; tokens A and B can be traded."""
    settings.ALLOW_ANONYMOUS = False
    make_token("A")
    make_token("B")


@pytest.fixture
def tradable(db):
    """A chain that was met, an owner, and the tokens A and B."""
    make_owner()
    make_token("A")
    make_token("B", decimals=6)
    meet_chain(
        genesis_hash="GenesisA",
        is_localnet=True,
        wallet="WalletA",
        newest_signature="sig1",
    )


@pytest.fixture
async def localnet(settings):
    """A localnet whose slot stands still, and the chain row that a worker would make."""
    wallet = make_address()
    funded = [Pubkey.from_string(wallet)]
    async with running_localnet(slot_time_s=3600, fund=funded) as localnet:
        settings.SOLANA_RPC_URLS = localnet.urls
        await in_thread(desk.close)
        await in_thread(allow_genesis, localnet.control("localnet_genesis"))
        genesis_hash = localnet.control("getGenesisHash")
        await in_thread(
            lambda: Chain.objects.create(
                id=1, genesis_hash=genesis_hash, is_localnet=True, wallet=wallet
            )
        )
        yield localnet
        await in_thread(desk.close)
