from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dex.localnet.network import Network
from dex.localnet.testing import RunningLocalnet, running_localnet

from .builders import key
from .ledger_client import WALLET, open_network
from .paper_market import OTHER_POOL, POOL
from .paper_venue import PaperChain, page
from .socket_client import Socket, connected
from .trader import Trader, trading


@pytest.fixture
def chain() -> PaperChain:
    made = PaperChain()
    made.accounts = {
        POOL: page(1, key("vault"), key("config")),
        key("vault"): page(0),
        key("config"): page(0, key("array")),
        key("array"): page(7),
        OTHER_POOL: page(2),
    }
    return made


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = open_network(tmp_path)
    yield network
    network.ledger.close()


@pytest.fixture
async def localnet() -> AsyncIterator[RunningLocalnet]:
    """A localnet of two nodes that stands still until `localnet_advance`."""
    async with running_localnet(
        slot_time_s=3600, slots_to_confirm=2, fund=[WALLET.pubkey()]
    ) as running:
        yield running


@pytest.fixture
async def socket(localnet: RunningLocalnet) -> AsyncIterator[Socket]:
    async with connected(localnet) as opened:
        yield opened


@pytest.fixture
async def trader(tmp_path: Path) -> AsyncIterator[Trader]:
    async with trading(tmp_path) as made:
        yield made
