from __future__ import annotations

import json
import stat
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from dex.chain import known_chain
from dex.halting import halt_trading
from dex.localnet.testing import RunningLocalnet
from dex.models import Chain, Pool, Token
from dex.solana.wallet import Wallet
from orders.access.keys import find_key, revoke
from orders.access.models import ApiKey
from orders.access.principal import EVERYTHING
from orders.recent import forget_all
from ordersite import preparation
from ordersite.development import development_key, key_file
from ordersite.preparation import prepare

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def installation(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def ask(localnet: RunningLocalnet, method: str, *params: str) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    request = urllib.request.Request(
        localnet.urls[0], body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]


def rows() -> list[object]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Chain, Token, Pool, get_user_model())
    ]


@pytest.mark.parametrize(("processes", "is_said"), [(2, False), (32, True)])
def test_too_few_connections_for_the_web_processes_are_said(
    localnet: RunningLocalnet, settings: Settings, processes: int, is_said: bool
):
    settings.WEB_PROCESSES = processes
    said: list[str] = []
    prepare(said.append)

    wish = "database: it allows 200 connections, and 32 web processes"
    assert any(line.startswith(wish) for line in said) == is_said


def test_a_localnet_is_ready_to_trade_after_it(
    localnet: RunningLocalnet, settings: Settings
):
    prepare(lambda line: None)

    chain = known_chain()
    assert chain is not None
    assert chain.is_localnet
    assert chain.genesis_hash == ask(localnet, "getGenesisHash")
    assert {"SOL", "USDC", "RAY", "MET", "A", "B"} <= set(
        Token.objects.values_list("symbol", flat=True)
    )
    assert set(Pool.objects.values_list("venue", flat=True)) == {"raydium", "meteora"}
    wallet = Wallet.load(settings.WALLET_KEYPAIR)
    assert str(wallet.address) == chain.wallet
    assert ask(localnet, "getBalance", chain.wallet)["value"] > 0


def test_repeating_it_changes_nothing(localnet: RunningLocalnet, settings: Settings):
    prepare(lambda line: None)
    Token.objects.filter(symbol="RAY").update(enabled=False)
    Pool.objects.filter(venue="meteora").update(enabled=False, note="by the operator")
    before = rows(), settings.WALLET_KEYPAIR.read_text()

    prepare(lambda line: None)

    assert (rows(), settings.WALLET_KEYPAIR.read_text()) == before


def test_the_development_user_can_log_in_with_the_password_in_the_file(
    localnet: RunningLocalnet,
):
    said: list[str] = []
    prepare(said.append)

    path = preparation.password_file()
    user = get_user_model().objects.get(username="admin")
    assert user.is_superuser
    assert user.check_password(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() not in "\n".join(said)


def test_the_development_key_reads_and_trades_and_survives_until_it_is_revoked(
    localnet: RunningLocalnet,
):
    said: list[str] = []
    prepare(said.append)
    first = development_key()
    prepare(said.append)
    assert development_key() == first

    principal = find_key(first)
    assert principal is not None
    assert principal.scopes == EVERYTHING
    assert principal.owner_id == get_user_model().objects.get(username="local").pk
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert first.split("_", 2)[2] not in "\n".join(said)

    revoke(prefix=first[4:12])
    forget_all()
    prepare(said.append)
    assert development_key() != first
    assert find_key(development_key()) is not None
    assert find_key(first) is None
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600


def test_a_development_key_that_is_switched_off_is_revoked_and_removed(
    localnet: RunningLocalnet, settings: Settings
):
    prepare(lambda line: None)
    text = development_key()
    halt_trading("An order was swapped twice.")
    settings.DEVELOPMENT_KEY = False
    assert development_key() == ""
    forget_all()

    said: list[str] = []
    prepare(said.append)

    assert find_key(text) is None
    assert not key_file().exists()
    assert "development key: revoked and removed" in said
    # Beside it: a terminal is an operator's, so it hears of a halt and why.
    assert any("halted: An order was swapped twice." in line for line in said)


def test_a_development_key_of_a_database_that_is_gone_is_made_anew(
    localnet: RunningLocalnet,
):
    prepare(lambda line: None)
    first = development_key()
    ApiKey.objects.all().delete()
    forget_all()

    prepare(lambda line: None)

    assert development_key() != first
    assert find_key(development_key()) is not None


def test_a_database_of_yours_gets_no_development_user_and_no_key(
    localnet: RunningLocalnet, settings: Settings
):
    settings.USES_EMBEDDED_POSTGRES = False

    prepare(lambda line: None)

    assert not ApiKey.objects.exists()
    assert not key_file().exists()

    assert not get_user_model().objects.filter(is_superuser=True).exists()
    assert not preparation.password_file().exists()


def test_another_chain_is_refused_and_named(localnet: RunningLocalnet):
    prepare(lambda line: None)
    Chain.objects.update(genesis_hash="11111111111111111111111111111111")

    with pytest.raises(CommandError, match="11111111111111111111111111111111"):
        call_command("prepare")


def test_no_answer_from_the_chain_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    monkeypatch.setattr(preparation, "PATIENCE_S", 0)

    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1"):
        call_command("prepare")
