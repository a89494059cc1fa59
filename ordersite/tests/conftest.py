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
from orders.tests.helpers import make_owner, make_token
from orders.tests.wire import Wire
from ordersite import health
from ordersite.embedded import Layout, Valkey
from ordersite.preparation import prepare

from .web import WebProcess, web_process


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


@pytest.fixture
def tokens(transactional_db: None) -> None:
    """Tokens A and B, and an owner of orders."""
    make_owner()
    make_token("A")
    make_token("B")


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    """A web process of the module, with the settings of the tests."""
    with web_process(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def wire(web: WebProcess) -> Iterator[Wire]:
    wire = Wire(web.port)
    yield wire
    wire.close()


@pytest.fixture
def prepared(localnet: RunningLocalnet) -> RunningLocalnet:
    prepare(lambda line: None)
    return localnet


@pytest.fixture
def nothing_found_yet() -> None:
    """No check of /readyz was made before."""
    health.RESULTS.forget()
