from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from dex import desk
from dex.background import BackgroundLoop
from dex.localnet.testing import RunningLocalnet, running_localnet
from execution.tests.conftest import make_runner, make_wallet, stage  # noqa: F401
from ordersite.embedded import Layout, Valkey


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """Folders of an installation of its own, in a path with a space."""
    found = Layout(tmp_path / "with space")
    yield found
    shutil.rmtree(found.sockets, ignore_errors=True)


@pytest.fixture
def valkey(layout: Layout) -> Iterator[Valkey]:
    """A Valkey of its own, which a test may freeze and kill."""
    server = Valkey(layout)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def localnet(settings: Settings, tmp_path: Path) -> Iterator[RunningLocalnet]:
    """A localnet beside the test, with a wallet file that does not exist yet."""
    loop = BackgroundLoop("localnet")
    context = running_localnet()
    running = loop.run(context.__aenter__(), 20)
    settings.SOLANA_RPC_URLS = running.urls
    settings.WALLET_KEYPAIR = tmp_path / "wallet.json"
    desk.close()  # it keeps the addresses that it first saw
    yield running
    desk.close()
    loop.run(context.__aexit__(None, None, None), 20)
