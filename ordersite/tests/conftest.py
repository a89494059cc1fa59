from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from dex import desk
from dex.background import BackgroundLoop
from dex.localnet.testing import RunningLocalnet, running_localnet
from execution.tests.conftest import make_runner, make_wallet, stage  # noqa: F401
from ordersite.embedded import Layout, Valkey

from .browser import Browse, browser_page, find_chromium
from .engine import RunningEngine, engine_in


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


@pytest.fixture(scope="session")
def running_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """Everything that `make run` runs, once for all tests that need it."""
    with engine_in(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> str:
    return find_chromium(pytestconfig)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def browse(chromium: str, complaints: list[str]) -> Browse:
    """Open a page; `complaints` collects what goes wrong in it."""
    return partial(browser_page, chromium, complaints)
